"""An engine that is killed, interrupted or not alone: the next `up` converges unattended, and data is as it was."""

import copy
import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sandbox.processes import Process, end, gone
from tests.engine.bench import Bench, until
from tests.engine.started import Started, runs

SERVICE = {
    "owner": "anna",
    "environment": {"kind": "prebuilt", "image": "python:3.12-slim"},
    "service": {"kind": "command", "command": ["sleep", "infinity"]},
}
HEALTHY_AFTER_5_S = {**SERVICE["service"], "health": ["true"]}
OFFICIAL = ("pulumi-language-python", "pulumi-resource-docker")
"""Seen to outlive a killed engine by more than ten seconds. Ours run as `python`, and end at once."""
_counted = itertools.count(1)


def lab_of(name: str) -> dict[str, Any]:
    """A lab with one project that has data."""
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "docker", "hosts": {"local": {}}},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"work": {"owner": "anna"}},
        "projects": {"web": {**copy.deepcopy(SERVICE), "mounts": {"work": "/workspace"}}},
    }


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """A lab that is up, with a file on its volume."""
    bench = Bench(tmp_path_factory.mktemp("crash"), box, tools, f"c{uuid.uuid4().hex[:6]}")
    bench.write(lab_of(bench.name))
    bench.up()
    bench.run("web", "sh", "-c", "echo kept > /workspace/canary")
    yield bench
    bench.close()


@pytest.fixture
def official() -> Iterator[list[Process]]:
    """Official programs that outlive their engine, and so the `up` after it; ended after the test."""
    found: list[Process] = []
    yield found
    end(found, patience=5)


def slow(bench: Bench) -> tuple[dict[str, Any], Callable[[], bool]]:
    """A project whose image takes seconds to build, and whether that is going on."""
    seconds = f"4.{next(_counted)}{uuid.uuid4().int % 10000}"
    folder = bench.project / f"slow-{seconds}"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM python:3.12-slim\nRUN exec sleep {seconds}\n")
    project = {**SERVICE, "environment": {"kind": "dockerfile", "directory": f"../{folder.name}"}}
    return project, lambda: runs("sleep", seconds)


def added(bench: Bench, **projects: Mapping[str, Any]) -> None:
    """Write the lab with these projects beside its first, and the volumes they mount; no volume is dropped."""
    lab = {**lab_of(bench.name), "volumes": copy.deepcopy(bench.lab["volumes"])}
    for project in projects.values():
        lab["volumes"].update({key: {"owner": "anna"} for key in project.get("mounts", {})})
    lab["projects"].update(projects)
    bench.write(lab)


def statuses(bench: Bench) -> dict[str, str]:
    """The lab's containers, by the daemon's word for each."""
    return {one.name.removeprefix(f"{bench.name}-"): one.status for one in bench.containers()}


def kill(bench: Bench, moment: Callable[[], Any], official: list[Process]) -> None:
    """Kill an `up` at a moment: its lock is released by name, and nothing of ours that it started lives on."""
    run = Started(bench)
    until(lambda: moment() or run.over, "the moment to kill the engine")
    assert bench.deployment.release_dead_locks() == []
    children = run.kill()
    said = bench.deployment.release_dead_locks()
    assert len(said) == 1
    assert f"pulumi {run.pid} " in said[0]
    official += [one for one, program in children.items() if program in OFFICIAL]
    ours = [one for one in children if one not in official]
    assert gone(ours, within=10), [children[one] for one in ours if one.alive]


def converged(bench: Bench) -> None:
    """One more `up` ends well; there is one container for each project, and the data is there."""
    bench.up()
    assert statuses(bench) == dict.fromkeys(bench.lab["projects"], "running")
    assert bench.run("web", "cat", "/workspace/canary") == "kept\n"


def test_killed_while_an_image_is_built(survivor: Bench, official: list[Process]) -> None:
    """The build is done again."""
    project, building = slow(survivor)
    added(survivor, slow=project)
    kill(survivor, building, official)
    converged(survivor)


def test_killed_after_a_volume_was_made(survivor: Bench, official: list[Process]) -> None:
    """The volume that no state knows is ours by its labels, and is taken over with what is in it."""
    added(survivor, other={**SERVICE, "mounts": {"more": "/data"}})
    kill(survivor, lambda: survivor.docker.volumes.list(filters={"label": "labform.volume=more"}), official)
    assert set(statuses(survivor)) >= {"web"}
    converged(survivor)


