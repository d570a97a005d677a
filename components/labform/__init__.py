"""labform: labs as code. The names below are what programs may use; everything else may change."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labform.backends.docker.workspace import DockerWorkspace
    from labform.backends.kubernetes.workspace import KubernetesWorkspace
    from labform.buildkit import BuildKit
    from labform.environments import Dockerfile, Pip, Prebuilt, Recipe, Site, Uv
    from labform.image import Image
    from labform.lab import Lab, load
    from labform.people import Person
    from labform.problems import LabformError, ProblemsError
    from labform.project import CodeServer, Command, Jupyter, ProjectArgs, Run
    from labform.resources import Limits
    from labform.stack_file import LabArgs
    from labform.units import Placement

_HOMES = {
    "BuildKit": "buildkit",
    "CodeServer": "project",
    "Command": "project",
    "DockerWorkspace": "backends.docker.workspace",
    "Dockerfile": "environments",
    "Image": "image",
    "Jupyter": "project",
    "KubernetesWorkspace": "backends.kubernetes.workspace",
    "Lab": "lab",
    "LabArgs": "stack_file",
    "LabformError": "problems",
    "Limits": "resources",
    "Person": "people",
    "Pip": "environments",
    "Placement": "units",
    "Prebuilt": "environments",
    "ProblemsError": "problems",
    "ProjectArgs": "project",
    "Recipe": "environments",
    "Run": "project",
    "Site": "environments",
    "Uv": "environments",
    "load": "lab",
}

__all__ = [
    "BuildKit",
    "CodeServer",
    "Command",
    "DockerWorkspace",
    "Dockerfile",
    "Image",
    "Jupyter",
    "KubernetesWorkspace",
    "Lab",
    "LabArgs",
    "LabformError",
    "Limits",
    "Person",
    "Pip",
    "Placement",
    "Prebuilt",
    "ProblemsError",
    "ProjectArgs",
    "Recipe",
    "Run",
    "Site",
    "Uv",
    "load",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used: checking a file needs no Pulumi."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
