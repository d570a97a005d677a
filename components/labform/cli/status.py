"""`labform status`: what a lab declares, beside what runs."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
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
from labform.gpu_table import gpu_table
from labform.loading import StackFile, load
from labform.problems import LabformError

_SOMETIMES = frozenset({"until", "gpus"})
"""Columns that are there only where somebody has something in them."""


@typer_app.command()
def status(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    tokens: TokensOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each project: its owner, state, GPUs, image, where to reach it, where its data lives. Exit 1 if one is ill.

    Example: labform status stacks/dev.yaml
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    known: dict[str, str] = json.load(tokens) if tokens else {}
    rows = _declared(stack, live(stack.lab, stack.lock).status())
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


def _declared(stack: StackFile, rows: Iterable[Row]) -> list[Row]:
    """Rows with whose each project is, until when, and which GPUs it is given."""
    gpus: dict[str, list[Row]] = {}
    for one in gpu_table(stack.lab, stack.lock):
        gpus.setdefault(one["holder"], []).append({key: one[key] for key in ("host", "gpu", "model", "profile")})
    return [row | _owner(stack, row["project"]) | {"gpus": gpus.get(row["project"], [])} for row in rows]


def _owner(stack: StackFile, name: str) -> Row:
    """Whose a project is and until when; nobody's where there is no such project."""
    if (project := stack.lab.projects.get(name)) is None:
        return {"owner": None, "until": None}
    until = stack.lab.people[project.owner].until
    return {"owner": project.owner, "until": until and str(until)}


def _print(rows: list[Row]) -> None:
    """What every lab has, and what of GPUs and dates this one has."""
    columns: dict[str, Callable[[Row], str]] = {
        "project": lambda row: row["project"],
        "owner": lambda row: row["owner"] or "",
        "until": lambda row: row["until"] or "",
        "state": lambda row: row["state"],
        "gpus": _gpus,
        "image": lambda row: row["image"].split("@")[-1][:19],
        "reach it at": lambda row: row["url"],
        "data": lambda row: "\n".join(row["data"]),
    }
    shown = [name for name, cell in columns.items() if name not in _SOMETIMES or any(cell(row) for row in rows)]
    print_table(shown, [[columns[name](row) for name in shown] for row in rows])


def _gpus(row: Row) -> str:
    kinds = Counter((one["host"], one["model"], one["profile"]) for one in row["gpus"])
    words = [(host, " ".join(filter(None, (model, profile))), count) for (host, model, profile), count in kinds.items()]
    return "\n".join(f"{host}: {count} x {kind}" if count > 1 else f"{host}: {kind}" for host, kind, count in words)
