"""`labform status`: what a lab declares, beside what runs."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import typer

from labform.backends.docker.data import invitation
from labform.backends.live import FINE, Row, live
from labform.capacity import named
from labform.cli import (
    AddressesOption,
    LockOption,
    StackFileArgument,
    TokensOption,
    parsed,
    print_table,
    typer_app,
)
from labform.loading import StackFile, load
from labform.problems import LabformError


@typer_app.command()
def status(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    tokens: TokensOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each project: state, image, where to reach it, where its data lives. Exit 1 if one is not well.

    Example: labform status stacks/dev.yaml
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    known: dict[str, str] = json.load(tokens) if tokens else {}
    rows = live(stack.lab, stack.lock).status()
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _print([row | {"url": _invited(stack, row, known)} for row in rows] if sys.stdout.isatty() else rows)
    causes: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] not in FINE:
            causes.setdefault(f"{row['state']}; {row['cause']}", []).append(row["project"])
    if causes:
        raise LabformError("\n".join(f"{named(names)}: {cause}" for cause, names in causes.items()))


def _invited(stack: StackFile, row: Row, tokens: Mapping[str, str]) -> str:
    """Where a project is reached, with the token that lets one in."""
    name = row["project"]
    if not row["url"] or name not in tokens:
        return str(row["url"])
    parts = urlsplit(row["url"])
    return invitation(stack.lab.projects[name], f"{parts.scheme}://{parts.netloc}", tokens[name])


def _print(rows: list[Row]) -> None:
    print_table(
        ("project", "state", "image", "reach it at", "data"),
        [
            (
                row["project"],
                row["state"],
                row["image"].split("@")[-1][:19],
                row["url"],
                "\n".join(row["data"]),
            )
            for row in rows
        ],
    )
