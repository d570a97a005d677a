"""`labform render`: a cluster lab as files, for those who let something else than `pulumi up` apply them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from labform.backends import Kubernetes
from labform.backends.kubernetes.lab_objects import lab_objects, secrets_needed
from labform.cli import LockOption, StackFileArgument, typer_app
from labform.cli.resolving import check_names
from labform.loading import StackFile, load
from labform.lockfile import Dumper, LockedVolume
from labform.problems import LabformError
from labform.stack_file import LabArgs


@typer_app.command()
def render(
    stack_file: StackFileArgument,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where to write; what is no longer of the lab is removed.")
    ],
    lock: LockOption = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="PROJECT=NAME@SHA256:…", help="The image of a project.")
    ] = None,
) -> None:
    """Write the objects of a cluster lab, one file each, the same bytes for the same lab.

    No Secret is written: each must exist, with the keys that are listed here; nothing restarts a pod when one changes.

    Images are those that the lock says were built, unless given.

    Example: labform render stacks/cluster.yaml --to manifests
    """
    stack = load(stack_file, lock=lock)
    lab = stack.lab
    if not isinstance(lab.runs_on, Kubernetes):
        raise LabformError(f"{stack_file}: the lab runs on Docker; only a cluster lab has manifests")
    given = dict(_pair(one) for one in image or [])
    check_names("--image", given, lab.projects)
    built = {name: made for name in stack.recipes if (made := stack.built(name)) and _is_deployed(stack, name, made)}
    files = rendered(lab, _complete(stack, built | given), stack.lock.volumes)
    _write(to, files)
    print(f"{to}: {len(files)} objects")
    for (namespace, name), keys in secrets_needed(lab).items():
        print(f"must exist: Secret {namespace}/{name} with {', '.join(keys)}")


def rendered(lab: LabArgs, images: Mapping[str, str], volumes: Mapping[str, LockedVolume]) -> dict[str, str]:
    """The files by name, in the order in which they are applied; `images` are by project and digest."""
    made = lab_objects(lab, images, volumes)
    return {_file_name(one): _HEADER + yaml.dump(one, Dumper=Dumper, sort_keys=False) for one in made}


_HEADER = "# Written by `labform render`: edit the stack file instead.\n"
_FIRST = (("Namespace",), ("ServiceAccount", "Role", "LimitRange", "ResourceQuota", "NetworkPolicy"), ("RoleBinding",))
"""What must be there before the rest; `kubectl apply` goes by the names of files."""


def _file_name(one: Mapping[str, Any]) -> str:
    """A name that an edit of another project does not change."""
    kind, metadata = one["kind"], one["metadata"]
    phase = next((place for place, kinds in enumerate(_FIRST) if kind in kinds), len(_FIRST))
    parts = (str(phase), metadata.get("namespace", ""), metadata["name"], kind.lower())
    return "-".join(part for part in parts if part) + ".yaml"


def _is_deployed(stack: StackFile, name: str, built: str) -> bool:
    """Whether `up` would deploy that image: a pinned one, or one in the registry that the lab has now."""
    return stack.lab.projects[name].pinned or built.startswith(f"{stack.lab.repository(name)}@")


def _pair(text: str) -> tuple[str, str]:
    project, _, reference = text.partition("=")
    return project, _by_digest(project, reference)


def _by_digest(project: str, reference: Any) -> str:
    if isinstance(reference, str) and "@sha256:" in reference:
        return reference
    raise LabformError(f"image of {project}: write NAME@sha256:…, a tag may be another image tomorrow")


def _complete(stack: StackFile, images: Mapping[str, str]) -> Mapping[str, str]:
    if missing := sorted(set(stack.lab.running()) - set(images)):
        todo = f"build them, run `labform lock {stack.path}`, or give --image PROJECT=NAME@sha256:…"
        raise LabformError(f"no image is known of {', '.join(missing)}; {todo}")
    return images


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Bring the folder to what the files say; refuse one that holds files of somebody else."""
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.glob("*.yaml"))
    if foreign := [one.name for one in there if not one.read_text().startswith(_HEADER)]:
        raise LabformError(f"{folder}: {foreign[0]} was not written by `labform render`; give a folder of its own")
    for one in there:
        if one.name not in files:
            one.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
