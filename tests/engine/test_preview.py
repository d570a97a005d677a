"""What a preview and an `up` do with hosts out of reach, with other hosts, and with input that is wrong."""

import copy
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import docker
import pytest

import sandbox
from sandbox.deployment import Deployment
from tests.engine.bench import Bench, Outcome

FAR = "ssh://labform@gpu1.invalid"
SERVICE = {
    "owner": "anna",
    "environment": {"kind": "prebuilt", "image": "python:3.12-slim"},
    "service": {"kind": "command", "command": ["sleep", "infinity"]},
}


@dataclass(frozen=True)
class Apart(Deployment):
    """A deployment whose hosts are not all one daemon."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    registry: str = ""

    @property
    def addresses(self) -> dict[str, Any]:
        """The addresses of this machine, with those of the test."""
        here = super().addresses
        hosts = {**here["hosts"], **self.hosts}
        return {**here, "hosts": hosts, "registry": self.registry or here["registry"]}


def apart(bench: Bench, hosts: Mapping[str, str], registry: str = "") -> None:
    """Give the lab's hosts addresses of their own."""
    deployment = bench.deployment
    known = {name: getattr(deployment, name) for name in Deployment.__dataclass_fields__}
    bench.deployment = Apart(**known, hosts=hosts, registry=registry)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, docker.DockerClient]]:
    """Another host: a daemon with nothing on it."""
    root = tmp_path_factory.mktemp("second")
    box = sandbox.start(root, name=f"second-{uuid.uuid4().hex[:6]}")
    client = docker.DockerClient(base_url=box.docker_host, timeout=60)
    yield box.docker_host, client
    client.close()
    sandbox.remove(root)


def two_hosts(name: str) -> dict[str, Any]:
    """A lab on two hosts, with data on each."""
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "docker", "hosts": {"local": {}, "gpu1": {"gpus": [{"uuid": "GPU-1", "model": "A100"}]}}},
        "registry": {"address": "127.0.0.1:5000/t"},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"here": {"owner": "anna", "host": "local"}, "there": {"owner": "anna", "host": "gpu1"}},
        "projects": {
            "near": {**SERVICE, "mounts": {"here": "/data"}},
            "far": {**SERVICE, "gpus": 1, "mounts": {"there": "/data"}},
            "free": {**SERVICE, "host": "gpu1", "run": {"command": ["true"]}, "service": None},
        },
    }


def plainly(value: Any) -> Any:
    """A copy without what is None in a mapping, and in which nothing appears twice: YAML would write an alias."""
    if isinstance(value, dict):
        return {key: plainly(one) for key, one in value.items() if one is not None}
    return [plainly(one) for one in value] if isinstance(value, list) else value


def diagnostics(outcome: Outcome) -> str:
    """The part of what is printed that says what is wrong; outputs and counts come after it."""
    return re.split(r"\n(?:Outputs|Resources):", outcome.text.split("Diagnostics:")[1])[0].strip()


def planned(bench: Bench) -> list[dict[str, Any]]:
    """What a preview would do, step by step, less how a host is reached."""
    done = bench.deployment.pulumi("preview", "--json", check=False, capture=True)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = []
    for step in json.loads(done.stdout)["steps"]:
        state = step["newState"]
        inputs = {key: one for key, one in state.get("inputs", {}).items() if key not in _REACHED}
        steps.append({"op": step["op"], "urn": step["urn"], "inputs": inputs, "parent": state.get("parent")})
        steps[-1]["provider"] = state.get("provider", "").rpartition("::")[0]
    return sorted(steps, key=lambda step: step["urn"])


_REACHED = ("host", "disableDockerDaemonCheck")


def on_disk(bench: Bench) -> dict[str, str]:
    """Every file of the clone and of the stack's data, by content, less what is staged and logged."""
    left_out = {".labform", ".venv", "__pycache__", "events.json"}
    files = [one for root in (bench.project, bench.deployment.data) for one in root.rglob("*")]
    kept = [one for one in files if one.is_file() and not left_out.intersection(one.parts)]
    return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in kept}


def on_daemon(client: docker.DockerClient) -> list[str]:
    """Everything that a daemon holds."""
    containers = [f"{one.id} {one.status}" for one in client.containers.list(all=True)]
    images = [f"{one.id} {sorted(one.tags)}" for one in client.images.list(all=True)]
    networks = [one.id for one in client.networks.list()]
    volumes = [one.id for one in client.volumes.list()]
    return sorted([*containers, *images, *networks, *volumes])


def world(bench: Bench) -> tuple[Any, ...]:
    """All that an operation may have changed."""
    # When it was last modified tells more than its values: secrets are encrypted anew each time.
    known = {one["urn"]: (one["id"], one.get("modified")) for one in bench.resources() if one["custom"]}
    return on_disk(bench), on_daemon(bench.docker), known


