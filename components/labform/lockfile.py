"""The lock: a lab's ledger of what a review should see and a deployment must not decide anew.

Which volumes exist, who has which host, GPUs and port, which digest a tag stood for. `labform lock` writes it,
people review it, and a preview that finds it out of date refuses with the command to run.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from labform.atomic_file import write_whole
from labform.declaration import Declaration, Name, Port, Size
from labform.environments.debian import PACKAGE_NAME, PACKAGE_VERSION
from labform.gpus import DeviceId
from labform.hosts import Host
from labform.stack_file import LabArgs
from labform.units import Placement

AFTER_MERGE = "take the lock of the branch that is deployed, then run `labform lock`"
"""What to do where two branches changed one entry: whoever is deployed keeps what they have."""

HEADER = "# Written by `labform lock`: reviewed by people, edited by nobody.\n"


class LockedVolume(Declaration):
    """A managed volume. `created` volumes hold data; a `retired` one is the tombstone of data that was kept."""

    state: Literal["planned", "created", "retired"]
    """How far it is."""
    host: Name | None = None
    """The Docker host it is on."""
    namespace: str | None = None
    """The namespace of its claim."""
    storage_class: str | None = None
    """The class of its claim. Default: the cluster's default class."""
    access: Literal["ReadWriteOnce", "ReadWriteMany"] | None = None
    """How its claim may be mounted."""
    size: Size | None = None
    """The size of its claim, which never shrinks."""
    owner: Name
    """Whose it is."""
    uid: int
    """The uid that its files belong to."""


class LockedProject(Declaration):
    """What a running project has."""

    host: Name
    """Its host."""
    gpus: tuple[DeviceId, ...] = ()
    """Its GPUs, sorted."""
    port: Port | None = None
    """Its port on the host."""

    @property
    def placement(self) -> Placement:
        """The same as a placement."""
        return Placement(self.host, self.gpus, self.port)


Entry = Annotated[str, Field(pattern=r"^(bases/)?[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
"""A project by its name, or a base that is built: `bases/NAME`."""
_Version = Annotated[str, Field(pattern=rf"^{PACKAGE_VERSION}$")]
Reference = Annotated[str, Field(pattern=r"@sha256:[0-9a-f]{64}$|^sha256:[0-9a-f]{64}$")]
"""An image by digest; of a lab without a registry, by its id."""


class LockedApt(Declaration):
    """The Debian packages of an environment, at the versions that they had when they were locked."""

    image: str
    """The image whose package sources gave them."""
    packages: Mapping[Annotated[str, Field(pattern=rf"^{PACKAGE_NAME}$")], _Version]
    """The packages that are named without a version."""


class LockedBuild(Declaration):
    """What was built for a project, or as a base, last."""

    recipe: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """The hash of all that decided it."""
    image: Reference
    """The image that came of it."""
    cuda: Annotated[str, Field(pattern=r"^\d+\.\d+")] | None = None
    """The CUDA version that the image says it has."""


class Lock(Declaration):
    """The ledger of one lab."""

    format: Literal[1] = 1
    """The version of the format."""
    lab: Name
    """The lab."""
    images: Mapping[str, Annotated[str, Field(pattern=r"@sha256:[0-9a-f]{64}$")]] = {}
    """What tags stand for, by digest."""
    sources: Mapping[str, Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]] = {}
    """What branches and tags of repositories stand for: `URL#branch` by commit."""
    volumes: Mapping[Name, LockedVolume] = {}
    """Managed volumes, past ones too."""
    projects: Mapping[Name, LockedProject] = {}
    """Running projects."""
    apt: Mapping[Entry, LockedApt] = {}
    """Versions of Debian packages, by project and by `bases/NAME`."""
    builds: Mapping[Entry, LockedBuild] = {}
    """What was built, by project and by `bases/NAME`, as far as `labform lock` has seen; `pinned` projects run it."""

    def host_of(self, lab: LabArgs, volume_id: str) -> str | None:
        """The host of a volume: as its lab declares it, else as the lock has it of one that is past."""
        known = self.volumes.get(volume_id)
        return lab.host_of(volume_id) or (known.host if known else None)

    def placement(self, name: str) -> Placement | None:
        """A project's entry as a placement; None for one that the lock gives no place."""
        return self.projects[name].placement if name in self.projects else None

    def placements(self) -> dict[str, Placement]:
        """The projects' entries as placements."""
        return {name: one.placement for name, one in self.projects.items()}

    def placements_at(self, hosts: Mapping[str, Host], host: str) -> dict[str, Placement]:
        """Those on a host's daemon: also of hosts that share it, as those of a lab that is tried on one machine do."""
        address = hosts[host].address
        return {name: place for name, place in self.placements().items() if hosts[place.host].address == address}


def lock_text(lock: Lock) -> str:
    """The lock as a file: stable order, one line per entry, so that two branches conflict only where both changed."""
    data = lock.model_dump(mode="json", exclude_defaults=True)
    lines = [HEADER, f"format: {lock.format}\n", f"lab: {flow(lock.lab)}\n"]
    for section in ("images", "sources", "apt", "volumes", "projects", "builds"):
        if entries := data.get(section):
            lines.append(f"{section}:\n")
            lines.extend(f"  {flow(key)}: {flow(entries[key])}\n" for key in sorted(entries))
    return "".join(lines)


class Dumper(yaml.SafeDumper):
    """Quotes text that other readers take for something else than PyYAML: a person may be called `1e3` or `y`."""


_NUMBER = re.compile(r"^[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$|^[-+]?0[xXoObB][0-9a-fA-F_]+$")
"""What YAML 1.2 reads as a number, and kubectl: `resolve` of sigs.k8s.io/yaml/goyaml.v2, with Go's `ParseInt`."""
Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def flow(value: Any) -> str:
    """A value on one line of YAML, as every reader of YAML 1.1 and 1.2 takes it."""
    text: str = yaml.dump(value, Dumper=Dumper, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


def write_lock(path: Path, lock: Lock) -> bool:
    """Write the lock, whole or not at all; False, and nothing touched, if it says that already."""
    text = lock_text(lock)
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return True


def unmerged(text: str) -> int | None:
    """The line, from 1, where git left a conflict in a lock; None where there is none."""
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))), None)
