"""`labform deploy` and `retire`: edit the stack file, lock, `pulumi up`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from labform import engine_output
from labform.atomic_file import write_whole
from labform.cli import AddressesOption, LockOption, ProjectArgument, StackFileArgument, typer_app
from labform.cli.locking import lock_command
from labform.editing import with_state
from labform.problems import LabformError
from labform.yaml_file import text_of

_PulumiArguments = Annotated[
    list[str] | None, typer.Argument(metavar="[-- PULUMI OPTIONS]", help="Options for `pulumi up`, for example --yes.")
]
_UpOption = Annotated[bool, typer.Option("--up/--no-up", help="Run `pulumi up` afterwards.")]


@typer_app.command()
def retire(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    pulumi: _PulumiArguments = None,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    up: _UpOption = True,
) -> None:
    """Give a project's GPUs back: its container goes, its data stays. Edits the stack file, locks, runs `pulumi up`.

    Example: labform retire stacks/dev.yaml notebook --no-up
    """
    _deploy(stack_file, project, "retired", lock, addresses, [*(pulumi or [])] if up else None)


@typer_app.command()
def deploy(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    pulumi: _PulumiArguments = None,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    up: _UpOption = True,
) -> None:
    """Bring a project up, a retired one too. Edits the stack file if need be, locks, runs `pulumi up`.

    Example: labform deploy stacks/dev.yaml notebook --no-up
    """
    _deploy(stack_file, project, "running", lock, addresses, [*(pulumi or [])] if up else None)


def _deploy(
    path: Path,
    project: str,
    state: Literal["running", "retired"],
    lock: Path | None,
    addresses: str,
    options: list[str] | None,
) -> None:
    """Edit and lock; a file that cannot be locked is put back as it was. Then `pulumi up`, unless `options` is None."""
    text = text_of(path)
    before, edited = path.read_bytes(), with_state(text, project, state)
    try:
        if edited != text:
            write_whole(path, edited.encode())
            print(f"{path}: {project} is {state}")
        lock_command(path, lock=lock, addresses=addresses)
    except BaseException:
        if edited != text:
            write_whole(path, before)
        raise
    if options is not None:
        _up(path, options)


def _up(path: Path, options: list[str]) -> None:
    try:
        code = engine_output.run(["pulumi", "up", "--stack", path.stem, *options])
    except FileNotFoundError:
        raise LabformError("there is no pulumi on PATH; the file is edited and locked, run `pulumi up`") from None
    raise typer.Exit(code)
