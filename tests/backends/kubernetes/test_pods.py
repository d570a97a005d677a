"""How a project is, from what the API server says of its workload and pods: states that only a kubelet reports, too."""

import json
from typing import Any

import pytest
from kubernetes import client
from labform.backends.kubernetes.pods import state_of


def condition(kind: str, status: str, message: str = "") -> dict[str, Any]:
    """A condition of anything."""
    return {"type": kind, "status": status, "message": message, "lastTransitionTime": "2027-01-01T00:00:00Z"}


def made(kind: str, **body: Any) -> Any:
    """An object of the API as its client gives it."""
    metadata = {"name": "unit-a", "namespace": "unit-anna", "creationTimestamp": "2027-01-01T00:00:00Z"}
    return client.ApiClient().deserialize(json.dumps({"metadata": metadata, **body}), f"V1{kind}", "application/json")


def workload(kind: str = "Deployment", replicas: int = 1, conditions: Any = ()) -> Any:
    """A Deployment or Job."""
    labels = {"labform.project": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    spec: dict[str, Any] = {"template": template}
    if kind == "Deployment":
        spec |= {"replicas": replicas, "selector": {"matchLabels": labels}}
    return made(kind, spec=spec, status={"conditions": [*conditions]})


def pod(phase: str = "Running", state: Any = None, conditions: Any = (), **container: Any) -> Any:
    """A pod with one container."""
    status = {"name": "a", "image": "b", "imageID": "b", "ready": False, "restartCount": 0, **container}
    statuses = [{**status, "state": state}] if state else []
    spec = {"nodeName": "n1", "containers": [{"name": "a", "image": "b"}]}
    return made("Pod", spec=spec, status={"phase": phase, "conditions": [*conditions], "containerStatuses": statuses})


UP = {"running": {"startedAt": "2027-01-01T00:00:00Z"}}
READY, UNREADY = condition("Ready", "True"), condition("Ready", "False")
UNPLACED = condition("PodScheduled", "False", "0/4 nodes are available: 4 Insufficient nvidia.com/gpu.")
CRASHED = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
LAST = {"terminated": {"exitCode": 3, "startedAt": "2027-01-01T00:00:00Z", "finishedAt": "2027-01-01T00:00:00Z"}}
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
MAKING = {"waiting": {"reason": "ContainerCreating"}}

SERVICES: list[tuple[str, Any, list[Any], bool, str, str]] = [
    ("healthy", workload(), [pod(state=UP, conditions=[READY], started=True)], True, "healthy", ""),
    ("running", workload(), [pod(state=UP, conditions=[READY], started=True)], False, "running", ""),
    ("starting", workload(), [pod(state=UP, conditions=[UNREADY], started=False)], True, "starting", ""),
    ("being made", workload(), [pod("Pending", MAKING)], True, "starting", ""),
    (
        "its check fails",
        workload(),
        [pod(state=UP, conditions=[UNREADY], started=True)],
        True,
        "unhealthy",
        "n1 is gone",
    ),
    ("no node", workload(), [pod("Pending", conditions=[UNPLACED])], True, "pending", "4 Insufficient nvidia.com/gpu"),
    ("no image", workload(), [pod("Pending", PULL)], True, "pending", "ImagePullBackOff: not found"),
    ("crashing", workload(), [pod(state=CRASHED, lastState=LAST)], True, "restarting", "exit code 3"),
    ("scaled down", workload(replicas=0), [], True, "stopped", "--replicas=1"),
    ("no pod yet", workload(), [], True, "pending", "it has no pod yet"),
    (
        "refused",
        workload(conditions=[condition("ReplicaFailure", "True", "exceeded quota: labform")]),
        [],
        True,
        "pending",
        "exceeded quota",
    ),
    (
        "late",
        workload(conditions=[condition("Progressing", "False", "has timed out progressing")]),
        [pod(state=UP, conditions=[UNREADY], started=False)],
        True,
        "unhealthy",
        "has timed out progressing",
    ),
]


@pytest.mark.parametrize(
    ("case", "one", "pods", "checked", "state", "cause"), SERVICES, ids=lambda value: str(value)[:20]
)
def test_a_service(case: str, one: Any, pods: list[Any], checked: bool, state: str, cause: str) -> None:
    """Docker's word where it has one, and a cause wherever somebody has to look."""
    found = state_of("Deployment", one, pods, checked=checked)
    assert found["state"] == state, case
    assert cause in found.get("cause", "")
    assert bool(found.get("cause")) == bool(cause)


@pytest.mark.parametrize(
    ("conditions", "state", "cause"),
    [
        ([condition("Complete", "True")], "done", ""),
        (
            [condition("Failed", "True", "Job was active longer than specified deadline")],
            "failed",
            "specified deadline",
        ),
        ([], "running", ""),
    ],
)
def test_a_run(conditions: list[Any], state: str, cause: str) -> None:
    """Its end is the Job's to say."""
    pods = [pod(state=UP, conditions=[READY], started=True)]
    found = state_of("Job", workload("Job", conditions=conditions), pods, checked=False)
    assert found["state"] == state
    assert cause in found.get("cause", "")


def test_a_run_between_two_tries_has_not_failed() -> None:
    """Its pod has, and the next one begins after a while."""
    found = state_of("Job", workload("Job"), [pod("Failed")], checked=False)
    assert found == {"state": "restarting", "cause": "its pod failed; see `kubectl logs job/unit-a -n unit-anna`"}
