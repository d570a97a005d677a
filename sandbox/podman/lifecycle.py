"""Start and remove a private Podman, and run Buildah on its images."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from sandbox import credentials, daemon, leftovers, network, processes
from sandbox.commands import run
from sandbox.errors import SandboxError
from sandbox.layout import Layout, layout_of
from sandbox.state import State
from toolchain.once import exclusive

from . import healthchecks, rules, settings
from .packages import obtain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.lifecycle import Sandbox
    from sandbox.processes import Process
    from sandbox.toolset import Progress, Toolset

CGROUP = "libpod_parent"
"""The parent of all containers' control groups; Podman has no setting for it."""

START_LIMIT = 60.0
"""Seconds."""


@dataclass(frozen=True)
class Podman:
    """A Podman that answers."""

    address: str
    """Its Docker-compatible socket: `unix:///…`."""
    buildah: Path
    env: Mapping[str, str]
    """What Buildah needs to work on Podman's images."""
    report: str
    """What was taken, in one line."""


def start(root: Path, *, registry: Sandbox | None = None, progress: Progress = lambda _: None) -> Podman:
    """Start Podman, or find it running; Buildah is logged in to a sandbox's `registry`.

    Raises SandboxError, with the reason, where it does not start.
    """
    if os.geteuid() != 0:
        raise SandboxError("only root can start a private Podman")
    layout = layout_of(root)
    with exclusive(layout.lock):
        tools = obtain(progress)
        for folder in (layout.root, *map(Path, settings.PRIVATE)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if registry:
            login = (registry.docker_config / "config.json").read_text()
            credentials.write_private(settings.auth(layout), login)
        address = f"unix://{layout.socket}"
        env = _started(layout, tools, address)
    version = run([tools.program("podman"), "--version"], doing="podman --version", env=env).strip()
    return Podman(address, tools.program("buildah"), env, f"{version} from Debian's packages at {address}")


def buildah(podman: Podman, *words: str) -> str:
    """What a Buildah command prints; SandboxError if it fails.

    It gets a mount namespace of its own, so that no mount of it is seen or left.
    """
    command = ["unshare", "--mount", "--", podman.buildah, *words]
    return run(command, doing=f"buildah {words[0]}", env=podman.env)


def remove(root: Path) -> None:
    """End containers and Podman, and delete its images and volumes; nothing of it stays on the machine."""
    layout = layout_of(root)
    with exclusive(layout.lock):
        if not layout.root.exists():
            return
        if daemon.answers(f"unix://{layout.socket}"):
            _remove_containers(f"unix://{layout.socket}")
        tools = obtain(lambda _: None)
        _end(layout)
        if pool := State.read(layout.state).pool:
            rules.remove(network.pool_of(pool), tools)
            network.close(layout, pool, tools)
        shutil.rmtree(layout.run, ignore_errors=True)
        shutil.rmtree(layout.root)


def _started(layout: Layout, tools: Toolset, address: str) -> dict[str, str]:
    state = State.read(layout.state)
    if daemon.answers(address):
        return settings.write(layout, network.pool_of(state.pool), tools)
    pool = network.reserve(layout, state.pool)
    state.private, state.host, state.pool = True, address, str(pool.network)
    state.write(layout.state)
    env = settings.write(layout, pool, tools)
    log = layout.logs / "podman.log"
    processes.launch(_service(layout, tools), env={**os.environ, **env}, log=log)
    if not processes.await_answer(lambda: daemon.answers(address), lambda: _running(layout), within=START_LIMIT):
        raise SandboxError(f"Podman did not start: see {log}")
    if not Path("/run/systemd/system").exists():
        processes.launch([sys.executable, healthchecks.__file__, address], env=os.environ, log=log)
    return env


def _service(layout: Layout, tools: Toolset) -> list[str | Path]:
    """Podman in a mount namespace of its own, where the folders that it shares with others are its own too."""
    script = ""
    for shared in settings.PRIVATE:
        own = layout.run / Path(shared).name
        own.mkdir(parents=True, exist_ok=True)
        script += f"mount --bind {own} {shared} && "
    script += 'exec "$@"'
    service = [tools.program("podman"), "system", "service", "--time=0", f"unix://{layout.socket}"]
    return ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", script, "sh", *service]


def _running(layout: Layout) -> Process | None:
    return next(iter(remaining(layout)), None)


def _remove_containers(address: str) -> None:
    client = docker.DockerClient(base_url=address, timeout=60)
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    client.close()


def remaining(layout: Layout) -> list[Process]:
    """Podman, its monitors, its name server, its checks, and what runs in its containers."""
    ours = processes.matching(lambda words: bool(words) and _is_ours(words, layout))
    namespaces = {_mounts_of(process.pid) for process in ours} - {_mounts_of(os.getpid()), ""}
    inside = [int(entry.name) for entry in processes.PROC.iterdir() if _mounts_of(entry.name) in namespaces]
    inside += [int(pid) for group in _groups(layout) for pid in leftovers.members(group)]
    return list({*ours, *filter(None, map(processes.identify, inside))})


def _is_ours(words: list[str], layout: Layout) -> bool:
    names = ("podman", "conmon", "runc", "unshare", "sh")
    named = Path(words[0]).name in names or healthchecks.__file__ in words
    return named and any(f"{folder}/" in word for word in words for folder in (layout.run, layout.root))


def _mounts_of(pid: int | str) -> str:
    try:
        return str((processes.PROC / str(pid) / "ns/mnt").readlink())
    except OSError:
        return ""


def _groups(layout: Layout) -> list[Path]:
    """The control groups of our containers, among those of every Podman on the machine."""
    tops = {path.resolve() for path in (leftovers.CGROUPS / CGROUP, *leftovers.CGROUPS.glob(f"*/{CGROUP}"))}
    names = [path.name for path in (layout.data / "overlay-containers").glob("*")]
    return [group for top in tops for name in names for group in top.glob(f"*{name}*")]


def _end(layout: Layout) -> None:
    processes.end(remaining(layout), patience=1)
    groups = _groups(layout)
    for group in sorted((Path(at) for one in groups for at, _, _ in os.walk(one)), reverse=True):
        leftovers.remove_group(group)
    for top in (leftovers.CGROUPS / CGROUP, *leftovers.CGROUPS.glob(f"*/{CGROUP}")):
        # Another Podman's containers may be there too.
        with suppress(OSError):
            for empty in (*top.glob("conmon"), top):
                empty.rmdir()
