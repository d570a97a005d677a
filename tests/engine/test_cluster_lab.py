"""A lab on a real API server with the real scheduler: it comes up, settles, and an edit touches what it names."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException

from sandbox.cluster import Pool
from tests.engine.cluster_bench import BASE, ClusterBench, on_a_cluster

MODEL = "NVIDIA-A100-SXM4-40GB"
POOLS = [
    Pool("a100", nodes=2, product=MODEL, gpus=4, gpu_memory=40960),
    Pool("mig", nodes=1, product="NVIDIA-H100-80GB-HBM3", gpu_memory=81920, mig={"1g.10gb": 7}),
    Pool("cpu", nodes=1),
]
NODES = {
    "a100": {"count": 2, "product": MODEL, "model": "A100-40GB", "gpus": 4},
    "mig": {"count": 1, "product": "NVIDIA-H100-80GB-HBM3", "model": "H100-80GB", "mig": {"1g.10gb": 7}},
}
PREBUILT = {"kind": "prebuilt", "image": BASE}


def serving(owner: str, **more: Any) -> dict[str, Any]:
    """A service of somebody."""
    service = {"kind": "command", "command": ["serve"], "port": 8000, "startup": "15s"}
    return {"owner": owner, "environment": PREBUILT, "service": service, **more}


def a_lab(name: str) -> dict[str, Any]:
    """Eight GPUs, of which seven are held by services of two people."""
    small = {"cpus": 1, "memory": "1Gi", "shared_memory": "64Mi"}
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "kubernetes", "nodes": NODES, "wait": "10s", "ingress": "lab.invalid"},
        "registry": {"address": "registry.invalid", "username": "ci", "password": {"from": "registry-password"}},
        "defaults": {"resources": small},
        "groups": {"student": {"gpus": 4.5, "cpus": 16, "memory": "64Gi", "projects": 5}},
        "people": {"anna": {"uid": 10042, "group": "student"}, "ben": {"uid": 10044}},
        "volumes": {
            "home": {"owner": "anna", "size": "20Gi"},
            "data": {"nfs": {"server": "nfs.invalid", "path": "/data"}, "read_only": True},
        },
        "projects": {
            "thesis": {
                **serving("anna", gpus={"count": 4, "model": "A100-40GB"}),
                "service": {"kind": "jupyter", "startup": "15s"},
                "mounts": {"home": "/home/lab", "data": "/data"},
                "secrets": {"TOKEN": {"from": "first"}, "KEY": {"from": "first", "as": "env"}},
            },
            "slice": serving("anna", gpus={"mig": "1g.10gb"}),
            "nightly": {"owner": "ben", "environment": PREBUILT, "run": {"command": ["train"], "deadline": "1h"}},
            "vision": serving("ben", gpus=3),
            "idle": serving("ben", must_run=False),
        },
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[ClusterBench]:
    """A lab's folder and a cluster of this module's own."""
    with on_a_cluster(tmp_path_factory, tools, POOLS) as made:
        yield made


@pytest.fixture(scope="module")
def lab(bench: ClusterBench) -> dict[str, Any]:
    """The lab, up."""
    made = a_lab(bench.name)
    bench.write(made)
    bench.deployment.prepare()
    bench.secret("first", "zebra-one")
    bench.up()
    return made


def test_pods_run_where_their_gpus_are(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """Each project has one pod, admitted as `restricted`, on a node with the GPU that it asks for."""
    pods = bench.core.list_pod_for_all_namespaces(label_selector=f"labform.lab={bench.name}").items
    places = {pod.metadata.labels["labform.project"]: pod.spec.node_name.rsplit("-", 1)[0] for pod in pods}
    assert places | {"nightly": "", "idle": ""} == {
        "thesis": "a100", "slice": "mig", "vision": "a100", "nightly": "", "idle": "",
    }  # fmt: skip
    namespace = bench.core.read_namespace(f"{bench.name}-anna")
    assert namespace.metadata.labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_changes_a_second_time(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """`up`, `refresh` and `up`; what an idle rule stopped stays stopped."""
    bench.apps.patch_namespaced_deployment_scale(f"{bench.name}-idle", f"{bench.name}-ben", {"spec": {"replicas": 0}})
    bench.settled()
    assert bench.apps.read_namespaced_deployment(f"{bench.name}-idle", f"{bench.name}-ben").spec.replicas == 0


def test_an_edit_touches_one_project(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """A port, a secret's source and a variable: the project's objects change, nobody else's, and no claim."""
    bench.secret("second", "walrus-two")
    before = bench.uids()
    edited = copy.deepcopy(lab)
    edited["projects"]["thesis"] |= {"env": {"A": "1"}, "secrets": {"TOKEN": {"from": "second"}}}
    edited["projects"]["thesis"]["service"]["host_port"] = 9000
    outcome = bench.deploy(edited)
    assert all("thesis" in key for key in outcome.changed), outcome.changed
    after = bench.uids()
    touched = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert touched
    assert all("thesis" in key for key in touched), touched
    assert {"Service", "Secret", "Deployment", "Pod"} <= {key.split(" ")[0] for key in touched}
    service = bench.core.read_namespaced_service(f"{bench.name}-thesis", f"{bench.name}-anna")
    assert [one.port for one in service.spec.ports] == [9000]
    bench.settled()
    bench.deploy(lab)


