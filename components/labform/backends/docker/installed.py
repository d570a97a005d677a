"""What is installed in a container, and in the image that it was made of."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labform.freeze import DPKG_QUERY, Package, debian_packages, python_packages
from labform.problems import LabformError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_PIP_INSPECT = ("python", "-m", "pip", "--disable-pip-version-check", "--no-color", "inspect")
_Packages = dict[str, Package]


def installed(container: Any) -> tuple[tuple[_Packages, _Packages], tuple[_Packages, _Packages]]:
    """Python packages and Debian packages, each of a running container's image and of the container itself.

    Raises LabformError if the container does not run, or its image has no Python with pip.
    """
    if container.status != "running":
        raise LabformError(f"{container.name} does not run; start it, or run `pulumi up`")
    beside = container.client.containers.create(
        container.attrs["Image"], entrypoint=["sleep"], command=["infinity"], network_mode="none", init=True
    )
    try:
        beside.start()
        before, after = _listed(beside), _listed(container)
    finally:
        with suppress(Exception):
            beside.remove(force=True)
    return (before[0], after[0]), (before[1], after[1])


def _listed(container: Any) -> tuple[_Packages, _Packages]:
    report = _output(container, _PIP_INSPECT, json.loads)
    if report is None:
        raise LabformError(f"{container.name}: its image has no Python with pip that could list what is installed")
    return python_packages(report), _output(container, DPKG_QUERY, debian_packages) or {}


def _output(container: Any, command: "Sequence[str]", read: "Callable[[str], Any]") -> Any:
    """What a command says in a container, None if it cannot be run there."""
    code, (out, _) = container.exec_run(list(command), demux=True)
    return read((out or b"").decode()) if code == 0 else None
