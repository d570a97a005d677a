"""The Kubernetes cluster: a real control plane on nodes that run nothing, left behind by nobody."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import SandboxError, cluster, ports, processes
from sandbox.cluster import Cluster, Pool
from sandbox.cluster.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A100 = Pool("a100", nodes=2, product="NVIDIA-A100-SXM4-80GB", gpus=4, gpu_memory=81920)
MIG = Pool("mig", product="NVIDIA-A100-SXM4-80GB", gpu_memory=81920, mig={"1g.10gb": 7})
POOLS = (A100, MIG)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the cluster that these tests share."""
    folder = tmp_path_factory.mktemp("cluster") / "root"
    yield folder
    cluster.remove(folder)
    assert not folder.exists()
    assert cluster.running(folder) is None


@pytest.fixture
def running(root: Path) -> Cluster:
    """The cluster, running whatever a test before did to it."""
    return cluster.start(root, pools=POOLS)


def kubectl(running: Cluster, *words: str, text: str | None = None, ok: bool = True) -> str:
    """Run kubectl; what it prints, or its complaint where it is to fail."""
    done = subprocess.run([*running.kubectl, *words], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def apply(running: Cluster, *objects: dict[str, Any], ok: bool = True) -> str:
    """Apply objects."""
    return kubectl(running, "apply", "-f", "-", text="\n---\n".join(map(json.dumps, objects)), ok=ok)


def until(running: Cluster, kind: str, name: str, path: str, value: str) -> None:
    """Wait until a field has a value."""
    kubectl(running, "wait", kind, name, f"--for=jsonpath={{{path}}}={value}", "--timeout=30s")


def pod(name: str, image: str = "x", *, gpus: dict[str, int] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod with one container."""
    container = {"name": "main", "image": image, "resources": {"limits": gpus or {}}}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]} | spec
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def claim(name: str, size: str, storage_class: str = "standard") -> dict[str, Any]:
    """A claim."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class}
    spec["resources"] = {"requests": {"storage": size}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def test_a_pools_nodes_carry_what_gpu_feature_discovery_would_label() -> None:
    """Product, count and memory for whole GPUs; the strategy and the profiles for MIG devices."""
    first, second = A100.declared()
    assert (first["name"], second["name"]) == ("a100-0", "a100-1")
    assert first["resources"]["nvidia.com/gpu"] == "4"
    assert first["labels"]["nvidia.com/gpu.memory"] == "81920"
    [mig] = MIG.declared()
    assert mig["labels"]["nvidia.com/mig.strategy"] == "mixed"
    assert mig["resources"]["nvidia.com/mig-1g.10gb"] == "7"
    assert "nvidia.com/gpu" not in mig["resources"]
    assert Pool("cpu").declared()[0]["labels"] == {}


@pytest.mark.sandbox
def test_nodes_report_what_is_declared(running: Cluster) -> None:
    """The nodes are those of the pools, ready, with their GPUs and labels."""
    nodes = {
        node["metadata"]["name"]: node for node in json.loads(kubectl(running, "get", "nodes", "-o", "json"))["items"]
    }
    assert set(nodes) == {"a100-0", "a100-1", "mig-0"}
    assert nodes["a100-0"]["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert nodes["mig-0"]["metadata"]["labels"]["nvidia.com/mig-1g.10gb.count"] == "7"


@pytest.mark.sandbox
def test_the_scheduler_places_by_gpus(running: Cluster) -> None:
    """A pod gets a node that has what it asks for; one that no node can serve stays pending, with the reason."""
    apply(running, pod("fits", gpus={"nvidia.com/mig-1g.10gb": 7}), pod("too-many", gpus={"nvidia.com/gpu": 5}))
    until(running, "pod", "fits", ".status.phase", "Running")
    assert kubectl(running, "get", "pod", "fits", "-o", "jsonpath={.spec.nodeName}") == "mig-0"
    until(running, "pod", "too-many", ".status.conditions[0].reason", "Unschedulable")
    said = kubectl(running, "get", "pod", "too-many", "-o", "jsonpath={.status.conditions[0].message}")
    assert "Insufficient nvidia.com/gpu" in said
    kubectl(running, "delete", "pod", "fits", "too-many")


@pytest.mark.sandbox
def test_images_fail_as_they_are_called(running: Cluster) -> None:
    """Pods of some images are not pulled, not ready, or end with an error; others run at once."""
    names = ("pull-fails", "never-ready", "exits", "keeps-running")
    apply(running, pod("plain"), *(pod(name, f"sandbox.invalid/{name}@sha256:{'0' * 64}") for name in names))
    until(running, "pod", "plain", ".status.phase", "Running")
    until(running, "pod", "pull-fails", ".status.containerStatuses[0].state.waiting.reason", "ImagePullBackOff")
    until(running, "pod", "never-ready", ".status.containerStatuses[0].ready", "false")
    until(running, "pod", "exits", ".status.phase", "Failed")
    until(running, "pod", "keeps-running", ".status.phase", "Running")
    kubectl(running, "delete", "pod", "plain", *names)


@pytest.mark.sandbox
def test_claims_are_bound_grown_and_given_back(running: Cluster) -> None:
    """A claim gets a volume at once, or with its first pod, or never; a bound one grows; a deleted one's is deleted."""
    waits = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "waits"}}]}
    apply(running, claim("now", "1Gi"), claim("waits", "1Gi", "standard-wait"), claim("never", "1Gi", "unprovisioned"))
    until(running, "pvc", "now", ".status.phase", "Bound")
    assert (
        kubectl(running, "get", "pvc", "waits", "never", "-o", "jsonpath={.items[*].status.phase}") == "Pending Pending"
    )
    apply(running, pod("user", **waits), claim("now", "2Gi"))
    until(running, "pvc", "waits", ".status.phase", "Bound")
    until(running, "pvc", "now", ".status.capacity.storage", "2Gi")
    assert "can not be less than status.capacity" in apply(running, claim("now", "1Gi"), ok=False)
    kubectl(running, "delete", "pod/user", "pvc/now", "pvc/waits", "pvc/never")
    kubectl(running, "wait", "pv", "--all", "--for=delete", "--timeout=30s")


