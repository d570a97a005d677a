"""`labform devcontainer`: a project's image for editors, as a devcontainer.json."""

from pathlib import Path
from typing import Annotated

import typer

from labform.atomic_file import write_whole
from labform.backends.live import check_running
from labform.cli import (
    AddressesOption,
    LockOption,
    ProjectArgument,
    StackFileArgument,
    parsed,
    refuse_cluster,
    typer_app,
)
from labform.devcontainer import HEADER, devcontainer_text
from labform.loading import StackFile, load
from labform.problems import LabformError

_PLACE = Path(".devcontainer/devcontainer.json")


@typer_app.command()
def devcontainer(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Write it below this folder. Default: print it.")
    ] = None,
    on_host: Annotated[
        bool, typer.Option("--on-host", help="For the project's own host: its data, limits and GPUs by id.")
    ] = False,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
) -> None:
    """Write a devcontainer.json with the image that a project runs, for VS Code, JetBrains and Codespaces.

    Elsewhere than on the project's host it has volumes of its own, which begin empty: the lab's data stays in the lab.

    Example: labform devcontainer stacks/dev.yaml notebook --to ../thesis
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    image = locked_image(stack, project)
    if on_host:
        refuse_cluster(stack.lab, "devcontainer without --on-host")
    text = devcontainer_text(stack.lab, project, image, stack.lock.placements()[project] if on_host else None)
    if to is None:
        print(text, end="")
        return
    _write(to / _PLACE, text)
    print(f"{to / _PLACE}: {image}")


def locked_image(stack: StackFile, project: str) -> str:
    """The image that the lock says was built of a project as it is now; LabformError if there is none."""
    check_running(stack.lab, project)
    if image := stack.built(project):
        return image
    known = project in stack.lock.builds
    what = "its environment is not what was built last" if known else "the lock knows no image of it"
    raise LabformError(f"error[not-built] {project}: {what}; run `pulumi up`, then `{stack.lock_command}`")


def _write(path: Path, text: str) -> None:
    """Write it; LabformError where somebody else's file, or no folder, is."""
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEADER):
        raise LabformError(f"{path}: error[exists] is not one of labform's; move it away, or give another --to")
    if not path.parent.parent.is_dir():
        raise LabformError(f"{path.parent.parent}: error[file] there is no such folder")
    path.parent.mkdir(exist_ok=True)
    write_whole(path, text.encode())
