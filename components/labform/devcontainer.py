"""A project as a devcontainer.json: its image by digest, for editors; keys by containers.dev's specification. Pure.

Elsewhere, on a laptop or in Codespaces, it has volumes of its own and any GPU. On the project's own host it has the
project's data, limits and GPUs, by id: `hostRequirements.gpu` would give it all of the host's.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from labform import naming, workload
from labform.declaration import mebibytes
from labform.hosts import Host
from labform.project import Mount, ProjectArgs
from labform.stack_file import LabArgs
from labform.units import Placement
from labform.volumes import Directory, NfsVolume

HEADER = "// Written by `labform devcontainer`: edit the stack file instead.\n"
_PYTHON = frozenset({"uv", "pip", "conda", "pixi"})
_EXTENSIONS = ("ms-python.python", "ms-toolsai.jupyter")


def devcontainer_text(lab: LabArgs, name: str, image: str, place: Placement | None = None) -> str:
    """devcontainer.json of a project that runs `image`; with `place`, for use on the project's own host."""
    project = lab.projects[name]
    user = lab.people[project.owner].user
    parts: dict[str, Any] = {
        "name": f"{lab.lab}/{name}",
        "image": image,
        "init": True,
        "containerUser": user,
        "remoteUser": user,
        "updateRemoteUserUID": False,
        "containerEnv": _variables(project),
        **_folders(lab, name, place),
        "capAdd": list(project.capabilities),
        "securityOpt": ["no-new-privileges:true"],
        "runArgs": list(_arguments(lab, name, place)),
        "hostRequirements": {"gpu": True} if project.gpus and place is None else {},
        "forwardPorts": [project.container_port] if project.container_port else [],
        "secrets": {key: {"description": f"{one.source} of the lab"} for key, one in sorted(project.secrets.items())},
        "customizations": _customizations(project),
    }
    return HEADER + json.dumps({key: one for key, one in parts.items() if one not in ({}, [])}, indent=2) + "\n"


def _variables(project: ProjectArgs) -> dict[str, str]:
    plain = workload.variables(project, gpus=bool(project.gpus))
    return {key: value for key, value in plain.items() if value != workload.TOKEN_FILE}


def _folders(lab: LabArgs, name: str, place: Placement | None) -> dict[str, Any]:
    """On the project's host its first writable volume is the workspace; elsewhere the folder that is opened."""
    project = lab.projects[name]
    mounts = {key: _mount(lab, name, key, one, place) for key, one in project.mounted().items()}
    folder = workload.notebooks(project)
    work = next((key for key, one in project.mounted().items() if one.path == folder), None)
    if place is None or work is None:
        return {"mounts": list(mounts.values())}
    rest = [text for key, text in mounts.items() if key != work]
    return {"workspaceMount": mounts[work], "workspaceFolder": folder, "mounts": rest}


def _mount(lab: LabArgs, name: str, key: str, mount: Mount, place: Placement | None) -> str:
    volume = lab.volumes[key]
    bind = place is not None and isinstance(volume, Directory)
    if place is None:
        source = f"{naming.container(lab.lab, name)}-devcontainer-{key}"
    elif isinstance(volume, Directory):
        source = volume.path
    elif isinstance(volume, NfsVolume):
        source = naming.export(lab.lab, key, volume.nfs.driver_options())
    else:
        source = naming.volume(lab.lab, key)
    # Elsewhere a read-only volume would stay empty for ever.
    only = ",readonly" if place and (mount.read_only or getattr(volume, "read_only", False)) else ""
    return f"source={source},target={mount.path},type={'bind' if bind else 'volume'}{only}"


def _arguments(lab: LabArgs, name: str, place: Placement | None) -> Iterator[str]:
    """What devcontainer.json has no key for: capabilities that go, memory, and on the host its limits and GPUs."""
    limits = lab.limits(name)
    yield from ("--cap-drop=ALL", f"--shm-size={mebibytes(limits.shared_memory)}m")
    if place:
        memory = mebibytes(limits.memory)
        yield from (f"--cpus={limits.cpus:f}", f"--memory={memory}m", f"--memory-swap={memory}m")
        yield from _devices(lab.hosts[place.host], place)


def _devices(host: Host, place: Placement) -> Iterator[str]:
    if place.gpus and host.gpu_request == "cdi":
        yield from (f"--device=nvidia.com/gpu={one}" for one in sorted(place.gpus))
    elif place.gpus:
        yield f'--gpus="device={",".join(sorted(place.gpus))}"'


def _customizations(project: ProjectArgs) -> Mapping[str, Any]:
    """Extensions for Python where the environment is one of its packages; JetBrains' own editor for it."""
    if project.environment.kind not in _PYTHON:
        return {}
    return {"vscode": {"extensions": list(_EXTENSIONS)}, "jetbrains": {"backend": "PyCharm"}}
