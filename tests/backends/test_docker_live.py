"""What runs beside what is planned: every difference is named, with the container and what to do."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound
from labform.backends.docker import live
from labform.backends.docker.live import containers_on, gpu_differences, unplanned, users_of_gpus
from labform.ledger import plan
from labform.lockfile import Lock
from labform.problems import LabformError

from tests.backends.inspected import container, request
from tests.labs import GPUS, hosts, lab, project

SERVICE = {"kind": "command", "command": ["serve"]}
LAB = lab(
    runs_on=hosts(gpu1={"gpus": GPUS}),
    projects={"cpu": project(service=SERVICE), "thesis": project(service=SERVICE, gpus=2), "run": project(gpus=1)},
)
LOCK = plan(LAB, Lock(lab="test"), {}).lock
THESIS = container(*LOCK.projects["thesis"].gpus, lab="test", project="thesis")
RUN = container(*LOCK.projects["run"].gpus, lab="test", project="run")
CPU = container(lab="test", project="cpu")
AS_PLANNED = {"test-cpu": CPU, "test-thesis": THESIS, "test-run": RUN}


def said(**changed: Any) -> list[str]:
    """The differences where these containers, by name with `_` for `-`, are otherwise; None is no container."""
    found = {**AS_PLANNED, **{name.replace("_", "-"): one for name, one in changed.items()}}
    there = {name: one for name, one in found.items() if one}
    return [str(one) for one in gpu_differences(LAB, LOCK, "gpu1", there)]


def test_as_planned() -> None:
    """Nothing is said; a run that is done has given its GPU back."""
    assert said() == []
    assert said(test_run={**RUN, "State": {"Status": "exited", "Running": False, "ExitCode": 0}}) == []


def test_others_are_named() -> None:
    """A container from outside, and one of another lab, with the project that should have its GPU."""
    first = LOCK.projects["thesis"].gpus[0]
    assert said(jupyter_bob=container(first)) == [
        f"gpu1: jupyter-bob from outside the lab has {first}: {first} is planned for thesis"
    ]
    free = next(gpu["uuid"] for gpu in GPUS if gpu["uuid"] not in str(LOCK))
    other = container(free, lab="other", project="x", owner="ben")
    assert said(other_x=other) == [f"gpu1: other-x of lab other, project x, owner ben has {free}"]
    every = container(DeviceRequests=[request("", -1)])
    assert said(greedy=every)[0].count("is planned for") == 3
    assert said(stopped={**every, "State": {"Status": "exited", "Running": False, "ExitCode": 0}}) == []


def test_a_name_is_no_proof() -> None:
    """Without the lab's labels a container of the right name is a stranger, and so is a second one with them."""
    bare = container(*LOCK.projects["run"].gpus)
    assert "test-run from outside the lab has" in said(test_run=bare)[0]
    assert "copy of lab test, project run has" in said(copy=RUN)[0]


def test_our_own_are_named() -> None:
    """One with other GPUs than planned, one without any, one that is down, one that is missing, one of no project."""
    free = next(gpu["uuid"] for gpu in GPUS if gpu["uuid"] not in str(LOCK))
    planned = ", ".join(LOCK.projects["thesis"].gpus)
    moved = container(free, lab="test", project="thesis")
    assert said(test_thesis=moved) == [f"gpu1: test-thesis has {free}, planned: {planned}; run `pulumi up`"]
    bare = container(lab="test", project="thesis")
    assert said(test_thesis=bare) == [
        "gpu1: test-thesis runs without the GPUs that are planned for it; run `pulumi up`"
    ]
    assert said(test_cpu=container(free, lab="test", project="cpu")) == [
        f"gpu1: test-cpu has {free}, planned: none; run `pulumi up`"
    ]
    down = {**THESIS, "State": {"Status": "exited", "Running": False, "ExitCode": 1}}
    assert said(test_thesis=down) == ["gpu1: test-thesis holds GPUs and is exited; see `docker logs test-thesis`"]
    assert said(test_thesis=None) == ["gpu1: test-thesis is missing; run `pulumi up`"]
    assert said(test_gone=container(free, lab="test", project="gone")) == [
        f"gpu1: test-gone has {free}, and {unplanned('test-gone')}"
    ]


