"""`labform freeze`: what was installed by hand in a running container, as a change of the project's own files."""

import difflib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from labform.backends.docker.installed import installed
from labform.cli import AddressesOption, LockOption, ProjectArgument, StackFileArgument, parsed, typer_app
from labform.cli.containers import container_of
from labform.freeze import Change, changes, edit_pyproject, edit_requirements
from labform.loading import StackFile, load
from labform.problems import LabformError, Problem

_UV = "pyproject.toml"


@typer_app.command()
def freeze(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    write: Annotated[bool, typer.Option("--write", help="Write the change into the project's files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what changed as JSON.")] = False,
) -> None:
    """Print what a container has beyond its image, as a diff of the project's own files. Exit 1 if they cannot say it.

    Example: labform freeze stacks/dev.yaml notebook --write
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    python, debian = _changes(stack, project)
    if as_json:
        print(json.dumps({"python": [asdict(one) for one in python], "apt": [asdict(one) for one in debian]}, indent=1))
        return
    before, after, problems = _edited(stack, project, python)
    for path, text in after.items():
        _show(path, before[path], text)
        if write and text != before[path]:
            _replace(path, text)
    problems += [_apt(project, one) for one in debian]
    if not python and not debian:
        print(f"{project}: nothing was installed or removed since its image was built")
    if write and before != after and (path := next(iter(after))).name == _UV:
        print(f"now run: uv lock --directory {path.parent}")
    if problems:
        raise LabformError("\n".join(map(str, problems)))


def _changes(stack: StackFile, project: str) -> tuple[list[Change], list[Change]]:
    with container_of(stack, project) as container:
        python, debian = installed(container)
    return changes(*python), changes(*debian)


def _edited(
    stack: StackFile, project: str, changed: Sequence[Change]
) -> tuple[dict[Path, str], dict[Path, str], list[Problem]]:
    """The files of a project as they are and as they should be, and what they cannot say."""
    files = stack.recipes[project].declared
    if path := files.get(_UV):
        text = _read(path)
        edited_text, problems = edit_pyproject(text, changed)
        return {path: text}, {path: edited_text}, problems
    if files and not any(name.endswith(".toml") for name in files):
        before = {name: _read(path) for name, path in files.items()}
        edited, problems = edit_requirements(before, changed)
        return {files[name]: text for name, text in before.items()}, {files[n]: t for n, t in edited.items()}, problems
    hint = "write it into what the image is made from"
    return {}, {}, [Problem((one.name,), "not-declared", str(one), hint) for one in changed]


def _apt(project: str, change: Change) -> Problem:
    wanted = f"{change.name}={change.new.version}" if change.new else change.name
    hint = f"{'write' if change.new else 'leave out'} apt: [{wanted}] in projects.{project}.environment"
    return Problem((change.name,), "apt", f"Debian package {change}", hint)


def _read(path: Path) -> str:
    return path.read_bytes().decode()


def _show(path: Path, before: str, after: str) -> None:
    shown = os.path.relpath(path)
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), shown, shown, lineterm="")
    print("\n".join(diff), end="\n" if before != after else "")


def _replace(path: Path, text: str) -> None:
    """Write beside the file and move it there, with the file's mode."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(text.encode())
    beside.chmod(path.stat().st_mode)
    beside.replace(path)
