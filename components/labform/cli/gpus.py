"""`labform gpus`: who holds which GPU, by the stack file and its lock."""

import json
from typing import Annotated

import typer

from labform.cli import LockOption, StackFileArgument, print_table, typer_app
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
    titles = ("host", "gpu", "model", "profile", "holder", "owner")
    free = {"profile": "whole", "holder": "free"}
    print_table(titles, [[row[title] or free.get(title, "") for title in titles] for row in rows])
    held = sum(row["holder"] is not None for row in rows)
    print(f"{held} of {len(rows)} held")
