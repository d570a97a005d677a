"""`labform freeze`: what was installed by hand in a running container, as a change of the project's own files."""

import difflib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from labform.atomic_file import write_whole
from labform.backends.docker.installed import changed_by_hand
from labform.backends.docker.running import container_of
from labform.cli import (
    AddressesOption,
    LockOption,
    ProjectArgument,
    StackFileArgument,
    parsed,
    refuse_cluster,
    typer_app,
)
from labform.freeze import Changed, edit_apt, edit_files
from labform.loading import StackFile, load
from labform.problems import LabformError, Problem


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
    refuse_cluster(stack.lab, f"labform shell {stack_file} {project} -- python -m pip freeze")
    with container_of(stack.lab, stack.lock, project) as container:
        changed = changed_by_hand(container)
    if as_json:
        listed = {"python": changed.python, "conda": changed.conda, "apt": changed.apt}
        print(json.dumps({key: [asdict(one) for one in found] for key, found in listed.items()}, indent=1))
        return
    if not changed:
        print(f"{project}: nothing was installed or removed since its image was built")
        return
    before, after, problems, relock = _edited(stack, project, changed)
    for path, text in after.items():
        _show(path, before[path], text)
        if write and text != before[path]:
            write_whole(path, text.encode())
    if write and relock:
        print(f"now run: {relock}")
    if problems:
        raise LabformError("\n".join(map(str, problems)))


def _edited(
    stack: StackFile, project: str, changed: Changed
) -> tuple[dict[Path, str], dict[Path, str], list[Problem], str]:
    """The files of a project and the stack file as they are and as they should be, and what they cannot say.

    Last comes the command that brings a lock up to date; empty where none is out of it.
    """
    files = stack.recipes[project].declared
    before = {name: _read(path) for name, path in files.items()}
    edited = edit_files(before, changed)
    old = {files[name]: before[name] for name in edited.texts}
    new = {files[name]: text for name, text in edited.texts.items()}
    main = next((path for path in new if new[path] != old[path]), None)
    relock = edited.relock.format(file=main, folder=main.parent) if main else ""
    old[stack.path] = _read(stack.path)
    new[stack.path], unsaid = edit_apt(old[stack.path], project, changed.apt)
    return old, new, [*edited.problems, *unsaid], relock


def _read(path: Path) -> str:
    return path.read_bytes().decode()


def _show(path: Path, before: str, after: str) -> None:
    shown = os.path.relpath(path)
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), shown, shown, lineterm="")
    print("\n".join(diff), end="\n" if before != after else "")