def test_quota_is_refused_twice(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """At preview with the names of who asks for what, and by the API server where somebody forces past that."""
    greedy = copy.deepcopy(lab)
    greedy["projects"]["more"] = serving("anna", gpus=1)
    bench.write(greedy)
    assert "groups.student.gpus" in bench.refused()
    pod = bench.core.list_namespaced_pod(f"{bench.name}-anna", label_selector="labform.project=thesis").items[0]
    forced = {
        "metadata": {"name": "forced"},
        "spec": {**bench.api.sanitize_for_serialization(pod.spec), "nodeName": None},
    }
    with pytest.raises(ApiException, match=r"exceeded quota.*requests\.nvidia\.com/gpu"):
        bench.core.create_namespaced_pod(f"{bench.name}-anna", forced)
    bench.write(lab)


def test_a_pod_that_cannot_be_placed_says_for_whom(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """Somebody outside the lab has the last GPU: `up` ends in time, with the scheduler's words and the holders."""
    limits = {"limits": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"}}
    outsider = {
        "metadata": {"name": "outsider"},
        "spec": {"containers": [{"name": "a", "image": f"x{BASE}", "resources": limits}]},
    }
    bench.core.create_namespaced_pod("default", outsider)
    wanting = copy.deepcopy(lab)
    wanting["projects"]["late"] = serving("ben", gpus=1)
    outcome = bench.deploy(wanting, ok=False)
    assert outcome.code != 0
    assert "Insufficient nvidia.com/gpu" in outcome.text
    assert "GPUs are held by" in outcome.text
    assert "thesis of anna: 4 nvidia.com/gpu" in outcome.text
    assert "default/outsider: 1 nvidia.com/gpu" in outcome.text
    bench.core.delete_namespaced_pod("outsider", "default", grace_period_seconds=0)
    bench.up()
    bench.deploy(lab)


def test_gpus_change_hands_in_one_up(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """A project is retired and another one gets its GPUs: it does not wait for what this `up` removes at its end."""
    edited = copy.deepcopy(lab)
    edited["projects"]["vision"]["state"] = "retired"
    edited["projects"]["heir"] = serving("ben", gpus={"count": 4, "model": "A100-40GB"})
    outcome = bench.deploy(edited)
    assert outcome.changed[f"Deployment {bench.name}-heir"] == "create"
    assert outcome.changed[f"Deployment {bench.name}-vision"] == "delete"
    bench.settled()
    bench.deploy(lab)


def test_a_limit_is_handed_over_in_one_up(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """Somebody at their limit of projects swaps one service for another, neither with a GPU."""
    edited = copy.deepcopy(lab)
    edited["people"]["cara"] = {"uid": 10046, "limits": {"projects": 1}}
    edited["projects"]["page"] = serving("cara")
    bench.deploy(edited)
    edited["projects"]["site"] = edited["projects"].pop("page")
    outcome = bench.deploy(edited)
    assert outcome.changed[f"Deployment {bench.name}-site"] == "create"
    assert outcome.changed[f"Deployment {bench.name}-page"] == "delete"
    bench.deploy(lab)


def test_what_was_deleted_by_hand_comes_back(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """A Deployment is made again; a claim that held data is not made again, empty, without a word."""
    uid = bench.claims()["home"]
    bench.apps.delete_namespaced_deployment(f"{bench.name}-slice", f"{bench.name}-anna")
    bench.refresh()
    assert bench.up().changed == {f"Deployment {bench.name}-slice": "create"}
    state = bench.state()
    assert bench.claims()["home"] == uid
    assert "zebra-one" not in state


def test_a_foreign_object_is_not_taken_over(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """Somebody's claim has the name of a new volume: the `up` fails, and the claim is as it was."""
    name = f"{bench.name}-more"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    foreign = bench.core.create_namespaced_persistent_volume_claim(
        f"{bench.name}-anna", {"metadata": {"name": name}, "spec": spec}
    )
    edited = copy.deepcopy(lab)
    edited["volumes"]["more"] = {"owner": "anna", "size": "5Gi"}
    outcome = bench.deploy(edited, ok=False)
    assert outcome.code != 0
    assert f"is not of lab {bench.name}; remove or rename it there" in outcome.text
    now = bench.core.read_namespaced_persistent_volume_claim(name, f"{bench.name}-anna")
    assert (now.metadata.uid, now.metadata.labels) == (foreign.metadata.uid, None)
    bench.deploy(lab)


def test_lost_data_is_not_hidden(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """A claim that is gone and held data stops `up`, with the way on; the lock has said that it was made."""
    edited = copy.deepcopy(lab)
    edited["volumes"]["scratch"] = {"owner": "anna", "size": "1Gi"}
    bench.deploy(edited)
    bench.deployment.update_lock()
    name, namespace = f"{bench.name}-scratch", f"{bench.name}-anna"
    assert "created" in bench.deployment.lock.read_text().split("scratch:")[1].splitlines()[0]
    bench.core.delete_namespaced_persistent_volume_claim(name, namespace)
    bench.refresh()
    outcome = bench.up(ok=False)
    assert outcome.code != 0
    assert "volume scratch held data" in outcome.text
