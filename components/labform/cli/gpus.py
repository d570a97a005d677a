"""`labform gpus`: who holds which GPU, by the stack file and its lock."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from labform.cli import LockOption, StackFileArgument, typer_app
from labform.gpu_table import gpu_table
from labform.loading import load


@typer_app.command()
def gpus(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every GPU and MIG instance of a lab with the project that holds it, or that it is free.

    Example: labform gpus stacks/dev.yaml
    """
    stack = load(stack_file, lock=lock)
    rows = gpu_table(stack.lab, stack.lock)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("HOST", "GPU", "MODEL", "PROFILE", "HOLDER", "OWNER"):
        table.add_column(title)
    for row in rows:
        holder, owner = row["holder"] or "free", row["owner"] or "-"
        table.add_row(row["host"], row["gpu"], row["model"], row["profile"] or "whole", holder, owner)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)
    held = sum(row["holder"] is not None for row in rows)
    print(f"{held} of {len(rows)} held")
