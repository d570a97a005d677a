"""The rules: each finds what it forbids, and lets what labform itself registers pass."""

import json
from pathlib import Path
from typing import Any

import pytest
from labform.policy import CONTAINER, RULES, UNKNOWN, VOLUME, Subject, exceptions_of, violations

from tests.cli.conftest import Terminal, labform  # noqa: F401  the fixture
from tests.plan.repository import FILE, Repository, small

pytestmark = pytest.mark.enable_socket
GOOD = {
    "image": f"r/x@sha256:{'a' * 64}",
    "cpus": "1.0",
    "memory": 2048,
    "memorySwap": 2048,
    "networkMode": "bridge",
    "labels": [{"label": "labform.owner", "value": "anna"}, {"label": "labform.project", "value": "thesis"}],
    "mounts": [{"type": "bind", "source": "/data/x", "target": "/data"}],
    "ports": [{"internal": 1, "external": 2, "ip": "127.0.0.1"}],
    "deviceRequests": [{"driver": "nvidia", "deviceIds": ["GPU-a"]}],
    "envs": ["NVIDIA_VISIBLE_DEVICES=void"],
}
POD = {
    "metadata": {"labels": {"labform.owner": "anna"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "x", "image": GOOD["image"], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
                ]
            }
        }
    },
}
CLAIM, JOB = "kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:batch/v1:Job"
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("privileged", CONTAINER, {"privileged": True}),
    ("host-namespace", CONTAINER, {"networkMode": "host"}),
    ("host-namespace", CONTAINER, {"pidMode": "host"}),
    ("host-namespace", CONTAINER, {"ipcMode": "container:other"}),
    ("docker-socket", CONTAINER, {"mounts": [{"source": "/var/run/docker.sock"}]}),
    ("docker-socket", CONTAINER, {"mounts": [{"source": "/var/run/"}]}),
    ("docker-socket", CONTAINER, {"mounts": [{"source": "/"}]}),
    ("docker-socket", CONTAINER, {"volumes": [{"hostPath": "/run/docker.sock"}]}),
    ("all-gpus", CONTAINER, {"gpus": "all"}),
    ("all-gpus", CONTAINER, {"deviceRequests": [{"count": -1}]}),
    ("all-gpus", CONTAINER, {"deviceRequests": [{"driver": "cdi", "deviceIds": ["nvidia.com/gpu=all"]}]}),
    ("all-gpus", CONTAINER, {"envs": ["NVIDIA_VISIBLE_DEVICES=all"]}),
    ("tag", CONTAINER, {"image": "python:3.12"}),
    ("no-limits", CONTAINER, {"memory": None}),
    ("no-limits", CONTAINER, {"cpus": None}),
    ("no-limits", CONTAINER, {"memorySwap": -1}),
    ("public-port", CONTAINER, {"ports": [{"internal": 1, "external": 2}]}),
    ("public-port", CONTAINER, {"ports": [{"internal": 1, "ip": "10.0.0.1"}]}),
    ("no-owner", CONTAINER, {"labels": []}),
    ("no-owner", CONTAINER, {"labels": [{"label": "labform.owner", "value": ""}]}),
]


@pytest.mark.parametrize(("rule", "kind", "given"), BAD, ids=lambda one: str(one)[:60])
def test_what_a_rule_forbids(rule: str, kind: str, given: dict[str, Any]) -> None:
    """That rule alone finds it, and an exception by the project's or the resource's name lets it pass."""
    subject = Subject(kind, "ds-thesis", {**GOOD, **given})
    assert {one.rule.id for one in violations([subject], {})} == {rule}
    if "labels" not in given:
        assert violations([subject], {rule: ["thesis"]}) == []
    assert violations([subject], {rule: ["ds-thesis"]}) == []


def edited_pod(**given: Any) -> dict[str, Any]:
    """A workload with a changed container or pod."""
    pod = json.loads(json.dumps(POD))
    spec = pod["spec"]["template"]["spec"]
    spec["containers"][0] |= given.pop("container", {})
    spec |= given
    return pod


