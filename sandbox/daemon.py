"""A Docker daemon of our own that runs beside others: own socket, data, containerd, bridge and cgroups."""

from __future__ import annotations

import json
import os
import shutil
import socket
from typing import TYPE_CHECKING, Any

import docker
from docker.errors import DockerException

from . import leftovers, processes
from .errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import Layout
    from .network import Pool
    from .processes import Process
    from .toolset import Toolset

START_LIMIT = 60.0
STOP_LIMIT = 30.0
"""Seconds; a container gets Docker's own 10 to end by itself."""


def answers(host: str, *, timeout: int = 5) -> bool:
    """Whether a daemon answers at this address."""
    # docker-py leaks its socket where nobody listens; while a daemon starts that is often.
    if host.startswith("unix://") and not listens(host.removeprefix("unix://")):
        return False
    try:
        client = docker.DockerClient(base_url=host, timeout=timeout)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (DockerException, OSError, ValueError):
        return False


def running(layout: Layout) -> Process | None:
    """The daemon of this root, if it runs."""
    return processes.daemon_of("dockerd", layout.run / "daemon.json")


def start(layout: Layout, pool: Pool, tools: Toolset) -> None:
    """Start the daemon on whatever data the root holds, and wait until it answers."""
    layout.run.mkdir(parents=True, exist_ok=True)
    config = layout.run / "daemon.json"
    config.write_text(json.dumps(_settings(layout, pool, tools), indent=2))
    log = layout.logs / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    before = log.stat().st_size if log.exists() else 0
    environment = {**os.environ, **tools.environment}
    environment.pop("DOCKER_HOST", None)
    processes.launch([tools.program("dockerd"), "--config-file", config], env=environment, log=log)
    host = f"unix://{layout.socket}"
    if not processes.await_answer(lambda: answers(host), lambda: running(layout), within=START_LIMIT):
        raise SandboxError(f"the Docker daemon did not start: {_why(log, before)} (all of it: {log})")


def stop(layout: Layout) -> None:
    """End the daemon and its containers, and remove all that it holds outside of the root."""
    if process := running(layout):
        processes.end([process], patience=STOP_LIMIT)
    leftovers.clear(layout)
    # A pid file in it would stop the next start, should its pid belong to somebody else by then.
    shutil.rmtree(layout.run, ignore_errors=True)


def listens(path: str | Path) -> bool:
    """Whether something accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _settings(layout: Layout, pool: Pool, tools: Toolset) -> dict[str, Any]:
    proxy = layout.run / "docker-proxy"
    proxy.unlink(missing_ok=True)
    # Started by a path of our own, a proxy left behind can be told from another daemon's.
    proxy.symlink_to(tools.program("docker-proxy"))
    later = {"cdi-spec-dirs": [str(layout.cdi)]} if tools.later else {}
    return {
        **later,
        "hosts": [f"unix://{layout.socket}"],
        "data-root": str(layout.data),
        "exec-root": str(layout.run / "exec"),
        "pidfile": str(layout.run / "docker.pid"),
        "deprecated-key-path": str(layout.root / "key.json"),
        "group": "root",
        "storage-driver": "overlay2",
        "bridge": layout.bridge,
        "default-address-pools": [{"base": pool.user_networks, "size": 25}],
        "insecure-registries": ["127.0.0.0/8"],
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "ip-masq": False,
        "userland-proxy-path": str(proxy),
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": f"/{layout.cgroup}",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "shutdown-timeout": 15,
    }


def _why(log: Path, before: int) -> str:
    with log.open("rb") as handle:
        handle.seek(before)
        lines = handle.read().decode(errors="replace").splitlines()
    telling = [line for line in lines if "failed to start daemon" in line or "level=fatal" in line]
    return (telling or lines or ["it printed nothing"])[-1]
