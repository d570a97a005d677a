"""The server with four GPUs and a dozen projects that ships as an example: what runs has exactly what is planned."""

import copy
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.bench import PORTS, REPOSITORY, Bench

STACK = REPOSITORY / "stacks" / "gpu-server.yaml"
_SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
host=$1
shift
[ "$1" != -- ] || shift
case $host in *ds01.invalid) exec sh -c "$*" ;; esac
exit 255
"""
"""Runs the command here: options, `--`, the host, the command."""
PARTS = [str(one.relative_to(REPOSITORY)) for one in (REPOSITORY / "projects" / "training").iterdir() if one.is_file()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """The lab, up, under a name of this run's own."""
    bench = Bench(tmp_path_factory.mktemp("server"), box, tools, f"g{uuid.uuid4().hex[:6]}", parts=PARTS)
    bench.write(declared(bench))
    bench.up()
    yield bench
    bench.close()


def declared(bench: Bench) -> dict[str, Any]:
    """The example's stack file, with this run's name and ports."""
    lab: dict[str, Any] = yaml.safe_load(STACK.read_text())
    lab["lab"] = bench.name
    lab["runs_on"]["hosts"]["ds01"]["ports"] = PORTS
    return lab


def planned(bench: Bench) -> dict[str, list[str]]:
    """What the lock gives to each project."""
    projects = yaml.safe_load(bench.deployment.lock.read_text())["projects"]
    return {name: list(one.get("gpus", [])) for name, one in projects.items()}


def given(bench: Bench) -> dict[str, list[str]]:
    """What Docker says that each of the lab's containers has."""
    found = {one.labels["labform.project"]: one.attrs["HostConfig"] for one in bench.containers()}
    requests = {name: host["DeviceRequests"] or [] for name, host in found.items()}
    assert all((one["Driver"], one["Count"]) == ("nvidia", 0) for many in requests.values() for one in many)
    return {name: [device for one in many for device in one["DeviceIDs"]] for name, many in requests.items()}


def others(bench: Bench, *projects: str) -> dict[str, tuple[str, str]]:
    """Id and start of every container, these projects' aside."""
    left = [one for one in bench.containers() if one.labels["labform.project"] not in projects]
    return {one.name: (one.id, one.attrs["State"]["StartedAt"]) for one in left}


def edited(bench: Bench, lab: dict[str, Any], project: str) -> None:
    """Write the lab and bring it up: that project alone is touched, and every container has what is planned."""
    before = others(bench, project)
    bench.write(lab)
    changed = bench.up().changed
    assert {key.split()[1] for key in changed} == {f"{bench.name}-{project}"}, changed
    assert others(bench, project) == before
    assert given(bench) == planned(bench)


def test_every_container_has_exactly_the_planned_devices(server: Bench) -> None:
    """`docker inspect` of every container shows the lock's ids, sorted; each is somebody's only once."""
    held = planned(server)
    assert given(server) == held
    devices = [device for many in held.values() for device in many]
    assert len(devices) == len(set(devices)) == 8
    assert all(many == sorted(many) for many in held.values())


def test_what_a_process_sees(server: Bench) -> None:
    """NVIDIA's hook is told the planned ids; a project on no GPU says that it wants none, whatever its image says."""
    shown = ("sh", "-c", "tr '\\0' '\\n' < /proc/1/environ | grep ^NVIDIA_")
    visible = {name: server.run(name, *shown).strip() for name in ("segmentation", "course")}
    chosen = {"segmentation": planned(server)["segmentation"][0], "course": "void"}
    assert visible == {name: f"NVIDIA_VISIBLE_DEVICES={device}" for name, device in chosen.items()}
    for name, devices in planned(server).items():
        env = [one for one in server.inspect(name)["Config"]["Env"] if one.startswith(("NVIDIA_", "CUDA_"))]
        assert env == ([] if devices else ["NVIDIA_VISIBLE_DEVICES=void"]), name


