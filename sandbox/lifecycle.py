"""Start, stop, remove and look at a sandbox."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException, ImageNotFound

from toolchain.once import exclusive

from . import base_image, daemon, host_settings, network, registry, toolset
from .commands import run
from .credentials import USERNAME
from .errors import SandboxError
from .layout import Layout, layout_of
from .leftovers import CGROUPS, remaining
from .state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .toolset import Progress, Toolset

DEFAULT_HOST = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that runs; every value can be handed on as it is.

    Usage: `subprocess.run([box.docker_cli, "ps"], env={**os.environ, **box.env})`
    """

    docker_host: str
    docker_cli: Path
    """A Docker client that can build with DOCKER_BUILDKIT=1."""
    registry_address: str
    registry_username: str
    registry_password_file: Path
    docker_config: Path
    base_reference: str
    """The base image by digest, in the registry."""
    env: Mapping[str, str]
    """DOCKER_HOST, DOCKER_CONFIG and LABFORM_DOCKER_CLI."""
    report: tuple[str, ...] = field(default=(), compare=False)
    """One line per part: what was taken and why."""


@dataclass(frozen=True)
class Status:
    """What runs now; `processes` counts everything of the sandbox, containers included."""

    root: Path
    daemon: bool
    registry: bool
    processes: int

    @property
    def running(self) -> bool:
        """Whether both parts are there."""
        return self.daemon and self.registry


def start(root: Path, *, name: str, progress: Callable[[str], None] | None = None, later: bool = False) -> Sandbox:
    """Start what is not running yet and return the way in; on a running sandbox this only checks it.

    `later` asks for a daemon of our own that knows CDI; specifications are read from `root / "cdi"`.
    """
    layout = layout_of(root)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if progress:
            progress(line)

    try:
        with exclusive(layout.lock):
            state = _started(layout, name, say, later=later)
    except (OSError, DockerException) as error:
        raise SandboxError(f"sandbox {name} at {layout.root}: {error}") from error
    return _described(layout, state, tuple(lines))


def stop(root: Path) -> None:
    """End the containers, the daemon and the registry; data under the root stays."""
    layout = layout_of(root)
    with exclusive(layout.lock):
        _stopped(layout)


def remove(root: Path) -> None:
    """Stop, and delete the root with images, volumes and the registry's content."""
    layout = layout_of(root)
    with exclusive(layout.lock):
        if not layout.root.exists():
            return
        if not layout.state.exists() and any(layout.root.iterdir()):
            raise SandboxError(f"{layout.root} is not a sandbox (no {layout.state.name}): nothing deleted")
        _stopped(layout)
        shutil.rmtree(layout.root)


def status(root: Path) -> Status:
    """What of the sandbox runs, without changing anything."""
    layout = layout_of(root)
    host = State.read(layout.state).host
    serving = registry.running(layout) is not None
    return Status(layout.root, bool(host) and daemon.answers(host), serving, len(remaining(layout)) + serving)


def _started(layout: Layout, name: str, say: Progress, *, later: bool) -> State:
    state = State.read(layout.state)
    state.name, state.later = name, state.later or later
    installed = None if state.private or state.later else _installed_host()
    if not installed:
        _require_what_a_daemon_needs()
    layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.write(layout.state)
    tools = toolset.obtain_later(say) if state.later else toolset.obtain(say)
    state.private, state.host = not installed, installed or f"unix://{layout.socket}"
    state.docker = _client(installed, tools)
    if installed:
        say(f"Docker: the installed daemon at {installed}")
    else:
        _start_daemon(layout, state, tools, say)
    found = registry.start(layout, tools)
    say(f"registry: {found.address}, user {USERNAME}")
    state.registry = found.address
    _provide_base(state, found, tools, say)
    state.write(layout.state)
    return state


def _start_daemon(layout: Layout, state: State, tools: Toolset, say: Progress) -> None:
    if daemon.answers(state.host):
        say(f"Docker: our own daemon runs at {state.host}")
        return
    # A daemon that was killed leaves containers, mounts and rules that would stand in the way of the next.
    daemon.stop(layout)
    network.close(layout, state.pool, tools)
    pool = network.claim(layout, state.pool)
    state.pool = str(pool.network)
    state.write(layout.state)
    if warning := network.open_outbound(layout, pool, tools):
        say(f"warning: {warning}")
    daemon.start(layout, pool, tools)
    say(f"Docker: no daemon answered, so our own from Debian's packages at {state.host}")


def _provide_base(state: State, found: registry.Registry, tools: Toolset, say: Progress) -> None:
    settings = host_settings.fingerprint()
    if state.settings != settings or not _present(state):
        state.base = base_image.obtain(state.host, found, tools, say)
        state.settings = settings
    say(f"base image: {state.base}")


def _stopped(layout: Layout) -> None:
    registry.stop(layout)
    state = State.read(layout.state)
    if state.private:
        daemon.stop(layout)
        network.close(layout, state.pool, toolset.obtain(lambda _: None))


def _present(state: State) -> bool:
    """Whether the base image is where the last start left it."""
    if not state.base.startswith(f"{state.registry}/"):
        return False
    client = docker.DockerClient(base_url=state.host)
    try:
        client.images.get(state.base)
    except ImageNotFound:
        return False
    finally:
        client.close()
    return True


def _installed_host() -> str | None:
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    return host if daemon.answers(host) else None


def _client(installed: str | None, tools: Toolset) -> str:
    """The installed client, if it can build: from version 23 on it needs a plugin for that."""
    if installed and (found := shutil.which("docker")):
        try:
            run([found, "buildx", "version"], doing="look for buildx")
        except SandboxError:
            return str(tools.docker)
        return found
    return str(tools.docker)


def _require_what_a_daemon_needs() -> None:
    if os.geteuid() != 0:
        raise SandboxError("no Docker daemon answers, and only root can start one: run as root, or set DOCKER_HOST")
    if not any(CGROUPS.glob("*/cgroup.procs")) and not (CGROUPS / "cgroup.controllers").exists():
        raise SandboxError(f"no control groups are mounted at {CGROUPS}: Docker can't run containers without")


def _described(layout: Layout, state: State, lines: tuple[str, ...]) -> Sandbox:
    env = {
        "DOCKER_HOST": state.host,
        "DOCKER_CONFIG": str(layout.docker_config),
        "LABFORM_DOCKER_CLI": state.docker,
    }
    return Sandbox(
        docker_host=state.host,
        docker_cli=Path(state.docker),
        registry_address=state.registry,
        registry_username=USERNAME,
        registry_password_file=layout.registry / "password",
        docker_config=layout.docker_config,
        base_reference=state.base,
        env=env,
        report=lines,
    )
