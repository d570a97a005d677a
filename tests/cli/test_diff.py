"""`labform diff`: what is compared, what is printed, and the exit code; hosts answer from the test."""

import json
from pathlib import Path
from typing import Any

import pytest
from labform.backends.docker.observed import Observed
from labform.cli import diff
from labform.problems import LabformError

from tests.cli.conftest import Terminal
from tests.fake_cluster import FakeCluster
from tests.labs import hosts, project

pytestmark = pytest.mark.enable_socket
SERVICE = {"kind": "command", "command": ["serve"]}
HINT = "run `pulumi up --refresh`"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> Terminal:
    """The command on a lab of two hosts, each with a project; a third project is retired."""
    monkeypatch.chdir(tmp_path)
    two = hosts(one={"address": "ssh://lab@one.invalid"}, two={"address": "ssh://lab@two.invalid"})
    projects = {name: project(service=SERVICE, host=host) for name, host in (("a", "one"), ("b", "two"))}
    lab: dict[str, Any] = {
        "format": 1,
        "lab": "unit",
        "runs_on": two,
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"owner": "anna", "host": "two"}},
        "projects": {**projects, "old": project(service=SERVICE, state="retired")},
    }
    Path("lab.yaml").write_text(json.dumps(lab))
    assert labform("lock", "lab.yaml", "--offline")[0] == 0
    return labform


def answer(monkeypatch: pytest.MonkeyPatch, **answers: Observed | LabformError) -> list[list[str]]:
    """Let hosts answer; which were asked is returned."""
    asked: list[list[str]] = []

    def ask_all(given: Any, _: Any) -> Any:
        """What the hosts say."""
        asked.append(sorted(given))
        return {name: answers[name] for name in sorted(given)}

    monkeypatch.setattr(diff, "ask_all", ask_all)
    return asked


def host(**parts: Any) -> Observed:
    """A host that has nothing, or these parts."""
    return Observed(**{"containers": {}, "images": {}, "files": {}, "networks": {}, "volumes": {}, **parts})


NETWORK = {
    "Driver": "bridge",
    "Options": {"com.docker.network.bridge.enable_icc": "false"},
    "Labels": {"labform.lab": "unit"},
}


def test_everything_of_the_lab_is_compared(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers, networks and volumes, each at its host; a silent host is an error, with what is known before it."""
    asked = answer(monkeypatch, one=LabformError("host one: silent"), two=host(networks={"labform-unit": NETWORK}))
    code, out, error = run("diff", "lab.yaml")
    assert asked == [["one", "two"]]
    assert (code, error) == (1, "host one: silent\n")
    assert out.splitlines() == [
        f"b: unit-b on two is missing; {HINT}",
        "volume: unit-home on two is missing; if it held data, restore it under this name before the next `pulumi up`",
    ]


def test_what_could_not_be_asked_is_not_as_declared(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every host is silent nothing is said of the projects."""
    answer(monkeypatch, one=LabformError("host one: silent"), two=LabformError("host two: silent"))
    assert run("diff", "lab.yaml") == (1, "", "host one: silent\nhost two: silent\n")


def test_named_projects_are_compared_alone(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only their hosts are asked; without --check a difference is no failure."""
    asked = answer(monkeypatch, one=LabformError("host one: silent"), two=host())
    assert run("diff", "lab.yaml", "b") == (0, f"b: unit-b on two is missing; {HINT}\n", "")
    assert run("diff", "lab.yaml", "b", "--check")[0] == 1
    assert asked == [["two"], ["two"]]


def test_both_sides_are_shown(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table and as JSON, and what puts it back; control characters are words."""
    labels = {"labform.lab": "unit", "labform.project": "b", "labform.owner": "\x1b[31m"}
    container = {
        "Name": "/unit-b",
        "Id": "c" * 64,
        "Image": "gone",
        "State": {"Status": "running", "Running": True},
        "Config": {
            "Hostname": "b",
            "User": "10042:10042",
            "Cmd": ["serve"],
            "StopTimeout": 30,
            "Labels": labels,
            "Env": ["HOME=/home/lab", "LOGNAME=anna", "NVIDIA_VISIBLE_DEVICES=void", "USER=anna"],
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "NanoCpus": 10**9,
            "Memory": 2 * 1024**3,
            "MemorySwap": 2 * 1024**3,
            "ShmSize": 64 * 1024**2,
            "IpcMode": "private",
            "Init": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
        },
        "Mounts": [],
        "NetworkSettings": {"Networks": {"labform-unit": {"Aliases": ["b"]}}},
    }
    answer(monkeypatch, one=host(), two=host(containers={"unit-b": container}))
    code, out, _ = run("diff", "lab.yaml", "b")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["b:", "unit-b", "on", "two"]
    assert ["label", "labform.owner", "anna", "\\x1b[31m"] in lines
    assert out.endswith("\nto make a container anew, as it is declared: pulumi up --replace '**Container::unit-b'\n")
    (found,) = json.loads(run("diff", "lab.yaml", "b", "--json")[1])["drift"]
    assert {"what": "label labform.owner", "declared": "anna", "running": "\x1b[31m"} in found["differences"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("aa",), 'error[unknown-project] no project "aa"; allowed: a, b, old\n'),
        (("old",), "error[retired] old is retired: it is declared to have no container\n"),
    ],
)
def test_a_project_that_has_no_container_is_refused(run: Terminal, words: tuple[str, ...], said: str) -> None:
    """Before any host is asked."""
    assert run("diff", "lab.yaml", *words) == (1, "", said)


def test_a_cluster_is_compared_in_the_same_form(run: Terminal, cluster: FakeCluster) -> None:
    """Objects are named by kind and namespace; a cluster that is away is an error, and nothing is called missing."""
    lab = json.loads(Path("lab.yaml").read_text()) | {"runs_on": {"kind": "kubernetes"}, "volumes": {}}
    lab["projects"] = {"a": project(service=SERVICE)}
    Path("lab.yaml").write_text(json.dumps(lab))
    Path("lab.lock").unlink()
    assert run("lock", "lab.yaml", "--offline")[0] == 0
    place = "unit-a in unit-anna"
    missing = [f"a: {kind} {place} is missing; {HINT}" for kind in ("ConfigMap", "Deployment")]
    code, out, error = run("diff", "lab.yaml", "a", "--check")
    assert (code, out.splitlines(), error) == (1, missing, "")
    found = json.loads(run("diff", "lab.yaml", "a", "--json")[1])["drift"]
    first = {key: found[0][key] for key in ("subject", "name", "host")}
    assert first == {"subject": "a", "name": "ConfigMap unit-a", "host": "unit-anna"}
    assert f"person: Namespace unit-anna is missing; {HINT}" in run("diff", "lab.yaml")[1].splitlines()
    instead = "unit runs on a cluster; use labform shell lab.yaml a -- python -m pip freeze\n"
    assert run("freeze", "lab.yaml", "a") == (1, "", instead)
    cluster.broken = True
    code, out, error = run("diff", "lab.yaml")
    assert (code, out) == (1, "")
    assert "the API server says 500: broken" in error