def test_memory_is_shared_with_nobody(server: Bench) -> None:
    """As much shared memory as declared, of the container's own, and the stack that GPU programs need."""
    host = server.inspect("segmentation")["HostConfig"]
    assert (host["IpcMode"], host["ShmSize"]) == ("private", 16 * 1024**3)
    assert host["Ulimits"] == [{"Name": "stack", "Soft": 64 * 1024**2, "Hard": 64 * 1024**2}]
    assert server.run("segmentation", "sh", "-c", "ulimit -s").strip() == str(64 * 1024)


def test_the_outputs_are_the_table(server: Bench) -> None:
    """The stack's outputs say who holds which device and who uses how much, as a preview does."""
    gpus, quotas = server.output("gpus"), server.output("quotas")
    row = "A100-40GB GPU-0b1c6a7e-3f52-4d0e-9a41-6c2f8e5d7b10"
    assert gpus["ds01"][row] in {"detection (anna)", "language-model (dmitri)"}
    assert list(gpus["ds01"].values()).count("free") == 1
    assert quotas["anna"]["gpus"] == "9/7 of 2"


def test_nothing_changes_by_itself(server: Bench) -> None:
    """`up`, `refresh` and `up` again: no change."""
    server.settled()


def test_an_edit_touches_its_project_only(server: Bench) -> None:
    """A project is added, grows by the free device, and is removed: the others keep their containers and GPUs."""
    lab = declared(server)
    lab["projects"]["seminar"] = copy.deepcopy(lab["projects"]["grading"])
    wanted = lab["projects"]["seminar"].pop("gpus")
    edited(server, lab, "seminar")
    before = planned(server)
    lab["projects"]["seminar"]["gpus"] = wanted
    edited(server, lab, "seminar")
    assert len(planned(server)["seminar"]) == 1
    assert {**planned(server), "seminar": []} == before
    del lab["projects"]["seminar"]
    edited(server, lab, "seminar")
    assert "seminar" not in given(server)


def test_gpus_live_says_what_runs(server: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As planned is said so, over ssh too; a stranger who takes every GPU, and one of ours that is down, are named."""
    words = ("gpus", "--live", "--json", "--addresses", json.dumps(server.deployment.addresses))
    rows = json.loads(server.deployment.labform(*words, capture=True).stdout)["gpus"]
    holders = {row["gpu"]: row["holder"] for row in rows}
    running = {row["gpu"]: row["live"] for row in rows if row["live"]}
    assert running
    assert all(users == [f"{server.name}-{holders[gpu]}"] for gpu, users in running.items())
    far = _over_ssh(server, tmp_path, monkeypatch)
    assert json.loads(server.deployment.labform(*words[:-1], far, capture=True).stdout)["gpus"] == rows
    every = [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}]
    config = server.docker.api.create_host_config(device_requests=every)
    image, stranger = server.inspect("course")["Image"], f"bob-{server.name}"
    made = server.docker.api.create_container(image, ["sleep", "60"], name=stranger, host_config=config)
    server.docker.api.start(made)
    server.docker.containers.get(f"{server.name}-exam").stop(timeout=1)
    try:
        done = server.deployment.labform(*words, capture=True, check=False)
    finally:
        server.docker.api.remove_container(made, force=True)
        server.docker.containers.get(f"{server.name}-exam").start()
    assert done.returncode == 1
    named = {one["container"]: one["message"] for one in json.loads(done.stdout)["differences"]}
    assert set(named) == {stranger, f"{server.name}-exam"}
    assert "from outside the lab has" in named[stranger]
    assert "is planned for exam" in named[stranger]
    assert "is exited" in named[f"{server.name}-exam"]


def _over_ssh(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lab's addresses with its host behind an `ssh` that runs what it is told on this machine."""
    (folder / "ssh").write_text(_SSH)
    (folder / "ssh").chmod(0o755)
    (folder / "docker").symlink_to(bench.deployment.box.docker_cli)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setitem(bench.deployment.tools, "PATH", f"{folder}:{bench.deployment.tools['PATH']}")  # type: ignore[arg-type]
    given = bench.deployment.addresses
    return json.dumps({**given, "registry": "registry.invalid/ds01", "hosts": {"ds01": "ssh://lab@ds01.invalid"}})