def test_killed_after_a_container_was_made(survivor: Bench, official: list[Process]) -> None:
    """One that no state knows is removed, and another takes its place; one that was recorded in time stays."""
    added(survivor, late=SERVICE)
    kill(survivor, lambda: "late" in statuses(survivor), official)
    made = survivor.inspect("late")["Id"]
    recorded = made in survivor.state()
    converged(survivor)
    assert (survivor.inspect("late")["Id"] == made) == recorded


def test_killed_while_a_service_is_waited_for(survivor: Bench, official: list[Process]) -> None:
    """A service that ran, and that nobody waited for to the end, is replaced by one that is healthy."""
    added(survivor, ill={**SERVICE, "service": HEALTHY_AFTER_5_S})
    kill(survivor, lambda: statuses(survivor).get("ill") == "running", official)
    converged(survivor)
    assert survivor.inspect("ill")["State"]["Health"]["Status"] == "healthy"


def test_killed_while_a_container_is_replaced(survivor: Bench, official: list[Process]) -> None:
    """The project that was between its old and its new container has one again, on the same data."""
    added(survivor)
    lab = copy.deepcopy(survivor.lab)
    lab["projects"]["web"]["env"] = {"ROUND": str(next(_counted))}
    before = survivor.inspect("web")["Id"]
    survivor.write(lab)
    kill(survivor, lambda: before not in {one.id for one in survivor.containers()}, official)
    converged(survivor)


def test_half_of_a_sidecar_file_does_not_hide_the_state(survivor: Bench) -> None:
    """The engine's file store writes `.attrs` files in place: one that is empty says that the state cannot be read."""
    state = survivor.deployment.data / "state"
    assert list(state.rglob("*.attrs")) == []
    (checkpoint,) = state.rglob(f"stacks/*/{survivor.deployment.stack}.json")
    checkpoint.with_name(f"{checkpoint.name}.attrs").touch()
    assert "failed to load checkpoint" in survivor.engine("preview", ok=False).text
    survivor.deployment.prepare()
    assert survivor.engine("preview").code == 0


def test_killed_after_the_network_was_made(bench: Bench, official: list[Process]) -> None:
    """A network that no state knows is removed and made anew."""
    bench.write(lab_of(bench.name))
    kill(bench, lambda: bench.docker.networks.list(names=[f"^labform-{bench.name}$"]), official)
    bench.up()
    assert len(bench.docker.networks.list(names=[f"^labform-{bench.name}$"])) == 1
    bench.settled()


def test_two_at_once(survivor: Bench) -> None:
    """The second `up` is refused and says who holds the lock; the first is not disturbed."""
    project, building = slow(survivor)
    added(survivor, first=project)
    first = Started(survivor)
    until(building, "the first `up` builds")
    second = survivor.up(lock=False, ok=False)
    code, said = first.ended()
    assert second.code != 0
    assert f"(pid {first.pid})" in second.text
    assert "Traceback" not in second.text
    assert code == 0, said
    assert survivor.up().changed == {}


def test_interrupted(survivor: Bench) -> None:
    """Ctrl-C ends an `up` with a message and no traceback; the next one converges."""
    project, building = slow(survivor)
    added(survivor, interrupted=project)
    run = Started(survivor)
    until(building, "the `up` builds")
    run.interrupt()
    code, said = run.ended()
    assert code != 0
    assert "^C received; cancelling." in said
    assert "update canceled" in said
    assert not [word for word in ("Traceback", "KeyboardInterrupt", "panic") if word in said], said
    assert survivor.deployment.release_dead_locks() == []
    converged(survivor)


def test_killed_labs_settle(survivor: Bench, official: list[Process]) -> None:
    """After a crash and one `up` nothing is left to change; what the engine notes of the crash one option clears."""
    added(survivor, again={**SERVICE, "service": HEALTHY_AFTER_5_S, "mounts": {"data": "/data"}})
    kill(survivor, lambda: "again" in statuses(survivor), official)
    converged(survivor)
    survivor.settled()
    survivor.engine("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    assert "pending_operations" not in survivor.state()
