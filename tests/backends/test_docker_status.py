"""`labform status`: a row for each project from one question to each host, and what nobody planned."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labform.backends.docker import status
from labform.backends.docker.status import lab_status
from labform.ledger import plan
from labform.loading import StackFile, load
from labform.lockfile import Lock, write_lock
from labform.problems import LabformError

from tests.backends.inspected import container
from tests.labs import hosts, lab, project

SERVICE = {"kind": "command", "command": ["serve"]}


@pytest.fixture
def stack(tmp_path: Path) -> StackFile:
    """A lab of two hosts: two projects on one, one on the other, one retired."""
    three = {name: project(service=SERVICE, host=host) for name, host in (("a", "one"), ("b", "one"), ("c", "two"))}
    sections = {
        "runs_on": hosts(one={"address": "ssh://lab@one.invalid"}, two={"address": "ssh://lab@two.invalid"}),
        "registry": {"address": "registry.invalid/test"},
        "projects": {**three, "old": project(service=SERVICE, state="retired")},
    }
    full: dict[str, Any] = {"format": 1, "lab": "test", "people": {"anna": {"uid": 10042}}, **sections}
    (tmp_path / "lab.yaml").write_text(json.dumps(full))
    write_lock(tmp_path / "lab.lock", plan(lab(**sections), Lock(lab="test"), {}).lock)
    return load(tmp_path / "lab.yaml")


def test_each_host_is_asked_once(stack: StackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question for all hosts, for this lab's containers; a silent host makes its projects unknown, no others."""
    asked: list[Any] = []

    def containers_on(given: Any, *, lab: str, whole: Any) -> Any:
        asked.append((sorted(given), lab))
        assert whole == set()
        return {"one": {"test-a": container(lab="test", project="a")}, "two": LabformError("host two: silent")}

    monkeypatch.setattr(status, "containers_on", containers_on)
    rows = {row["project"]: row for row in lab_status(stack.lab, stack.lock)}
    assert asked == [(["one", "two"], "test")]
    assert {name: row["state"] for name, row in rows.items()} == {
        "a": "running",
        "b": "missing",
        "c": "unknown",
        "old": "retired",
    }
    assert rows["c"]["cause"] == "host two: silent"


def test_a_silent_host_without_projects_is_named(stack: StackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what stands there, and no project's row says so."""
    empty = replace(stack, lock=Lock(lab="test"))
    monkeypatch.setattr(status, "containers_on", lambda *_, **__: {"one": {}, "two": LabformError("host two: silent")})
    rows = {row["project"]: row.get("cause") for row in lab_status(empty.lab, empty.lock)}
    assert rows["(host two)"] == "host two: silent"
    assert "(host one)" not in rows


def test_what_no_project_is_has_a_row(stack: StackFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that a killed run left, and one on the wrong host, are named with what to do."""
    found = {f"test-{name}": container(lab="test", project=name) for name in ("a", "b", "gone")}
    there = {"test-c": container(lab="test", project="c"), "test-a": container(lab="test", project="a")}
    monkeypatch.setattr(status, "containers_on", lambda *_, **__: {"one": found, "two": there})
    extra = [(row["project"], row["cause"]) for row in lab_status(stack.lab, stack.lock) if row["state"] == "unplanned"]
    todo = "no project of the lock is it; run `pulumi up`, and `docker rm -f {0}` if it is there still"
    assert extra == [
        ("test-gone", f"on one, and {todo.format('test-gone')}"),
        ("test-a", f"on two, and {todo.format('test-a')}"),
    ]
