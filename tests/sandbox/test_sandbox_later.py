"""The private daemon of a later Docker: CDI devices by name, and nothing else is different."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import docker
import pytest
from sandbox_traces import client_of, traces

import sandbox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a Docker daemon")
def test_a_later_docker_knows_cdi(tmp_path: Path) -> None:
    """A specification is seen at once, its device reaches a container, images are built; `remove` leaves nothing."""
    root = tmp_path / "root"
    box = sandbox.start(root, name="later", later=True)
    try:
        assert sandbox.start(root, name="later") == box
        made_up = {"name": "GPU-a", "containerEdits": {"env": ["SEEN=GPU-a"]}}
        (root / "cdi").mkdir()
        specification = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [made_up]}
        (root / "cdi" / "nvidia.yaml").write_text(json.dumps(specification))
        client = docker.DockerClient(base_url=box.docker_host)
        asked = [docker.types.DeviceRequest(driver="cdi", device_ids=["nvidia.com/gpu=GPU-a"])]
        printed = client.containers.run(box.base_reference, ["printenv", "SEEN"], device_requests=asked, remove=True)
        found = [one["ID"] for one in client.info()["DiscoveredDevices"]]
        client.close()
        assert (printed, found) == (b"GPU-a\n", ["nvidia.com/gpu=GPU-a"])
        (tmp_path / "Dockerfile").write_text(f"FROM {box.base_reference}\nRUN --mount=type=cache,target=/c true\n")
        client_of(box)("build", "-q", "-t", "built", str(tmp_path), env={"DOCKER_BUILDKIT": "1"})
    finally:
        sandbox.remove(root)
    assert traces(root) == {}
