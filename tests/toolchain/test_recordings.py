"""Every recorded call of the official plugin gets the same answer from the stand-in."""

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.fake_docker import FakeDocker
from tests.toolchain.recorded import IGNORED, AbortedError, Call, ask, calls, cleaned, properties_of
from toolchain.docker_plugin import containers, images
from toolchain.docker_plugin.daemon import Daemon
from toolchain.docker_plugin.plan import plan
from toolchain.docker_plugin.provider import DockerProvider
from toolchain.docker_plugin.schema import CONTAINER, CONTAINER_TABLE, IMAGE, NETWORK, VOLUME
from toolchain.docker_plugin.server import Servicer
from toolchain.docker_plugin.state import known

SKIPPED: dict[int, str] = {}
"""Recorded calls that are not replayed, by number, each with the reason."""

PURE = ("CheckConfig", "DiffConfig", "Check", "Diff")
"""Calls that are answered without a daemon."""


@pytest.fixture
def fake() -> FakeDocker:
    """A daemon in memory."""
    return FakeDocker()


@pytest.fixture
def servicer(fake: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> Servicer:
    """The stand-in on that daemon, without delays."""
    monkeypatch.setattr(Daemon, "ping", lambda _: fake)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return Servicer([], "5.1.0", DockerProvider(lambda urn, line: None), "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder beside a build context, and a docker CLI that does what it is told."""
    for folder in ("ctx", "project"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ctx" / "Dockerfile").touch()
    cli = tmp_path / "docker"
    cli.write_text('#!/bin/sh\necho "$SAID"\nexit ${CODE:-0}\n')
    cli.chmod(cli.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LABFORM_DOCKER_CLI", str(cli))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def of(*methods: str, type_: str = "") -> list[Any]:
    """Return the recorded calls of some methods as parameters."""
    return [
        pytest.param(call, id=str(call))
        for call in calls()
        if call.method in methods and type_ in call.type and call.number not in SKIPPED
    ]


@pytest.mark.parametrize("call", of(*PURE, "Configure"))
def test_pure(call: Call, servicer: Servicer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks, diffs and configurations are answered as recorded.

    The files of the recorded build contexts are not recorded, so their digests are taken as
    given; `test_context.py` holds digests to the official code.
    """
    build = call.response.get("inputs", {}).get("build", {})
    monkeypatch.setattr(images, "context_digest", lambda *_: build.get("contextDigest"))
    assert ask(servicer, call.method, call.request) == cleaned(call.response)


def held(fake: FakeDocker, call: Call, inputs: dict[str, Any], state: dict[str, Any]) -> None:
    """Give the daemon the object that a call is about, as its inputs made it."""
    fake.next_id = call.request["id"]
    fake.addresses = addresses(state)
    if call.type == VOLUME:
        labels = {item["label"]: item["value"] for item in inputs.get("labels", [])}
        fake.create_volume(inputs["name"], inputs.get("driver"), inputs.get("driverOpts"), labels)
    elif call.type == CONTAINER:
        planned = plan(None, inputs, CONTAINER_TABLE)
        daemon = Daemon(_client=fake)
        containers.finish(fake, containers.create(daemon, known(planned)), known(planned))
        if state.get("exitCode") is not None and not state.get("mustRun"):
            fake.end(call.request["id"], state["exitCode"])
    elif call.type == NETWORK:
        hold_network(fake, inputs, state)
    fake.calls.clear()


def hold_network(fake: FakeDocker, inputs: dict[str, Any], state: dict[str, Any]) -> None:
    """Give the daemon a network with the address pool that it had."""
    fake.pool = pool(state)
    labels = {item["label"]: item["value"] for item in inputs.get("labels", [])}
    fake.create_network(
        inputs["name"],
        driver=inputs.get("driver"),
        options=inputs.get("options"),
        internal=inputs.get("internal", False),
        attachable=inputs.get("attachable", False),
        labels=labels,
        ipam={"Driver": inputs["ipamDriver"]},
    )


def pool(state: dict[str, Any]) -> dict[str, Any]:
    """Return the address pool that the daemon gave a network."""
    configs = state.get("ipamConfigs")
    config = configs[0] if isinstance(configs, list) else {}
    return {"Subnet": config.get("subnet"), "Gateway": config.get("gateway")}


def addresses(state: dict[str, Any]) -> dict[str, Any]:
    """Return the addresses that the daemon gave a container, by network."""
    return {
        item["networkName"]: {
            "IPAddress": item["ipAddress"],
            "IPPrefixLen": item["ipPrefixLength"],
            "Gateway": item["gateway"],
            "GlobalIPv6Address": item["globalIpv6Address"],
            "GlobalIPv6PrefixLen": item["globalIpv6PrefixLength"],
            "IPv6Gateway": item["ipv6Gateway"],
            "MacAddress": item["macAddress"],
        }
        for item in state.get("networkDatas") or []
        if isinstance(item, dict)
    }


@pytest.mark.parametrize("call", [c for c in of("Create") if not c.values[0].error])
def test_create(
    call: Call,
    servicer: Servicer,
    fake: FakeDocker,
    project: Path,
) -> None:
    """Creates and their previews leave the recorded state."""
    state = call.response.get("properties", {})
    fake.next_id = call.response.get("id", "")
    fake.addresses = addresses(state)
    fake.pool = pool(state)
    fake.digest = str(state.get("repoDigest", "")).partition("@")[2]
    if call.scenario == "foreign-volume" and call.type == VOLUME:
        fake.create_volume("rec-home", None, None, {item["label"]: item["value"] for item in state["labels"]})
    assert ask(servicer, "Create", call.request) == cleaned(call.response)


@pytest.mark.parametrize("call", of("Read"))
def test_read(call: Call, servicer: Servicer, fake: FakeDocker) -> None:
    """Reads find the recorded state, and nothing where the object is gone."""
    if call.response.get("properties") and call.type != IMAGE:
        held(fake, call, call.request["inputs"], call.response["properties"])
    assert ask(servicer, "Read", call.request) == cleaned(call.response)


@pytest.mark.parametrize("call", [c for c in of("Update") if not c.values[0].error])
def test_update(call: Call, servicer: Servicer, fake: FakeDocker, project: Path) -> None:
    """Updates and their previews leave the recorded state."""
    fake.digest = str(call.response.get("properties", {}).get("repoDigest", "")).partition("@")[2]
    if call.type == CONTAINER:
        held(fake, call, call.request["oldInputs"], call.request["olds"])
    assert ask(servicer, "Update", call.request) == cleaned(call.response)


@pytest.mark.parametrize("call", of("Delete"))
def test_delete(call: Call, servicer: Servicer, fake: FakeDocker) -> None:
    """Deletes remove the object, containers after their grace; an image stays."""
    if call.type != IMAGE:
        held(fake, call, call.request["oldInputs"], call.request["properties"])
    assert ask(servicer, "Delete", call.request) == cleaned(call.response)
    left = [*fake.held, *fake.volumes, *fake.networks]
    assert left == []
    if call.type == CONTAINER:
        grace = call.request["oldInputs"]["destroyGraceSeconds"]
        assert fake.calls == [("stop", grace), ("remove", {"v": True, "force": True})]


@pytest.mark.parametrize("call", [c for c in of("Create", "Update") if c.values[0].error])
def test_failure(
    call: Call,
    servicer: Servicer,
    fake: FakeDocker,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Failures are reported in the recorded words; what was made all the same is kept."""
    words = call.error.partition("daemon: ")[2].rstrip() or call.error.partition("output: ")[2]
    if "push output" in call.error:
        fake.said["push"] = words
    elif "build output" in call.error:
        monkeypatch.setenv("SAID", words)
        monkeypatch.setenv("CODE", "1")
    else:
        fake.said["start" if "Unable to start" in call.error else "create"] = words
    with pytest.raises(AbortedError) as aborted:
        ask(servicer, call.method, call.request)
    assert aborted.value.message == call.error
    failure = aborted.value.init_failed()
    assert (failure is None) == ("Unable to start" not in call.error)
    if failure is not None:
        assert properties_of(failure.properties) == state_after(call)


def state_after(call: Call) -> dict[str, Any]:
    """Return the state that a failed call left, as the calls of its repair have it."""
    repair = next(
        other
        for other in calls()
        if other.scenario == f"{call.scenario}-repaired" and other.method == "Diff"
        if other.request["name"] == call.request["name"]
    )
    state = {k: v for k, v in repair.request["olds"].items() if k not in IGNORED}
    return state | {"id": "made"}


def test_all_calls_are_accounted_for() -> None:
    """Each recorded call is replayed by one test here or skipped with a reason."""
    replayed = of(*PURE, "Configure", "Create", "Read", "Update", "Delete")
    numbers = {param.values[0].number for param in replayed}
    assert len(calls()) == 1300
    assert numbers | SKIPPED.keys() == {call.number for call in calls()}
    assert all(reason.strip() for reason in SKIPPED.values())
