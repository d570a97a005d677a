"""`labform check` and `labform schema`: what a stack file may say, and whether one does."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from labform.cli import LockOption, StackFileArgument, typer_app
from labform.ledger import plan
from labform.loading import cuda_needs, load, read, recipes_of, warnings_of
from labform.lockfile import Lock
from labform.problems import LabformError
from labform.stack_file import LabArgs


@typer_app.command()
def check(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    without_lock: Annotated[bool, typer.Option("--without-lock", help="Judge the stack file alone.")] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="Refuse what people hold whose access ended before it.")
    ] = None,
) -> None:
    """Say what is wrong with a stack file and its lock, all of it.

    `--on 2027-04-01`, or `--on today`, looks at `until` of people as well; nothing else reads a date.

    Example: labform check stacks/dev.yaml
    """
    if without_lock:
        draft = read(stack_file, lock=lock, on=_day(on))
        recipes, _, problems = recipes_of(draft)
        draft.refuse(
            [*problems, *plan(draft.lab, Lock(lab=draft.lab.lab), {}, needs=cuda_needs(draft, recipes)).problems]
        )
        lab = draft.lab
    else:
        stack = load(stack_file, lock=lock, on=_day(on))
        lab, recipes = stack.lab, dict(stack.recipes)
    for line in warnings_of(recipes):
        print(f"{stack_file}: {line}", file=sys.stderr)
    for name, recipe in recipes.items():
        size = f"{recipe.context_size / 1024:.0f} KiB in {len(recipe.files)} files"
        print(f"{name}: image {recipe.hash}, context {size}")
    print(f"{stack_file}: lab {lab.lab}, {len(lab.projects)} projects, {len(lab.volumes)} volumes: ok")


def _day(text: str | None) -> dt.date | None:
    """The day that was typed; LabformError if it is none."""
    try:
        return (
            dt.datetime.now().astimezone().date() if text == "today" else dt.date.fromisoformat(text) if text else None
        )
    except ValueError:
        raise LabformError(f'--on "{text}": write a date such as 2027-03-31, or today') from None


@typer_app.command()
def schema(output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it there.")] = None) -> None:
    """Print the JSON schema of stack files, for editors.

    Example: labform schema --output stacks/schema.json
    """
    text = schema_text()
    if output:
        output.write_text(text)
    else:
        print(text, end="")


def schema_text() -> str:
    """The schema as it is committed: generated from the declarations, keys in a fixed order."""
    generated: dict[str, Any] = LabArgs.model_json_schema(by_alias=True)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "labform stack file"}
    return json.dumps({**generated, **head}, indent=1, sort_keys=True) + "\n"
