"""Start, stop and remove a BuildKit daemon of our own; build steps run in Debian's runc, on the host's network."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import layout, leftovers, processes, toolset
from sandbox.daemon import listens
from sandbox.errors import SandboxError
from toolchain.once import exclusive

from .binary import binary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.layout import Layout
    from sandbox.processes import Process

START_LIMIT, STOP_LIMIT = 30.0, 15.0
"""Seconds."""


@dataclass(frozen=True)
class Builder:
    """A BuildKit daemon that runs."""

    root: Path
    address: str
    """What a stack file's `builder.address` says."""


def default_root() -> Path:
    """The builder beside the dev lab's sandbox."""
    return layout.default_root().with_name("builder")


def start(root: Path, *, registry: str, progress: Callable[[str], None] = lambda _: None) -> Builder:
    """Start the daemon, or find it running; `registry` is the one that it may speak plain HTTP to.

    Its cache stays over a stop. Raises SandboxError, or ToolchainError where it can neither be found nor built.
    """
    place = layout.layout_of(root)
    program = binary()
    with exclusive(place.lock):
        if not listens(_socket(place)):
            _stopped(place)
            _launch(place, program, registry, toolset.obtain(progress))
    address = f"unix://{_socket(place)}"
    progress(f"builder: {program} at {address}")
    return Builder(place.root, address)


def stop(root: Path) -> None:
    """End the daemon and its build steps; its cache stays."""
    place = layout.layout_of(root)
    with exclusive(place.lock):
        _stopped(place)


def remove(root: Path) -> None:
    """End the daemon and delete its cache; SandboxError if the folder is no builder's."""
    place = layout.layout_of(root)
    with exclusive(place.lock):
        if not place.root.exists():
            return
        if not _settings_of(place).exists():
            raise SandboxError(f"{place.root} is not a builder (no buildkitd.toml): nothing deleted")
        _stopped(place)
        shutil.rmtree(place.root)


def running(place: Layout) -> Process | None:
    """The daemon of a root, if it runs."""
    return processes.daemon_of("buildkitd", _settings_of(place))


def _stopped(place: Layout) -> None:
    if process := running(place):
        processes.end([process], patience=STOP_LIMIT)
    leftovers.clear(place)
    shutil.rmtree(place.run, ignore_errors=True)


def _launch(place: Layout, program: Path, registry: str, tools: toolset.Toolset) -> None:
    for folder in (place.root, place.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _settings_of(place).write_text(_settings(place, registry))
    log = place.logs / "buildkitd.log"
    environment = {**os.environ, **tools.environment}
    processes.launch([program, "--config", _settings_of(place)], env=environment, log=log)
    if not processes.await_answer(lambda: listens(_socket(place)), lambda: running(place), within=START_LIMIT):
        _stopped(place)
        raise SandboxError(f"the BuildKit daemon did not start: see {log}")


def _settings(place: Layout, registry: str) -> str:
    """The daemon's configuration: buildkitd.toml of BuildKit's documentation. JSON's texts and lists are TOML's."""
    socket, state, group = json.dumps([f"unix://{_socket(place)}"]), json.dumps(str(place.data)), place.cgroup
    return f"""\
root = {state}
insecure-entitlements = ["network.host"]
[grpc]
address = {socket}
[worker.oci]
enabled = true
networkMode = "host"
defaultCgroupParent = "{group}/buildkit"
[worker.containerd]
enabled = false
[registry."{registry}"]
http = true
"""


def _settings_of(place: Layout) -> Path:
    return place.root / "buildkitd.toml"


def _socket(place: Layout) -> Path:
    return place.run / "buildkitd.sock"
