"""A lab's life: it comes up, stays as it is, changes where it is edited, and its data outlives everything."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.engine.bench import Bench


def test_second_up_refresh_and_up_change_nothing(bench: Bench, lab: dict[str, Any]) -> None:
    """`up`, `up`, `refresh`, `up`: nothing after the first."""
    bench.write(lab)
    assert bench.up().changed
    bench.settled()


def test_another_clone_path_is_no_change(bench: Bench, lab: dict[str, Any], tmp_path: Path) -> None:
    """The same stack from another folder changes nothing."""
    (bench.project / "own").mkdir()
    (bench.project / "own" / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY a.txt /\n")
    (bench.project / "own" / "a.txt").write_text("a")
    lab["projects"]["web"]["environment"] = {"kind": "dockerfile", "directory": "../own"}
    bench.write(lab)
    bench.up()
    other = bench.moved(tmp_path / "elsewhere" / "deeper")
    (other.project / "own" / "a.txt").chmod(0o600)
    assert other.up().changed == {}


def test_data_survives_retirement(bench: Bench, lab: dict[str, Any]) -> None:
    """A retired project has no container; running again, it finds its files."""
    bench.write(lab)
    bench.up()
    bench.run("web", "sh", "-c", "echo kept > /workspace/file")
    lab["projects"]["web"]["state"] = "retired"
    bench.write(lab)
    bench.up()
    assert not bench.docker.containers.list(all=True, ignore_removed=True, filters={"name": f"{bench.name}-web"})
    lab["projects"]["web"]["state"] = "running"
    bench.write(lab)
    bench.up()
    assert bench.run("web", "cat", "/workspace/file") == "kept\n"


def test_a_dropped_volume_is_refused_then_retired_and_kept(bench: Bench, lab: dict[str, Any]) -> None:
    """Data that leaves the file is refused; under `retired:` it leaves the state, never the daemon."""
    bench.write(lab)
    bench.up()
    bench.run("web", "sh", "-c", "echo kept > /workspace/file")
    bench.deployment.update_lock()
    without = copy.deepcopy(lab)
    del without["volumes"], without["projects"]["web"]["mounts"]
    bench.write(without)
    assert "volume work of anna holds data and is no longer declared" in bench.refused()
    retired = {**without, "retired": {"work": {"owner": "anna", "host": "local"}}}
    bench.write(retired)
    assert "Volume" not in str({key for key, op in bench.up().changed.items() if op == "delete"})
    bench.write(without)
    bench.up()
    assert f"{bench.name}-work" not in bench.state()
    assert bench.docker.volumes.get(f"{bench.name}-work")
    bench.settled()
    bench.write(lab)
    bench.up()
    assert bench.run("web", "cat", "/workspace/file") == "kept\n"


def test_a_dropped_volume_that_the_lock_calls_planned_is_refused(bench: Bench, lab: dict[str, Any]) -> None:
    """Nobody ran `labform lock` after the `up`: the engine refuses the whole change, as the plan says."""
    bench.write(lab)
    bench.up()
    del lab["volumes"], lab["projects"]["web"]["mounts"]
    bench.write(lab)
    bench.deployment.labform("lock", "--offline", capture=True)
    outcome = bench.up(lock=False, ok=False)
    assert outcome.code
    assert "protect" in outcome.text
    assert f"{bench.name}-work" in bench.state()


def test_destroy_keeps_volumes(bench: Bench, lab: dict[str, Any]) -> None:
    """`pulumi destroy --exclude-protected` removes containers, and volumes stay with their files."""
    bench.write(lab)
    bench.up()
    bench.run("web", "sh", "-c", "echo kept > /workspace/file")
    bench.destroy()
    assert not bench.docker.containers.list(
        all=True, ignore_removed=True, filters={"label": f"labform.lab={bench.name}"}
    )
    bench.up()
    assert bench.run("web", "cat", "/workspace/file") == "kept\n"


@pytest.mark.parametrize("edit", ["env", "owner"])
def test_an_edit_touches_its_project_only(bench: Bench, lab: dict[str, Any], edit: str) -> None:
    """Other containers keep their id and start time."""
    lab["people"]["ben"] = {"uid": 10043}
    lab["projects"]["other"] = {**copy.deepcopy(lab["projects"]["web"]), "mounts": {}}
    bench.write(lab)
    bench.up()
    before = bench.inspect("web")
    lab["projects"]["other"][edit] = {"env": {"A": "1"}, "owner": "ben"}[edit]
    bench.write(lab)
    changed = bench.up().changed
    assert {key.split(" ", 1)[1] for key in changed} == {f"{bench.name}-other"}
    after = bench.inspect("web")
    assert (before["Id"], before["State"]["StartedAt"]) == (after["Id"], after["State"]["StartedAt"])