def test_preview_without_a_host(bench: Bench) -> None:
    """With a host out of reach the same resources are planned as with the host there."""
    lab = plainly(two_hosts(bench.name))
    apart(bench, {}, "registry.invalid/t")
    bench.write(lab)
    bench.deployment.prepare()
    reachable = planned(bench)
    # A lock of a machine that reaches no host says the same.
    apart(bench, {"gpu1": FAR}, "registry.invalid/t")
    locked = bench.deployment.lock.read_text()
    bench.deployment.prepare()
    assert bench.deployment.lock.read_text() == locked
    assert planned(bench) == reachable
    assert {step["op"] for step in reachable} == {"create"}
    assert len([step for step in reachable if "container:Container::" in step["urn"]]) == 3


def test_preview_changes_nothing(bench: Bench, lab: dict[str, Any]) -> None:
    """Not on the daemon, in the state or on disk, beside `.labform/`; what is unchanged is shown as such."""
    bench.write(lab)
    bench.deployment.prepare()
    before = world(bench)
    assert bench.preview().changed
    assert world(bench) == before
    bench.up()
    before = world(bench)
    assert bench.preview().changed == {}
    assert world(bench) == before
    lab["projects"]["web"]["env"] = {"A": "1"}
    lab["projects"]["web"]["environment"] = {"kind": "dockerfile", "directory": "../own"}
    (bench.project / "own").mkdir()
    (bench.project / "own" / "Dockerfile").write_text("FROM python:3.12-slim\nRUN exit 1\n")
    bench.write(lab)
    bench.deployment.prepare()
    before = world(bench)
    assert {key.split()[0] for key in bench.preview().changed} == {"Image", "Container"}
    assert world(bench) == before


def test_move_between_hosts(bench: Bench, second: tuple[str, docker.DockerClient]) -> None:
    """A project that moves is deleted there and created here; its data stops the move, with the reason."""
    address, other = second
    apart(bench, {"gpu1": address})
    lab = plainly(two_hosts(bench.name))
    lab["registry"] |= {"username": "labform", "password": {"from": "registry-password"}}
    lab["projects"]["free"] = {**SERVICE, "host": "local"}
    bench.write(lab)
    bench.up()
    near = bench.inspect("near")["Id"]
    lab["projects"]["free"]["host"] = "gpu1"
    bench.write(lab)
    moved = bench.up()
    assert {key.split()[1] for key in moved.changed} == {f"{bench.name}-free"}
    assert _names(bench.docker, bench.name) == ["near"]
    assert _names(other, bench.name) == ["far", "free"]
    assert bench.inspect("near")["Id"] == near
    bench.settled()
    bound = copy.deepcopy(lab)
    bound["projects"]["near"]["host"] = "gpu1"
    bench.write(bound)
    said = bench.refused()
    assert "error[apart] projects.near.mounts: its volumes are not on one host: here on local; host: gpu1" in said
    bound["volumes"]["here"]["host"] = "gpu1"
    bench.deployment.lock.write_text(bench.deployment.lock.read_text().replace("planned", "created"))
    bench.write(bound)
    assert "error[volume-moved] volumes.here.host: its data is there with host local" in bench.refused()
    assert bench.inspect("near")["Id"] == near


def test_unknown_key(bench: Bench, lab: dict[str, Any]) -> None:
    """One error with its place and what was meant; the exit code says it, and nothing has changed."""
    bench.write(lab)
    bench.up()
    before = world(bench)
    lab["projects"]["web"]["mount"] = lab["projects"]["web"].pop("mounts")
    bench.write(lab)
    written = on_disk(bench)
    for outcome in (bench.preview(ok=False), bench.up(lock=False, ok=False)):
        assert outcome.code != 0
        assert outcome.changed == {}
        said = diagnostics(outcome)
        assert said.count("error[") == 1
        assert 'error[unknown-key] projects.web.mount: unknown key; did you mean "mounts"?' in said
        assert "Traceback" not in outcome.text
    assert world(bench)[1:] == before[1:]
    assert {one for one in written if "backups" not in one and "history" not in one} <= set(on_disk(bench))


def test_failing_up_ends_with_its_cause(bench: Bench, lab: dict[str, Any]) -> None:
    """A service that never becomes healthy is the last diagnostic: no traceback of an interrupted program after it."""
    lab["projects"]["web"]["service"] |= {"health": ["false"], "startup": "3s"}
    lab["projects"]["later"] = {**copy.deepcopy(SERVICE), "owner": "anna"}
    bench.write(lab)
    outcome = bench.up(ok=False)
    assert outcome.code != 0
    for word in ("Traceback", "KeyboardInterrupt", 'File "', "panic:"):
        assert word not in outcome.text
    assert "container failed to be in healthy state" in diagnostics(outcome)
    assert len(diagnostics(outcome).splitlines()) < 15


def _names(client: docker.DockerClient, lab: str) -> list[str]:
    found = client.containers.list(filters={"label": f"labform.lab={lab}"})
    return sorted(one.labels["labform.project"] for one in found)
