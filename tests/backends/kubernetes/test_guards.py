"""Hooks of a cluster: what exists before it is made is told apart, and an error is explained."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from labform.backends.kubernetes.guards import Guards
from labform.problems import LabformError

from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.enable_socket
OWN = {"labform.lab": "unit", "labform.project": "web", "labform.owner": "anna"}
CLAIM = {"labform.lab": "unit", "labform.volume": "home"}


class Run:
    """The hooks of a lab, run as the engine would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._hooks: dict[str, Any] = {}
        self.said: list[str] = []
        for kind in ("ResourceHook", "ErrorHook"):
            monkeypatch.setattr(pulumi, kind, self._hooks.setdefault)
        monkeypatch.setattr(pulumi, "ResourceHookBinding", SimpleNamespace)
        monkeypatch.setattr(pulumi.log, "error", self.said.append)
        Guards("unit", "lab", "unit", ["home"], {"web": "Deployment"})

    def before(self, kind: str, name: str, labels: dict[str, str], *, hook: str = "place") -> None:
        """Before an object of anna's namespace is made."""
        metadata = {"namespace": "unit-anna", "name": name, "labels": labels}
        args = SimpleNamespace(new_inputs={"kind": kind, "metadata": metadata})
        asyncio.run(self._hooks[f"unit-{hook}"](args))

    def failed(self, kind: str, labels: dict[str, str], error: str, **spec: Any) -> str:
        """After an object could not be made: what is added to the error."""
        metadata = {"namespace": "unit-anna", "name": "unit-web", "labels": labels}
        inputs = {"kind": kind, "metadata": metadata, "spec": spec}
        args = SimpleNamespace(new_inputs=inputs, old_inputs=None, errors=[error])
        assert asyncio.run(self._hooks["unit-error"](args)) is False
        return "".join(self.said)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The hooks of a lab whose volume `home` holds data."""
    return Run(monkeypatch)


def test_what_a_run_left_behind_is_removed(run: Run, cluster: FakeCluster) -> None:
    """A Service of this project is; what is not there is no matter."""
    cluster.add("services", "unit-anna/unit-web", OWN)
    run.before("Service", "unit-web", OWN)
    assert cluster.objects == {}
    run.before("Service", "unit-web", OWN)


def test_what_data_hangs_on_is_taken_over(run: Run, cluster: FakeCluster) -> None:
    """A claim of this volume stays."""
    cluster.add("persistentvolumeclaims", "unit-anna/unit-home", {**CLAIM, "somebody": "s"})
    run.before("PersistentVolumeClaim", "unit-home", CLAIM)
    assert len(cluster.objects) == 1


@pytest.mark.parametrize("labels", [{}, {**CLAIM, "labform.lab": "other"}, {**CLAIM, "labform.volume": "work"}])
def test_what_is_foreign_is_refused(run: Run, cluster: FakeCluster, labels: dict[str, str]) -> None:
    """Without this lab's labels, another's, or another volume's."""
    cluster.add("persistentvolumeclaims", "unit-anna/unit-home", labels)
    with pytest.raises(LabformError, match="unit-anna/unit-home exists and is not of lab unit; remove or rename it"):
        run.before("PersistentVolumeClaim", "unit-home", CLAIM)
    assert len(cluster.objects) == 1


def test_what_is_ending_is_not_taken_over(run: Run, cluster: FakeCluster) -> None:
    """Its data would go with it."""
    ending = {"deletionTimestamp": "2027-01-01T00:00:00Z"}
    cluster.add("persistentvolumeclaims", "unit-anna/unit-home", CLAIM, metadata=ending)
    with pytest.raises(LabformError, match="is being deleted"):
        run.before("PersistentVolumeClaim", "unit-home", CLAIM)


def test_lost_data_is_not_made_anew(run: Run, cluster: FakeCluster) -> None:
    """A volume that the lock calls created; another one is made."""
    with pytest.raises(LabformError, match="volume home held data, and its claim unit-anna/unit-home is gone"):
        run.before("PersistentVolumeClaim", "unit-home", CLAIM)
    run.before("PersistentVolumeClaim", "unit-new", {**CLAIM, "labform.volume": "new"})
    assert cluster.objects == {}


def test_what_leaves_makes_room(run: Run, cluster: FakeCluster) -> None:
    """Workloads that are declared no longer end before another one asks for what they have."""
    spec = {"selector": {}, "template": {}}
    for project in ("web", "old"):
        cluster.add("deployments", f"unit-anna/unit-{project}", {**OWN, "labform.project": project}, spec=spec)
    run.before("Deployment", "unit-new", OWN, hook="room")
    assert [name for _, _, name in cluster.objects] == ["unit-web"]


def test_a_pod_that_waits_is_explained(run: Run, cluster: FakeCluster) -> None:
    """By the scheduler's words, and for a GPU by who holds them."""
    asked = {"requests": {"nvidia.com/gpu": "1"}}
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    containers = [{"name": "c", "resources": asked}]
    cluster.add("pods", "unit-anna/p", OWN, spec={"containers": containers}, status={"conditions": [unplaced]})
    cluster.add("pods", "default/o", spec={"containers": containers, "nodeName": "n"}, status={"phase": "Running"})
    said = run.failed("Deployment", OWN, "timed out", template={"spec": {"containers": containers}})
    assert said == "project web: 0/1 nodes are available\n  GPUs are held by default/o: 1 nvidia.com/gpu on n"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ('Apply failed: conflict with "hpa": .spec.replicas', "PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up"),
        ('services "unit-web" not found', "it was removed by hand: run pulumi refresh, then pulumi up"),
    ],
)
def test_an_error_comes_with_what_to_do(run: Run, cluster: FakeCluster, error: str, remedy: str) -> None:
    """What the API server says names the fault, and this the way on."""
    assert remedy in run.failed("Service", OWN, error)


def test_other_errors_are_left_as_they_are(run: Run, cluster: FakeCluster) -> None:
    """There is nothing to add."""
    assert run.failed("ResourceQuota", CLAIM, "the server says no") == ""


def test_a_claim_that_waits_is_explained(run: Run, cluster: FakeCluster) -> None:
    """By its events, under its own name: it is of no project."""
    about = {"kind": "PersistentVolumeClaim", "name": "unit-web"}
    cluster.add("events", "unit-anna/e", involvedObject=about, message="no class")
    assert (
        run.failed("PersistentVolumeClaim", CLAIM, "timed out") == "PersistentVolumeClaim unit-anna/unit-web: no class"
    )
