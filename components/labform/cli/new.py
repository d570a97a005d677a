"""`labform new lab` and `labform new project`: the files that a lab begins with, and one more project of it."""

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from labform.atomic_file import write_whole
from labform.cli import typer_app
from labform.cli.checking import schema_text
from labform.cli.inventory import asked_block
from labform.declaration import Name
from labform.draft import Draft
from labform.editing import with_entry
from labform.environments import RecipeError
from labform.environments.detection import FILES, Detected
from labform.loading import read, unlocked
from labform.problems import LabformError, brief, suggestion
from labform.scaffold import home_of, lab_files, project_entry, service_of
from labform.yaml_file import text_of

_HELP = """\
Begin a lab, or add a project to one.

Example: labform new lab ds01
"""
new_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)
typer_app.add_typer(new_app, name="new")


@new_app.command()
def lab(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The lab's name, for example ds01.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="The folder to make. Default: one of the lab's name.")
    ] = None,
    inventory: Annotated[
        bool, typer.Option("--inventory", help="Ask nvidia-smi and Docker of this machine which GPUs it has.")
    ] = False,
) -> None:
    """Write the files of a new lab: stack file, Pulumi program, what git leaves out.

    Example: labform new lab ds01
    """
    _checked(name)
    folder = to or Path(name)
    if folder.exists():
        raise LabformError(f"{folder}: error[exists] is there already; give another name, or --to another folder")
    if not folder.absolute().parent.is_dir():
        raise LabformError(f"{folder.parent}: error[file] there is no such folder")
    hosts = asked_block() if inventory else ""
    made = Path(mkdtemp(prefix=f".{name}-", dir=folder.absolute().parent))
    try:
        _write(made, lab_files(name, schema_text(), hosts))
        unlocked(made / "stacks" / f"{name}.yaml")
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    print(f"{folder}: lab {name}, declared in stacks/{name}.yaml\nnext:\n  cd {folder}")
    print("  labform new project NAME --from FOLDER --owner NAME --uid UID")


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.chmod(0o755)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _checked(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        rule = "use up to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        raise LabformError(f'error[name] "{brief(name)}" is not a name; {rule}') from None


@new_app.command()
def project(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project's name, for example thesis.")],
    folder: Annotated[Path, typer.Option("--from", metavar="FOLDER", help="Where its files are; they tell its kind.")],
    owner: Annotated[str, typer.Option("--owner", metavar="PERSON", help="Whom it runs for.")],
    command: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="What it runs once.")] = None,
    uid: Annotated[
        int | None,
        typer.Option("--uid", metavar="UID", min=1000, help="Adds the owner, where the lab does not have them."),
    ] = None,
    gpus: Annotated[int, typer.Option("--gpus", metavar="COUNT", min=0, help="How many GPUs it has.")] = 0,
    service: Annotated[
        str, typer.Option("--service", help="jupyter or code-server. Default: what its files name.")
    ] = "",
    kind: Annotated[str, typer.Option("--kind", help="The kind of its environment. Default: what its files are.")] = "",
    host: Annotated[str, typer.Option("--host", help="The host of its data. Default: the lab's only one.")] = "",
    size: Annotated[
        str, typer.Option("--size", help="How much its home may hold; a cluster, or a limit of volumes, asks for it.")
    ] = "",
    stack_file: Annotated[
        Path | None, typer.Option("--stack-file", metavar="STACK", help="Default: the only one of stacks/.")
    ] = None,
) -> None:
    """Add a project to a stack file, from the files of a folder: environment, a home for its data, what it runs.

    Comments and layout of the file stay. Nothing is written unless the result passes every check.

    Example: labform new project thesis --from projects/thesis --owner anna --gpus 1
    """
    _checked(name)
    if not folder.is_dir():
        raise LabformError(f"{folder}: error[file] there is no such folder")
    path = stack_file or _only_stack_file()
    draft = read(path)
    todo = {"run": {"command": command}} if command else {"service": {"kind": service or _service(folder)}}
    _known(draft, name, owner, uid)
    environment = _environment(draft, folder, kind)
    entry = project_entry(name, owner=owner, environment=environment, gpus=gpus, todo=todo)
    text = text_of(path)
    if uid is not None and owner not in draft.lab.people:
        text = with_entry(text, "people", owner, {"uid": uid})
    at: dict[str, Any] = {key: value for key, value in (("host", host), ("size", size)) if value}
    text = with_entry(text, "volumes", home_of(name), {"owner": owner, **at})
    _replace(path, with_entry(text, "projects", name, entry, lines=True))
    print(f"{path}: {name}, {environment['kind']} of {environment['directory']}, for {owner}")
    print(f"next:\n  labform lock {path}\n  pulumi up --stack {path.stem}")


def _known(draft: Draft, name: str, owner: str, uid: int | None) -> None:
    """Raise LabformError for a project that there is, or an owner that nobody knows, or by another uid."""
    people = draft.lab.people
    if name in draft.lab.projects:
        raise LabformError(f"{draft.path}: error[exists] there is a project {name} already; give another name")
    if owner not in people and uid is None:
        hint = f"{suggestion(owner, people)}; --uid UID adds them"
        raise LabformError(f'{draft.path}: error[unknown-person] no person "{owner}"; {hint}')
    if owner in people and uid not in {None, people[owner].uid}:
        raise LabformError(f"{draft.path}: error[exists] {owner} has uid {people[owner].uid}; leave --uid out")


def _only_stack_file() -> Path:
    found = sorted(Path("stacks").glob("*.yaml"))
    if len(found) != 1:
        there = f"several are in stacks/: {', '.join(one.name for one in found)}" if found else "stacks/ has none"
        raise LabformError(f"error[file] {there}; give one by --stack-file")
    return found[0]


def _service(folder: Path) -> str:
    if found := service_of(folder):
        return found
    hint = "write --service jupyter, --service code-server, or -- and a command"
    raise LabformError(f"{folder}: error[service-or-run] nothing here says what it runs; {hint}")


def _environment(draft: Draft, folder: Path, kind: str) -> dict[str, str]:
    """The environment of a folder; LabformError where its files tell none, or several."""
    directory = os.path.relpath(folder, draft.path.parent)
    if kind and kind not in FILES:
        raise LabformError(f'--kind: error[not-one-of] expected one of {", ".join(FILES)}, got "{brief(kind)}"')
    try:
        return {"kind": kind or Detected(directory=directory).found(draft.site()).kind, "directory": directory}
    except (RecipeError, ValidationError) as error:
        problems = error.problems if isinstance(error, RecipeError) else ()
        said = "\n".join(f"{folder}: {one}" for one in problems)
        raise LabformError(said.replace("write kind: ", "write --kind ").replace("kind: ", "--kind ")) from None


def _replace(path: Path, text: str) -> None:
    """Put an edited stack file in its place once it passes every check but the lock's."""
    tried = path.with_name(f".{path.name}.new")
    try:
        tried.write_bytes(text.encode())
        unlocked(tried)
    except LabformError as error:
        note = f"{path} is as it was; the lines are those that the project would have had"
        said = str(error).replace(str(tried), str(path)).replace("; write size: ", "; write --size ")
        raise LabformError(f"{said}\n{note}") from None
    finally:
        tried.unlink(missing_ok=True)
    write_whole(path, text.encode())
