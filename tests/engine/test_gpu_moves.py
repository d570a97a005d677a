"""GPUs that change hands in one `up`, and GPUs that somebody else holds: never two containers on one."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.bench import PORTS, Bench

IMAGE = {"kind": "prebuilt", "image": "python:3.12-slim"}
SLOW = ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"]
"""A program that does not end when it is asked to, so that its container takes all of its grace."""


def project(uuid: str | None = None, **more: Any) -> dict[str, Any]:
    """A service that is slow to stop, on one very GPU or on none."""
    service = {"kind": "command", "command": [*SLOW]}
    gpus = {"gpus": {"uuid": uuid}} if uuid else {}
    return {"owner": "anna", "environment": dict(IMAGE), "service": service, "stop_grace": "1s", **gpus, **more}


def lab_of(name: str, **projects: Any) -> dict[str, Any]:
    """A lab on one host with four GPUs."""
    gpus = [{"uuid": f"GPU-{name}-{letter}", "model": "A100-40GB"} for letter in "abcd"]
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS, "gpus": gpus}}},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "people": {"anna": {"uid": 10042}},
        "projects": projects,
    }


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """A lab that tests write anew."""
    bench = Bench(tmp_path_factory.mktemp("moves"), box, tools, f"m{uuid.uuid4().hex[:6]}")
    yield bench
    bench.close()


def written(bench: Bench, **devices: str | None) -> None:
    """Write the lab with these projects on these GPUs, by the letter."""
    named = {name: letter and f"GPU-{bench.name}-{letter}" for name, letter in devices.items()}
    bench.write(lab_of(bench.name, **{name: project(device) for name, device in named.items()}))


def held(bench: Bench) -> dict[str, str]:
    """By container id, the letter of the GPU it was made for."""
    requests = {one.id: one.attrs["HostConfig"]["DeviceRequests"] or [] for one in bench.containers()}
    return {key: many[0]["DeviceIDs"][0][-1] for key, many in requests.items() if many}


def ran(bench: Bench, since: float) -> dict[str, list[tuple[int, int]]]:
    """By container id, when it started and when it ended, in nanoseconds, as far as the daemon tells since then."""
    wanted = {"type": "container", "event": ["start", "die"], "label": f"labform.lab={bench.name}"}
    events = bench.docker.events(since=since, until=time.time(), filters=wanted, decode=True)
    times: dict[str, list[tuple[int, int]]] = {}
    for one in events:
        times.setdefault(one["id"], []).append((one["timeNano"], 1 if one["Action"] == "start" else -1))
    return times


def handed_over(bench: Bench, **devices: str | None) -> None:
    """Bring the lab up with these GPUs: at no moment did two containers run with one."""
    before = held(bench)
    since = int(time.time()) - 1
    written(bench, **devices)
    bench.up()
    after = held(bench)
    assert sorted(after.values()) == sorted(filter(None, devices.values()))
    times = ran(bench, since)
    for letter in "abcd":
        old = [moment for key, one in before.items() if one == letter and key not in after for moment in times[key]]
        new = [moment for key, one in after.items() if one == letter and key not in before for moment in times[key]]
        ends = [moment for moment, step in old if step < 0]
        starts = [moment for moment, step in new if step > 0]
        assert not starts or not ends or max(ends) < min(starts), (letter, times)


def test_gpus_change_hands_without_overlap(moving: Bench) -> None:
    """Two projects swap, one is renamed, one is removed for another: each GPU is given up before it is taken."""
    written(moving, one="a", two="b", three="c", four="d")
    moving.up()
    handed_over(moving, one="b", two="a", renamed="c", five="d")
    moving.settled()


def test_a_stranger_is_left_alone_and_named(moving: Bench) -> None:
    """A container outside of the lab that has the GPU stops the `up` with its name, and nobody stops it."""
    written(moving, one="a")
    moving.up()
    device = f"GPU-{moving.name}-b"
    request = {"Driver": "nvidia", "Count": 0, "DeviceIDs": [device], "Capabilities": [["gpu"]], "Options": {}}
    stranger = started(moving, f"bob-{moving.name}", {}, request)
    before = moving.inspect("one")["Id"]
    written(moving, one="a", two="b")
    said = moving.refused()
    line = f"project two: {device} of local is held by container bob-{moving.name} from outside the lab; stop it there"
    assert line in said
    assert moving.docker.containers.get(stranger).status == "running"
    assert moving.inspect("one")["Id"] == before
    moving.docker.containers.get(stranger).remove(force=True)
    moving.up()
    assert sorted(held(moving).values()) == ["a", "b"]


def test_what_a_killed_run_left_gives_its_gpu_up(moving: Bench) -> None:
    """A container of this lab that neither file nor state knows is stopped when its GPU is needed, and is named."""
    written(moving, one="a")
    moving.up()
    name, device = f"{moving.name}-lost", f"GPU-{moving.name}-c"
    request = {"Driver": "nvidia", "Count": 0, "DeviceIDs": [device], "Capabilities": [["gpu"]], "Options": {}}
    labels = {"labform.lab": moving.name, "labform.project": "lost", "labform.owner": "anna"}
    orphan = started(moving, name, labels, request)
    written(moving, one="a", two="c")
    moving.up()
    assert moving.docker.containers.get(orphan).status == "exited"
    assert moving.inspect("two")["State"]["Running"]
    done = moving.deployment.labform("status", "--addresses", _addresses(moving), check=False, capture=True)
    assert done.returncode == 1
    assert f"{name}: unplanned; on local, and no project of the lock is it; run `pulumi up`" in done.stderr
    moving.docker.containers.get(orphan).remove(force=True)


def started(bench: Bench, name: str, labels: dict[str, str], request: dict[str, Any]) -> str:
    """The id of a container that somebody starts by hand."""
    image = bench.inspect("one")["Image"]
    api = bench.docker.api
    config = api.create_host_config(device_requests=[request], init=True)
    made = api.create_container(image, ["sleep", "600"], name=name, labels=labels, host_config=config)
    api.start(made)
    return str(made["Id"])


def _addresses(bench: Bench) -> str:
    return json.dumps(bench.deployment.addresses)