def test_a_failed_run_is_down_and_an_idle_service_is_not() -> None:
    """What may be stopped, and what has ended well, is as planned."""
    down = {"State": {"Status": "exited", "Running": False, "ExitCode": 3}}
    assert len(said(test_run={**RUN, **down})) == 1
    idle = lab(runs_on=hosts(gpu1={"gpus": GPUS}), projects={"idle": project(service=SERVICE, gpus=1, must_run=False)})
    lock = plan(idle, Lock(lab="test"), {}).lock
    stopped = {**container(*lock.projects["idle"].gpus, lab="test", project="idle"), **down}
    assert [*gpu_differences(idle, lock, "gpu1", {"test-idle": stopped})] == []


def test_users_by_device() -> None:
    """Two containers on one GPU are both its users; one that does not run has none."""
    first = LOCK.projects["thesis"].gpus[0]
    found = {"b": container(first), "a": container(first), "c": container("GPU-d", status="exited")}
    assert users_of_gpus(LAB.hosts["gpu1"], found) == {first: ["a", "b"]}


def test_each_host_is_asked_once_and_one_that_is_silent_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of each is its containers or why there are none."""
    asked: list[str] = []

    listed = SimpleNamespace(attrs={**container("GPU-a"), "Name": "/one"})
    client = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: [listed]))

    def connected(host: str, _address: str, **_: Any) -> Any:
        asked.append(host)
        if host == "b":
            raise LabformError("host b: silent")
        return nullcontext(client)

    monkeypatch.setattr(live, "connected", connected)
    three = lab(runs_on=hosts(a={}, b={}, c={})).hosts
    found = containers_on(three)
    assert sorted(asked) == ["a", "b", "c"]
    assert [*found["a"]] == [*found["c"]] == ["one"]  # type: ignore[misc]
    assert str(found["b"]) == "host b: silent"


def test_who_is_well_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs, passes its check and is not wanted whole is in the list; the rest is inspected, if it is there."""
    words = {
        "well": "Up 2 hours (healthy)",
        "plain": "Up About a minute",
        "named": "Up About a minute",
        "starts": "Up 1 second (health: starting)",
        "ill": "Up 3 days (unhealthy)",
        "halted": "Up 5 minutes (Paused)",
        "over": "Exited (0) 2 days ago",
    }
    listed = [
        {"Id": key, "Names": [f"/{key}"], "Status": said, "Image": "i", "Labels": {}} for key, said in words.items()
    ]
    asked: list[str] = []

    def inspect(key: str) -> Any:
        asked.append(key)
        if key == "over":
            raise NotFound("gone")
        return {"Name": f"/{key}"}

    api = SimpleNamespace(containers=lambda **_: listed, inspect_container=inspect)
    monkeypatch.setattr(live, "connected", lambda *_, **__: nullcontext(SimpleNamespace(api=api)))
    found: Any = containers_on(lab(runs_on=hosts(a={})).hosts, whole={"named"})["a"]
    assert asked == ["named", "starts", "ill", "halted", "over"]
    assert found["well"]["State"] == {"Status": "running", "Health": {"Status": "healthy"}}
    assert found["plain"]["State"] == {"Status": "running"}
    assert [*found] == ["well", "plain", "named", "starts", "ill", "halted"]


def test_a_host_behind_ssh_says_why_it_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's ssh is asked without a question and with a time limit; its last line is the reason."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\necho "Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    host = lab(runs_on=hosts(gpu1={"address": "ssh://lab@gpu1.invalid"})).hosts
    said = containers_on(host, timeout=7)["gpu1"]
    assert str(said) == "host gpu1: ssh://lab@gpu1.invalid cannot be reached: Permission denied (publickey)."
    words = (tmp_path / "words").read_text().split()
    assert words == ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=7", "--", "ssh://lab@gpu1.invalid", "true"]
