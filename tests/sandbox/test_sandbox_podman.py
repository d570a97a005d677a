"""The private Podman: containers with a network and health checks, and nothing left of it, killed or not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import docker
import pytest
from sandbox_traces import traces

from sandbox import commands, podman, processes, rootfs, toolset
from sandbox.layout import layout_of
from sandbox.network import iptables
from sandbox.podman.lifecycle import CGROUP, remaining
from sandbox.podman.packages import obtain
from sandbox.state import State

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a private Podman")
def test_a_killed_podman_leaves_nothing(tmp_path: Path) -> None:
    """A container becomes healthy without systemd; then Podman is killed, and `remove` finds all that it had."""
    root = tmp_path / "root"
    layout = layout_of(root)
    try:
        pod = podman.start(root)
        assert podman.start(root) == pod
        client = docker.DockerClient(base_url=pod.address, timeout=120)
        client.api.import_image(src=str(rootfs.layer(toolset.obtain(print), print).blob), repository="base", tag="1")
        client.networks.create("apart")
        check = {"test": ["CMD", "true"], "interval": 10**9}
        published = {"80/tcp": ("127.0.0.1", None)}
        image = client.images.list()[0].id
        made = client.containers.run(
            image, ["sleep", "600"], detach=True, name="a", init=True, network="apart", healthcheck=check,
            ports=published,
        )  # fmt: skip
        _until_healthy(client)
        client.close()
        pool = State.read(layout.state).pool
        for process in remaining(layout):
            if Path(processes.command_line(process.pid)[0]).name == "podman":
                os.kill(process.pid, signal.SIGKILL)
    finally:
        podman.remove(root)
    assert traces(root) == {}
    assert not root.exists()
    assert _of_pool(pool.rpartition(".")[0].rpartition(".")[0]) == []
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{CGROUP}/*{made.id}*"))


def _until_healthy(client: docker.DockerClient) -> None:
    end = time.monotonic() + 60
    while client.containers.get("a").attrs["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < end
        time.sleep(0.2)


def _of_pool(beginning: str) -> list[str]:
    """Packet filter rules of Podman's chains for addresses that begin so."""
    tools = obtain(print)
    listed = [
        commands.run([iptables(tools), "-w", "-t", table, "-S"], doing="iptables", env=tools.environment)
        for table in ("nat", "filter")
    ]
    return [line for text in listed for line in text.splitlines() if "NETAVARK" in line and f" {beginning}." in line]
