"""`labform gpus`: who holds which GPU, by the stack file and its lock, and beside what really runs."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from labform.addresses import Addresses
from labform.backends.live import live as live_of
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, print_table, typer_app
from labform.gpu_table import gpu_table, quota_summary
from labform.loading import StackFile, load, unlocked
from labform.problems import LabformError
from labform.quotas import KINDS, quotas

_COLUMNS = ("host", "gpu", "model", "profile", "holder", "owner")
_NOTHING = {"profile": "whole", "holder": "free"}


@typer_app.command()
def gpus(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the hosts too; exit 1 if they differ.")] = False,
    addresses: AddressesOption = "{}",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every GPU and MIG instance of a lab with its holder, or that it is free, and what each person uses.

    With --live each host, or the cluster, is asked what runs there: containers and pods from outside the lab that have
    a GPU, and the lab's own that do not run or have others than planned, are named. A cluster's scheduler chooses the
    devices: there each row is one of its kind.

    Example: labform gpus stacks/dev.yaml --live
    """
    stack = _stack(stack_file, lock, parsed(addresses))
    rows = gpu_table(stack.lab, stack.lock)
    usage = quotas(stack.lab, stack.lock.placements()).usage
    differences, silent = live_of(stack.lab, stack.lock).gpus(rows) if live else ((), ())
    if as_json:
        found = {"differences": [asdict(one) for one in differences], "unreachable": [*silent]} if live else {}
        print(json.dumps({"gpus": rows, "quotas": [one.row() for one in usage], **found}, indent=1))
    else:
        columns = (*_COLUMNS, "live") if live else _COLUMNS
        if rows:
            print_table(columns, [[_cell(key, row[key]) for key in columns] for row in rows])
        held = sum(row["holder"] is not None for row in rows)
        print(f"{held} of {len(rows)} held\n" if rows else "the lab declares no GPU\n")
        people = quota_summary(usage)
        titles = ("person", *(kind.replace("_", " ") for kind in KINDS))
        print_table(titles, [[name, *(people[name].get(kind, "") for kind in KINDS)] for name in people])
    if wrong := [*map(str, differences), *silent]:
        raise LabformError("\n".join(wrong))


def _stack(path: Path, lock: Path | None, addresses: Addresses) -> StackFile:
    """The lab with its lock; where there is none yet, as the first one would place it, which is said."""
    if (lock or path.with_suffix(".lock")).exists():
        return load(path, lock=lock, addresses=addresses)
    stack = unlocked(path, addresses=addresses)
    print(f"note: there is no lock yet; this is what `labform lock {path}` would give", file=sys.stderr)
    return stack


def _cell(key: str, value: Any) -> str:
    if key == "live":
        return "?" if value is None else ", ".join(value)
    return value or _NOTHING.get(key, "")
