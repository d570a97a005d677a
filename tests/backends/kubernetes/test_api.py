"""What labform asks a cluster by itself, and what it says where the cluster is not there."""

from pathlib import Path
from typing import Any

import pytest
from labform.backends.kubernetes.api import claim_reasons, claims_of, connected, gpu_holders, leavers, reasons
from labform.problems import LabformError

from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.enable_socket


def pod(node: str | None, phase: str = "Running", *gpus: dict[str, str], **status: Any) -> dict[str, Any]:
    """A pod with a container for each amount of GPUs."""
    containers = [{"name": f"c{place}", "resources": {"requests": one}} for place, one in enumerate(gpus)]
    return {"spec": {"nodeName": node, "containers": containers}, "status": {"phase": phase, **status}}


def test_who_holds_gpus(cluster: FakeCluster) -> None:
    """All pods of the cluster that have a node and have not ended; the containers of one count together."""
    one = {"nvidia.com/gpu": "1", "cpu": "2"}
    labels = {"labform.project": "thesis", "labform.owner": "anna"}
    cluster.add("pods", "unit-anna/thesis", labels, **pod("a100-0", "Running", one, one))
    cluster.add("pods", "default/outsider", **pod("a100-1", "Pending", {"nvidia.com/mig-1g.10gb": "2"}))
    cluster.add("pods", "default/waiting", **pod(None, "Pending", one))
    cluster.add("pods", "default/done", **pod("a100-0", "Succeeded", one))
    cluster.add("pods", "default/plain", **pod("a100-0", "Running", {"cpu": "1"}))
    with connected("lab") as client:
        assert [str(one) for one in gpu_holders(client)] == [
            "default/outsider: 2 nvidia.com/mig-1g.10gb on a100-1",
            "thesis of anna: 2 nvidia.com/gpu on a100-0",
        ]


def test_why_a_pod_does_not_run(cluster: FakeCluster) -> None:
    """In the words of the admission, the scheduler and the node, of this project alone."""
    mine, other = ({"labform.lab": "unit", "labform.project": name} for name in ("thesis", "web"))
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    pulling = {"name": "c", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    waiting = {**pulling, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    denied = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    spec = {"selector": {}, "template": {}}
    cluster.add("pods", "unit-anna/a", mine, **pod(None, "Pending", {}, conditions=[unplaced]))
    cluster.add("pods", "unit-anna/b", mine, **pod("n", "Pending", {}, containerStatuses=[waiting]))
    cluster.add("pods", "unit-anna/c", other, **pod(None, "Pending", {}, conditions=[{**unplaced, "message": "other"}]))
    cluster.add("deployments", "unit-anna/thesis", mine, spec=spec, status={"conditions": [denied]})
    with connected(None) as client:
        said = reasons(client, "unit-anna", "unit", "thesis")
    assert said == ["0/3 nodes are available", "ImagePullBackOff: not found", "exceeded quota"]


def test_why_a_claim_waits(cluster: FakeCluster) -> None:
    """Its events, each once."""
    for place, (kind, name, message) in enumerate(
        [("PersistentVolumeClaim", "home", "no class"), ("PersistentVolumeClaim", "home", "no class"),
         ("PersistentVolumeClaim", "other", "no"), ("Pod", "home", "no")]
    ):  # fmt: skip
        about = {"kind": kind, "name": name}
        cluster.add("events", f"unit-anna/e{place}", involvedObject=about, message=message)
    with connected(None) as client:
        assert claim_reasons(client, "unit-anna", "home") == ["no class"]


def test_which_claims_and_workloads_are_there(cluster: FakeCluster) -> None:
    """Claims of the lab's volumes, not those that lead to exports; workloads that it declares no longer.

    Or as another kind; and none in the namespaces of another lab that has the same name.
    """
    ours = {"labform.lab": "unit", "labform.volume": "home"}
    bound = {"phase": "Bound", "capacity": {"storage": "20Gi"}}
    cluster.add("persistentvolumeclaims", "unit-anna/unit-home", ours, spec={"storageClassName": "fast"}, status=bound)
    cluster.add("persistentvolumeclaims", "b/other", {"labform.lab": "other", "labform.volume": "data"})
    handle = {"storageClassName": "", "volumeName": "unit-set"}
    cluster.add("persistentvolumeclaims", "a/unit-set", {**ours, "labform.volume": "set"}, spec=handle, status=bound)
    spec = {"selector": {}, "template": {}}
    for plural, project in (("deployments", "stays"), ("deployments", "left"), ("jobs", "turned")):
        labels = {"labform.lab": "unit", "labform.project": project, "labform.owner": "anna"}
        cluster.add(
            plural, f"unit-anna/unit-{project}", labels, spec=spec if plural == "deployments" else {"template": {}}
        )
        cluster.add(plural, f"staging-anna/unit-{project}", labels, spec={"selector": {}, "template": {}})
    with connected(None) as client:
        assert claims_of(client, "unit") == {"home": "Bound, 20Gi of fast"}
        assert leavers(client, "unit", "unit", {"stays": "Deployment", "turned": "Deployment"}) == [
            ("Deployment", "unit-anna", "unit-left"),
            ("Job", "unit-anna", "unit-turned"),
        ]


def test_a_cluster_that_is_not_there_is_one_line(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context that no kubeconfig has, a server that refuses, one that does not answer."""
    with pytest.raises(LabformError, match=r"cluster elsewhere: .*; correct the kubeconfig"), connected("elsewhere"):
        pass
    with pytest.raises(LabformError, match="the API server says 404"), connected(None) as client:
        client_of(client).read_namespace("nowhere")
    dead = tmp_path / "dead"
    dead.write_text(cluster.kubeconfig.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1#"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(dead))
    with pytest.raises(LabformError, match="current cluster does not answer; start it"), connected(None) as client:
        client_of(client).read_namespace("nowhere")


def client_of(client: Any) -> Any:
    """The API of namespaces."""
    from kubernetes.client import CoreV1Api

    return CoreV1Api(client)