@pytest.mark.parametrize(
    ("rule", "kind", "inputs"),
    [
        ("privileged", JOB, edited_pod(container={"securityContext": {"privileged": True}})),
        ("host-namespace", JOB, edited_pod(hostNetwork=True)),
        ("docker-socket", JOB, edited_pod(volumes=[{"hostPath": {"path": "/var/run/docker.sock"}}])),
        ("tag", JOB, edited_pod(container={"image": "x:latest"})),
        ("no-limits", JOB, edited_pod(container={"resources": {}})),
        ("no-owner", JOB, {**POD, "metadata": {}}),
        ("unprotected-volume", CLAIM, {}),
        ("unprotected-volume", CLAIM, {"spec": {"volumeName": "pvc-1", "storageClassName": "fast"}}),
        ("public-port", "kubernetes:core/v1:Service", {"spec": {"type": "LoadBalancer"}}),
        ("unprotected-volume", VOLUME, {}),
    ],
)
def test_on_a_cluster_and_for_data(rule: str, kind: str, inputs: dict[str, Any]) -> None:
    """The same rules for pods, claims and volumes."""
    assert {one.rule.id for one in violations([Subject(kind, "x", inputs)], {})} == {rule}


@pytest.mark.parametrize(
    "subject",
    [
        Subject(CONTAINER, "x", GOOD),
        Subject(JOB, "x", POD),
        Subject(VOLUME, "x", {}, protect=True),
        Subject(VOLUME, "x", {"driverOpts": {"type": "nfs"}}),
        Subject(CLAIM, "x", {"spec": {"volumeName": "export", "storageClassName": ""}}),
        Subject(CONTAINER, "x", {**GOOD, **dict.fromkeys(("image", "memory", "ports", "mounts", "envs"), UNKNOWN)}),
        Subject("aws:s3:Bucket", "x", {"privileged": True}),
    ],
    ids=["container", "pod", "volume", "handle on NFS", "claim of an export", "unknown values", "other type"],
)
def test_what_the_rules_let_pass(subject: Subject) -> None:
    """What is as it should be, what nobody knows yet, and what is none of their business."""
    assert violations([subject], {}) == []


def test_every_rule_says_why_and_what_to_write() -> None:
    """Ids are unique words; each rule is broken by at least one test."""
    assert len({rule.id for rule in RULES}) == len(RULES) == 9
    assert {rule.id for rule in RULES} == {rule for rule, _, _ in BAD} | {"unprotected-volume"}
    assert all(rule.reason and rule.remediation for rule in RULES)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"public-prt": {}}, 'no rule "public-prt"'),
        ({"tag": []}, "exceptions are a list"),
        ({"tag": {"exceptions": "x"}}, "exceptions are a list"),
    ],
)
def test_exceptions_that_are_none(config: dict[str, Any], said: str) -> None:
    """A misspelt rule is an error, not an exception that never holds."""
    with pytest.raises(ValueError, match=said):
        exceptions_of(config)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A lab with a port on every address."""
    made = Repository(tmp_path / "clone")
    lab = small()
    lab["projects"]["paper"]["service"] |= {"listen": "0.0.0.0", "port": 80}
    made.write(lab)
    monkeypatch.chdir(made.folder)
    return made


def test_check_policy(repository: Repository, labform: Terminal) -> None:  # noqa: F811
    """A lab passes all rules but for what it loosens by a written field, and an exception names the project."""
    code, _, error = labform("check", str(FILE), "--policy")
    assert code == 1
    assert error.count("error[") == 1
    assert "error[public-port] projects.paper: unit-paper: port 20000 on 0.0.0.0;" in error
    assert error.startswith("stacks/lab.yaml:")
    Path("exceptions.json").write_text('{"public-port": {"exceptions": ["paper"]}}')
    assert labform("check", str(FILE), "--policy", "--policy-config", "exceptions.json")[0] == 0
    Path("exceptions.json").write_text('{"public": {}}')
    assert "error[policy-config]" in labform("check", str(FILE), "--policy-config", "exceptions.json")[2]
    assert labform("check", str(FILE))[0] == 0
