"""What is installed in a container, and in the image that it was made of."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labform.freeze import (
    CONDA_QUERY,
    DPKG_QUERY,
    MANUAL_QUERY,
    Changed,
    Package,
    changes,
    conda_packages,
    debian_packages,
    python_packages,
)
from labform.problems import LabformError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_PIP_INSPECT = ("python", "-m", "pip", "--disable-pip-version-check", "--no-color", "inspect")


@dataclass(frozen=True)
class _Installed:
    """The packages of each kind, by name."""

    python: dict[str, Package] = field(default_factory=dict)
    conda: dict[str, Package] = field(default_factory=dict)
    debian: dict[str, Package] = field(default_factory=dict)


def changed_by_hand(container: Any) -> Changed:
    """What differs between a running container and its image: Python, conda and Debian packages.

    Raises LabformError if the container does not run, or its image has neither Python with pip nor conda packages.
    """
    if container.status != "running":
        raise LabformError(f"{container.name} does not run: {container.status}; a service comes up by `pulumi up`")
    beside = container.client.containers.create(
        container.attrs["Image"], entrypoint=["sleep"], command=["infinity"], network_mode="none", init=True
    )
    try:
        beside.start()
        before, after = _listed(beside), _listed(container)
    finally:
        with suppress(Exception):
            beside.remove(force=True)
    return Changed(
        python=changes(before.python, after.python),
        conda=changes(before.conda, after.conda),
        apt=changes(before.debian, after.debian),
    )


def _listed(container: Any) -> _Installed:
    report = _output(container, _PIP_INSPECT, json.loads)
    conda = _output(container, CONDA_QUERY, conda_packages) or {}
    if report is None and not conda:
        raise LabformError(f"{container.name}: its image has no Python with pip that could list what is installed")
    manual = _output(container, MANUAL_QUERY, str)
    debian = _output(container, DPKG_QUERY, lambda listing: debian_packages(listing, manual)) or {}
    return _Installed(python_packages(report) if report else {}, conda, debian)


def _output(container: Any, command: "Sequence[str]", read: "Callable[[str], Any]") -> Any:
    """What a command says in a container, None if it cannot be run there."""
    code, (out, _) = container.exec_run(list(command), demux=True)
    return read((out or b"").decode()) if code == 0 else None
