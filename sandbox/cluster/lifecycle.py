"""Start, stop and remove a cluster."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox import layout, ports, processes
from sandbox.errors import SandboxError
from toolchain.once import exclusive

from .binary import KUBERNETES, binary
from .pools import POOLS, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sandbox.processes import Process

PORTS = range(18000, 20000)
"""Below the sandbox's registries, and below the ports that the kernel hands out by itself."""

START_LIMIT = 120.0
"""Seconds."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    root: Path
    server: str
    """The API server's address."""
    kubeconfig: Path
    """A file that needs no other; its user may do everything."""
    binary: Path

    @property
    def kubectl(self) -> list[str]:
        """The words of a kubectl that speaks to this cluster."""
        return [str(self.binary), "kubectl", f"--kubeconfig={self.kubeconfig}"]

    @property
    def env(self) -> dict[str, str]:
        """What programs read."""
        return {"KUBECONFIG": str(self.kubeconfig)}


def default_root() -> Path:
    """The cluster of `make cluster`."""
    return layout.default_root().with_name("cluster")


def start(root: Path, *, pools: Sequence[Pool] = POOLS, progress: Callable[[str], None] = lambda _: None) -> Cluster:
    """Start the cluster, or find it running with these nodes; it can be used when this returns.

    Data, port and kubeconfig are the same after a stop. Raises SandboxError, or ToolchainError where there is no Go.
    """
    program = binary()
    root = layout.layout_of(root).root
    with exclusive(layout.layout_of(root).lock):
        declared = _declaration(root, pools)
        if not (_ready(root) and _read(root) == declared):
            _stopped(root)
            _launch(root, program, declared)
        cluster = Cluster(root, f"https://127.0.0.1:{declared['port']}", root / "kubeconfig", program)
    progress(f"cluster: Kubernetes {KUBERNETES}, {len(declared['nodes'])} nodes that run nothing, {cluster.server}")
    return cluster


def stop(root: Path) -> None:
    """End the cluster; what it holds stays."""
    root = layout.layout_of(root).root
    with exclusive(layout.layout_of(root).lock):
        _stopped(root)


def remove(root: Path) -> None:
    """End the cluster and delete all that it holds; SandboxError if the folder is no cluster's."""
    root = layout.layout_of(root).root
    with exclusive(layout.layout_of(root).lock):
        if not root.exists():
            return
        if any(root.iterdir()) and not (root / "cluster.json").exists():
            raise SandboxError(f"{root} is not a cluster (no cluster.json): nothing deleted")
        _stopped(root)
        shutil.rmtree(root)


def running(root: Path) -> Process | None:
    """The process of this root's cluster, if it runs."""
    words = ["serve", str(layout.layout_of(root).root)]
    found = processes.matching(lambda line: line[-2:] == words)
    return found[0] if found else None


def _launch(root: Path, program: Path, declared: dict[str, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = root / "cluster.json.new"
    unfinished.write_text(json.dumps(declared, indent=2))
    unfinished.rename(root / "cluster.json")
    if holder := ports.holder_of(declared["port"]):
        raise SandboxError(f"the cluster's port {declared['port']} is held by {holder}: end that, or remove {root}")
    log = root / "log"
    processes.launch([program, "serve", root], env=os.environ, log=log)
    if not processes.await_answer((root / "ready").exists, lambda: running(root), within=START_LIMIT):
        _stopped(root)
        raise SandboxError(f"the cluster did not start: {_why(log)} (all of it: {log})")


def _declaration(root: Path, pools: Sequence[Pool]) -> dict[str, Any]:
    nodes = [node for pool in pools for node in pool.declared()]
    port = _read(root).get("port") or ports.free(layout.layout_of(root), PORTS, "cluster")
    return {"port": port, "nodes": nodes}


def _read(root: Path) -> dict[str, Any]:
    path = root / "cluster.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _ready(root: Path) -> bool:
    return running(root) is not None and (root / "ready").exists()


def _stopped(root: Path) -> None:
    if process := running(root):
        processes.end([process], patience=5)
        # The first thread is gone, others may still hold the port for a moment.
        deadline = time.monotonic() + 5
        while not ports.bindable(_read(root)["port"]) and time.monotonic() < deadline:
            time.sleep(0.05)
    (root / "ready").unlink(missing_ok=True)


def _why(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    telling = [line for line in lines if line.startswith("error: ")]
    return (telling or lines or ["it printed nothing"])[-1]
