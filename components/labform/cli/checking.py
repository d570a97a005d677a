"""`labform check` and `labform schema`: what a stack file may say, and whether one does."""

import datetime as dt
import json
import sys
from collections.abc import Sized
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from labform.cli import LockOption, typer_app
from labform.cli.policy import judged
from labform.loading import StackFile, load, unlocked
from labform.lockfile import Lock
from labform.machines import Stack, clashes
from labform.problems import LabformError
from labform.recipes import warnings_of
from labform.stack_file import LabArgs


@typer_app.command()
def check(
    stack_files: Annotated[list[Path], typer.Argument(metavar="STACK_FILE", help="For example stacks/*.yaml.")],
    lock: LockOption = None,
    without_lock: Annotated[bool, typer.Option("--without-lock", help="Judge the stack files alone.")] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="Refuse what people hold whose access ended before it.")
    ] = None,
    policy: Annotated[bool, typer.Option("--policy", help="Judge what it registers by the rules of policy/.")] = False,
    policy_config: Annotated[
        Path | None,
        typer.Option("--policy-config", metavar="FILE", help="Their exceptions, as `--policy-pack-config` takes them."),
    ] = None,
) -> None:
    """Say what is wrong with stack files and their locks, all of it; several are judged as labs that share machines.

    `--on 2027-04-01`, or `--on today`, looks at `until` of people as well; nothing else reads a date.

    Example: labform check stacks/*.yaml
    """
    if lock and len(stack_files) > 1:
        raise LabformError("--lock: give it with one stack file; each of several has its own lock beside it")
    if without_lock and (policy or policy_config):
        raise LabformError("--policy judges what is registered, and that needs the lock; leave --without-lock out")
    day = _day(on)
    stacks: list[StackFile] = []
    faults: list[str] = []
    for path in dict.fromkeys(stack_files):
        try:
            stack = _judged(path, lock, day, without_lock=without_lock)
            if policy or policy_config:
                stack.refuse(judged(stack, policy_config))
            _say(stack)
            stacks.append(stack)
        except LabformError as error:
            faults.append(str(error))
    if faults and stacks:
        faults.append("note: GPUs, ports and sums of a file that is refused are not compared with the others")
    faults += _between(stacks)
    if faults:
        raise LabformError("\n".join(faults))


def _judged(path: Path, lock: Path | None, on: dt.date | None, *, without_lock: bool) -> StackFile:
    """A stack file that is well, with its lock or as if it were the first."""
    if not without_lock:
        return load(path, lock=lock, on=on)
    stack = unlocked(path, on=on)
    # What a first lock would give is nobody's yet: another file's lab does not clash with it.
    return replace(stack, lock=Lock(lab=stack.lab.lab))


def _say(stack: StackFile) -> None:
    for line in warnings_of(stack.recipes):
        print(f"{stack.path}: {line}", file=sys.stderr)
    for name, recipe in stack.recipes.items():
        sent = f"{recipe.context_size / 1024:.0f} KiB in {_number(recipe.files, 'file')}"
        print(f"{name}: image {recipe.hash}{f', context {sent}' if recipe.files else ''}")
    lab = stack.lab
    print(f"{stack.path}: lab {lab.lab}, {_number(lab.projects, 'project')}, {_number(lab.volumes, 'volume')}: ok")


def _number(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _between(stacks: list[StackFile]) -> list[str]:
    """What the labs take from each other, in the words of each file."""
    found = clashes([Stack(str(one.path), one.lab, one.lock) for one in stacks])
    said: list[str] = []
    for stack in stacks:
        try:
            stack.refuse(problem for file, problem in found if file == str(stack.path))
        except LabformError as error:
            said.append(str(error))
    return said


def _day(text: str | None) -> dt.date | None:
    """The day that was typed; LabformError if it is none."""
    try:
        return (
            dt.datetime.now().astimezone().date() if text == "today" else dt.date.fromisoformat(text) if text else None
        )
    except ValueError:
        raise LabformError(f'--on "{text}": write a date such as 2027-03-31, or today') from None


@typer_app.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")] = None,
) -> None:
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