@pytest.mark.sandbox
def test_quota_and_pod_security_are_the_real_ones(running: Cluster) -> None:
    """The API server refuses what a quota or the restricted level forbids, in its own words."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply(
        running,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": labels}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "small"}},
    )
    hard = {"hard": {"requests.nvidia.com/gpu": "1"}}
    apply(
        running,
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "small"}, "spec": hard},
    )
    until(running, "--namespace=small", "quota/q", ".status.hard.requests\\.nvidia\\.com/gpu", "1")
    for namespace, words in (("strict", 'violates PodSecurity "restricted'), ("small", "exceeded quota: q")):
        wanted = pod("p", gpus={"nvidia.com/gpu": 2})
        wanted["metadata"]["namespace"] = namespace
        assert words in apply(running, wanted, ok=False)


@pytest.mark.sandbox
def test_what_an_object_owned_is_collected(running: Cluster) -> None:
    """Deleting a Deployment deletes its pods."""
    kubectl(running, "create", "deployment", "owner", "--image=x")
    kubectl(running, "rollout", "status", "deployment/owner", "--timeout=30s")
    kubectl(running, "delete", "deployment", "owner", "--cascade=foreground")
    assert kubectl(running, "get", "pods", "--selector=app=owner", "-o", "name") == ""


@pytest.mark.sandbox
def test_a_cluster_goes_on_after_a_stop_or_a_kill(running: Cluster, root: Path) -> None:
    """Port, kubeconfig and objects are the same; a second start finds it running; a change of pools is taken up."""
    kubectl(running, "create", "configmap", "kept")
    before = running.kubeconfig.read_text()
    process = cluster.running(root)
    assert process
    assert cluster.start(root, pools=POOLS) == running
    assert cluster.running(root) == process
    processes.end([process], patience=0)
    again = cluster.start(root, pools=(replace(A100, nodes=1, gpus=2),))
    assert (again, again.kubeconfig.read_text()) == (running, before)
    assert kubectl(again, "get", "configmap", "kept", "-o", "name") == "configmap/kept\n"
    nodes = kubectl(again, "get", "nodes", "-o", "jsonpath={.items[*].status.capacity.nvidia\\.com/gpu}")
    assert nodes == "2"
    cluster.stop(root)
    assert cluster.running(root) is None
    assert ports.bindable(int(again.server.rpartition(":")[2]))


@pytest.mark.sandbox
def test_a_cluster_that_cannot_start_says_why(running: Cluster, root: Path) -> None:
    """A port that somebody holds, and a program that ends at once, are one line each."""
    cluster.stop(root)
    port = int(running.server.rpartition(":")[2])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SandboxError, match=f"port {port} is held by pid {os.getpid()}"),
    ):
        cluster.start(root, pools=POOLS)
    (root / "kubeconfig").rename(root / "elsewhere")
    (root / "kubeconfig").mkdir()
    with pytest.raises(SandboxError, match="the cluster did not start: error: "):
        cluster.start(root, pools=POOLS)
    (root / "kubeconfig").rmdir()
    (root / "elsewhere").rename(root / "kubeconfig")


def test_only_a_cluster_is_removed(tmp_path: Path) -> None:
    """A folder with other things in it is left alone; one that is not there is removed already."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(SandboxError, match=r"is not a cluster \(no cluster.json\): nothing deleted"):
        cluster.remove(tmp_path)
    cluster.remove(tmp_path / "absent")
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.sandbox
def test_the_command_line_starts_and_ends_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`up` prints what a shell evaluates; `down` ends it."""
    for command in ("up", "down"):
        monkeypatch.setattr("sys.argv", ["cluster", command, "--root", str(root)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    assert f"export KUBECONFIG={root / 'kubeconfig'}" in capsys.readouterr().out
    assert cluster.running(root) is None
