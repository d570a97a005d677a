"""The private daemon: what containers and builds can do on it, and two of them beside each other."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from sandbox_traces import Docker, client_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


def test_gpus_by_id_reach_the_container_in_its_environment(box: Sandbox, docker: Docker) -> None:
    """A request for two GPUs is accepted without a GPU, and the hook gets both ids."""
    printed = docker("run", "--rm", "--gpus", '"device=GPU-aaa,GPU-bbb"', box.base_reference, "env")
    assert "NVIDIA_VISIBLE_DEVICES=GPU-aaa,GPU-bbb" in printed.splitlines()


def test_a_published_port_is_reachable_from_the_host(box: Sandbox, docker: Docker) -> None:
    """A server in a container answers on the port of 127.0.0.1 that it is published on."""
    server = ["python3", "-m", "http.server", "--directory", "/etc", "8000"]
    container = docker("run", "-d", "--rm", "-p", "127.0.0.1::8000", box.base_reference, *server)
    try:
        address = docker("port", container, "8000")
        assert "root:" in _read(f"http://{address}/passwd")
    finally:
        docker("rm", "-f", container)


def test_a_container_on_the_bridge_reaches_package_registries(box: Sandbox, docker: Docker) -> None:
    """Outbound NAT and names work from the default network, for pip and for apt."""
    script = "pip download -q --no-deps -d /tmp iniconfig && apt-get update -q && ls /tmp"
    assert "iniconfig" in docker("run", "--rm", box.base_reference, "sh", "-ec", script)


def test_containers_of_a_user_network_find_each_other(box: Sandbox, docker: Docker) -> None:
    """A user's network takes its addresses from the sandbox's pool and resolves names."""
    docker("network", "create", "friends")
    docker("run", "-d", "--name", "friend", "--network", "friends", box.base_reference, "sleep", "60")
    try:
        found = docker("run", "--rm", "--network", "friends", box.base_reference, "getent", "hosts", "friend")
        assert found.startswith("172.")
    finally:
        docker("rm", "-f", "friend")
        docker("network", "rm", "friends")


def test_limits_are_set_in_a_group_of_our_own(box: Sandbox, docker: Docker) -> None:
    """A memory limit holds, below the sandbox's parent group."""
    limits = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    printed = docker("run", "--rm", "-m", "64m", box.base_reference, "sh", "-c", limits)
    assert printed == str(64 * 1024**2)


def test_buildkit_builds_a_venv_on_the_base(box: Sandbox, docker: Docker, tmp_path: Path) -> None:
    """`python3 -m venv` and a pip install work in a BuildKit build with a cache mount, on the host's network."""
    install = "python3 -m venv /opt/env && /opt/env/bin/pip install iniconfig"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {box.base_reference}\n"
        f"RUN --mount=type=cache,target=/root/.cache {install}\n"
        'CMD ["/opt/env/bin/python", "-c", "import iniconfig; print(iniconfig.__name__)"]\n'
    )
    docker("build", "--network", "host", "-t", "venv", str(tmp_path), env={"DOCKER_BUILDKIT": "1"})
    assert docker("run", "--rm", "venv") == "iniconfig"


def test_two_sandboxes_share_nothing_but_the_base(box: Sandbox, other_box: Sandbox, docker: Docker) -> None:
    """Addresses, containers and images are apart; the base's digest is the same."""
    other = client_of(other_box)
    container = docker("run", "-d", "--rm", box.base_reference, "sleep", "60")
    try:
        assert other("ps", "-aq", "--no-trunc") == ""
        assert {box.docker_host, box.registry_address}.isdisjoint({other_box.docker_host, other_box.registry_address})
        assert box.base_reference.partition("@")[2] == other_box.base_reference.partition("@")[2]
        assert docker("network", "inspect", "bridge") != other("network", "inspect", "bridge")
    finally:
        docker("rm", "-f", container)


def _read(address: str) -> str:
    """What a server that may still be starting says, within ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
