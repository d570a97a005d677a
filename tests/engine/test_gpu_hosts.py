"""A lab on two daemons, one asked by NVIDIA's driver, one by CDI names; a project moves and data stays."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import docker
import pytest

import sandbox
from tests.engine.bench import FIRST_PORT, Bench
from tests.engine.test_preview import apart

NEAR = ["GPU-near-a", "GPU-near-b"]
FAR = ["GPU-far-a", "MIG-far-b"]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, docker.DockerClient]]:
    """Another host, whose Docker knows CDI and two made-up devices."""
    root = tmp_path_factory.mktemp("later")
    box = sandbox.start(root, name=f"later-{uuid.uuid4().hex[:6]}", later=True)
    devices = [{"name": name, "containerEdits": {"env": [f"SEEN_{name[:3]}={name}"]}} for name in FAR]
    (root / "cdi").mkdir()
    specification = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices}
    (root / "cdi" / "nvidia.yaml").write_text(json.dumps(specification))
    client = docker.DockerClient(base_url=box.docker_host, timeout=60)
    yield box.docker_host, client
    client.close()
    sandbox.remove(root)


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any, later: tuple[str, docker.DockerClient]
) -> Iterator[Bench]:
    """A lab on both hosts, up."""
    bench = Bench(tmp_path_factory.mktemp("two"), box, tools, f"h{uuid.uuid4().hex[:6]}")
    apart(bench, {"far": later[0]})
    bench.write(declared(bench.name))
    bench.up()
    yield bench
    bench.close()


def declared(name: str) -> dict[str, Any]:
    """A lab with data on the near host, and a GPU project without any."""
    mig = [{"uuid": FAR[1], "profile": "3g.20gb"}]
    hosts = {
        "near": {"gpus": [{"uuid": one, "model": "A100-40GB"} for one in NEAR]},
        "far": {
            "gpu_request": "cdi",
            "gpus": [{"uuid": FAR[0], "model": "A100-40GB"}, {"uuid": "GPU-cut", "model": "A100-40GB", "mig": mig}],
        },
    }
    for number, host in enumerate(hosts.values()):
        first = FIRST_PORT + 10 * number
        host["ports"] = f"{first}-{first + 9}"
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "docker", "hosts": hosts},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"work": {"owner": "anna", "host": "near"}},
        "projects": {
            "thesis": project("near", gpus=1, mounts={"work": "/workspace"}),
            "free": project("near", gpus=1),
            "slice": project("far", gpus={"mig": "3g.20gb"}),
            "cpu": project("far"),
        },
    }


def project(host: str, **more: Any) -> dict[str, Any]:
    """A service on a host."""
    image, command = {"kind": "prebuilt", "image": "python:3.12-slim"}, ["sleep", "infinity"]
    service = {"kind": "command", "command": command}
    return {"owner": "anna", "environment": image, "host": host, "service": service, **more}


def on(client: docker.DockerClient, lab: str) -> dict[str, list[tuple[str, list[str]]]]:
    """By project, how each container on a host asks for its devices."""
    found = client.containers.list(all=True, filters={"label": f"labform.lab={lab}"})
    requests = {one.labels["labform.project"]: one.attrs["HostConfig"]["DeviceRequests"] or [] for one in found}
    return {name: [(one["Driver"], one["DeviceIDs"]) for one in many] for name, many in sorted(requests.items())}


def test_each_host_is_asked_in_its_own_way(two: Bench, later: tuple[str, docker.DockerClient]) -> None:
    """`nvidia` gets ids, `cdi` gets CDI names, MIG instances too; what a CDI specification adds is in the container."""
    _, far = later
    near = on(two.docker, two.name)
    assert sorted(near) == ["free", "thesis"]
    assert sorted(device for many in near.values() for _, ids in many for device in ids) == NEAR
    assert {driver for many in near.values() for driver, _ in many} == {"nvidia"}
    assert on(far, two.name) == {"cpu": [], "slice": [("cdi", ["nvidia.com/gpu=MIG-far-b"])]}
    started = far.containers.get(f"{two.name}-slice")
    _, seen = started.exec_run(["sh", "-c", "tr '\\0' '\\n' < /proc/1/environ | grep -E '^(SEEN|NVIDIA)_' | sort"])
    assert seen.decode().split() == ["NVIDIA_VISIBLE_DEVICES=void", "SEEN_MIG=MIG-far-b"]
    two.settled()


def test_a_project_moves_and_its_data_stops_it(two: Bench, later: tuple[str, docker.DockerClient]) -> None:
    """It is created there with a device of that host, and gone here; a volume stays, and stops the move."""
    _, far = later
    lab = declared(two.name)
    kept = two.inspect("thesis")["Id"]
    lab["projects"]["free"]["host"] = "far"
    two.write(lab)
    changed = two.up().changed
    assert {key.split()[1] for key in changed} == {f"{two.name}-free"}
    assert sorted(on(two.docker, two.name)) == ["thesis"]
    assert on(far, two.name)["free"] == [("cdi", ["nvidia.com/gpu=GPU-far-a"])]
    assert two.inspect("thesis")["Id"] == kept
    live = ("gpus", "--live", "--addresses", json.dumps(two.deployment.addresses))
    assert two.deployment.labform(*live, capture=True).returncode == 0
    lab["projects"]["thesis"]["host"] = "far"
    two.write(lab)
    said = two.refused()
    assert "error[apart] projects.thesis.mounts: its volumes are not on one host: work on near; host: far" in said
