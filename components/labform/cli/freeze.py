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
from labform.environments.folder import Folder
from labform.environments.requirements import encoding_of
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
    edited = {path: text for path, text in after.items() if text != before[path]}
    if write and (elsewhere := _in_repository(stack, project)) and edited.keys() - {stack.path}:
        # What was fetched is kept by its commit: an edit there would be this machine's alone.
        edited = {path: text for path, text in edited.items() if path == stack.path}
        problems, relock = [*problems, elsewhere], ""
    if write:
        for path, text in edited.items():
            _write(path, text)
    if write and relock:
        print(f"now run: {relock}")
    if problems:
        raise LabformError("\n".join(map(str, problems)))


def _in_repository(stack: StackFile, project: str) -> Problem | None:
    """Where a change of a project's files belongs, if that is a Git repository."""
    environment = stack.lab.projects[project].environment
    if not isinstance(environment, Folder) or environment.git is None:
        return None
    hint = f"make it in {environment.git}, then run: labform lock {stack.path} --upgrade {project}"
    message = "its files are in a repository, and the change is not written"
    return Problem(("projects", project, "environment"), "in-repository", message, hint)


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
    data = path.read_bytes()
    mark, encoding = encoding_of(data)
    return data[len(mark) :].decode(encoding, errors="surrogateescape")


def _write(path: Path, text: str) -> None:
    """Write a file in the encoding that it has."""
    mark, encoding = encoding_of(path.read_bytes())
    write_whole(path, mark + text.encode(encoding, errors="surrogateescape"))


def _show(path: Path, before: str, after: str) -> None:
    shown = os.path.relpath(path)
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), shown, shown, lineterm="")
    print("\n".join(diff).encode(errors="replace").decode(), end="\n" if before != after else "")
