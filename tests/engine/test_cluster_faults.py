"""What goes wrong in a cluster: one clear error in bounded time, no data lost, and once it is mended `up` settles."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

import sandbox.cluster
from sandbox import processes
from sandbox.cluster import Pool
from tests.engine.bench import sh, until
from tests.engine.cluster_bench import BASE, ClusterBench, on_a_cluster
from tests.engine.started import Started

POOLS = [Pool("a100", product="NVIDIA-A100", gpus=1), Pool("cpu")]
NODES = {"a100": {"count": 1, "product": "NVIDIA-A100", "gpus": 1}}
SERVICE = {"kind": "command", "command": ["serve"], "port": 8000, "startup": "4s"}


def serving(owner: str = "anna", **more: Any) -> dict[str, Any]:
    """A service of somebody."""
    return {"owner": owner, "environment": {"kind": "prebuilt", "image": BASE}, "service": SERVICE, **more}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[ClusterBench]:
    """A lab that is up, with data, on a cluster of this module's own."""
    with on_a_cluster(tmp_path_factory, tools, POOLS) as made:
        made.write(_lab(made.name))
        made.up()
        yield made


def _lab(name: str) -> dict[str, Any]:
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "kubernetes", "wait": "4s", "nodes": NODES},
        "registry": {"address": "registry.invalid"},
        "defaults": {"resources": {"cpus": 1, "memory": "1Gi", "shared_memory": "64Mi"}},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"owner": "anna", "size": "1Gi"}},
        "projects": {"web": serving(mounts={"home": "/home/lab"})},
    }


@pytest.fixture(autouse=True)
def data_stays(bench: ClusterBench) -> Iterator[None]:
    """Whatever happens, the claim of the lab's data is the object that it was."""
    before = bench.claims()["home"]
    yield
    assert bench.claims()["home"] == before


def add(bench: ClusterBench, name: str, project: dict[str, Any], **sections: Any) -> None:
    """Write the lab with one more project, and more of other sections."""
    lab = copy.deepcopy(bench.lab)
    lab["projects"][name] = project
    for section, more in sections.items():
        lab[section] |= more
    bench.write(lab)


def refused(bench: ClusterBench, *words: str) -> None:
    """`up` fails with these words, and without a traceback."""
    outcome = bench.up(ok=False)
    assert outcome.code != 0
    assert [one for one in words if one not in outcome.text] == [], outcome.text
    assert "Traceback" not in outcome.text


def settles(bench: ClusterBench) -> None:
    """`up` works again, and nothing is left to change."""
    bench.up(lock=False)
    assert bench.up(lock=False).changed == {}


def exists(bench: ClusterBench, project: str, owner: str = "anna") -> Any:
    """A project's Deployment, if it is there."""
    namespace, name = f"{bench.name}-{owner}", f"{bench.name}-{project}"
    there = bench.apps.list_namespaced_deployment(namespace, field_selector=f"metadata.name={name}").items
    return there[0] if there else None


def test_the_api_server_stops_in_the_middle(bench: ClusterBench, tools: Any) -> None:
    """`up` ends in time and says who does not answer; when it is back, what was half made is finished.

    The official plugin does not end: it waits for the server, and goes on.
    """
    ours = any("kubernetes" in line and "stand-in" in line for line in tools.report)
    bench.behaviours["halfway"] = "never-ready"
    add(bench, "halfway", serving())
    run = Started(bench)
    until(lambda: exists(bench, "halfway") or run.over, "the Deployment is made")
    root = bench.cluster.root
    server = sandbox.cluster.running(root)
    assert server
    processes.end([server], patience=0)
    assert run.ends(within=45) == ours
    sandbox.cluster.start(root, pools=POOLS)
    code, said = run.ended()
    assert code != 0
    assert not ours or "does not answer; start it, or correct the kubeconfig" in said
    assert "Traceback" not in said
    del bench.behaviours["halfway"]
    bench.write(bench.lab)
    settles(bench)


def test_what_a_killed_run_left_is_found_again(bench: ClusterBench) -> None:
    """A namespace and a claim that no state knows are taken over, a Deployment is made anew."""
    person, volume = {"carl": {"uid": 10046}}, {"more": {"owner": "carl", "size": "1Gi"}}
    bench.behaviours["orphan"] = "never-ready"
    add(bench, "orphan", serving("carl", mounts={"more": "/data"}), people=person, volumes=volume)
    run = Started(bench)
    orphan = until(lambda: exists(bench, "orphan", "carl") or run.over, "the Deployment is made")
    run.kill()
    bench.deployment.release_dead_locks()
    claim = bench.claims()["more"]
    state = bench.state()
    del bench.behaviours["orphan"]
    bench.write(bench.lab)
    settles(bench)
    assert "orphan" not in state or orphan.metadata.uid != exists(bench, "orphan", "carl").metadata.uid
    assert bench.claims()["more"] == claim


def test_a_removed_object_is_named(bench: ClusterBench) -> None:
    """An edit of what somebody deleted says to refresh, and after that it is made again."""
    add(bench, "gone", serving())
    bench.up()
    bench.apps.delete_namespaced_deployment(f"{bench.name}-gone", f"{bench.name}-anna")
    add(bench, "gone", serving(env={"A": "1"}))
    refused(bench, "it was removed by hand: run pulumi refresh, then pulumi up")
    bench.refresh()
    settles(bench)
    assert exists(bench, "gone")


def test_a_foreign_object_is_left_alone(bench: ClusterBench) -> None:
    """A Service of that name, made by somebody else, stops `up` and stays as it is."""
    namespace, name = f"{bench.name}-anna", f"{bench.name}-taken"
    ports = {"ports": [{"port": 1}]}
    foreign = bench.core.create_namespaced_service(namespace, {"metadata": {"name": name}, "spec": ports})
    add(bench, "taken", serving())
    refused(bench, f"Service {namespace}/{name} exists and is not of lab {bench.name}; remove or rename it there")
    assert bench.core.read_namespaced_service(name, namespace).metadata.resource_version == (
        foreign.metadata.resource_version
    )
    bench.core.delete_namespaced_service(name, namespace)
    settles(bench)


def test_a_field_of_another_manager(bench: ClusterBench) -> None:
    """What another program keeps setting is not fought over in silence; once asked for, the field is taken back."""
    name, namespace = f"{bench.name}-web", f"{bench.name}-anna"
    scale = {"spec": {"replicas": 2}}
    bench.apps.patch_namespaced_deployment(name, namespace, scale, field_manager="autoscaler")
    bench.refresh()
    refused(bench, 'conflict with "autoscaler"', ".spec.replicas", "PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
        bench.up(lock=False)
    assert exists(bench, "web").spec.replicas == 1
    settles(bench)


def test_denied_by_admission(bench: ClusterBench) -> None:
    """A policy of the cluster is quoted: of the Deployment at once, of its pods in time."""
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
            ]
        },
        "validations": [
            {"expression": "object.metadata.name.endsWith('-denied') == false", "message": "not on Fridays"}
        ],
    }
    bound = {"policyName": "fridays", "validationActions": ["Deny"]}
    for kind, spec in (("ValidatingAdmissionPolicy", policy), ("ValidatingAdmissionPolicyBinding", bound)):
        one = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "fridays"}}
        sh(*bench.kubectl, "apply", "-f", "-", input=json.dumps({**one, "spec": spec}))
    add(bench, "denied", serving())
    refused(bench, "not on Fridays")
    sh(*bench.kubectl, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "fridays")
    namespace = f"{bench.name}-anna"
    bench.core.create_namespaced_resource_quota(
        namespace, {"metadata": {"name": "maintenance"}, "spec": {"hard": {"pods": "0"}}}
    )
    refused(bench, "project denied: ", "exceeded quota: maintenance")
    bench.core.delete_namespaced_resource_quota("maintenance", namespace)
    settles(bench)


def test_a_claim_that_gets_no_volume(bench: ClusterBench) -> None:
    """Without a default class a claim waits, which the error says; once there is one, it is the claim that is bound."""
    marked = {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "false"}}}
    bench.storage.patch_storage_class("standard", marked)
    add(bench, "waits", serving(mounts={"late": "/data"}), volumes={"late": {"owner": "anna", "size": "1Gi"}})
    refused(bench, "no persistent volumes available for this claim and no storage class is set")
    claim = bench.claims()["late"]
    marked["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] = "true"
    bench.storage.patch_storage_class("standard", marked)
    settles(bench)
    assert bench.claims()["late"] == claim


def test_an_image_that_is_not_pulled(bench: ClusterBench) -> None:
    """The node's reason is quoted with the image."""
    bench.behaviours["unpulled"] = "pull-fails"
    add(bench, "unpulled", serving())
    refused(bench, "project unpulled: ImagePullBackOff: Back-off pulling image", "sandbox.invalid/pull-fails")
    del bench.behaviours["unpulled"]
    bench.write(bench.lab)
    settles(bench)


def test_a_node_is_gone(bench: ClusterBench) -> None:
    """A project whose GPU left the cluster says so at the next refresh and `up`, and has one again with the node."""
    add(bench, "vision", serving(gpus=1))
    bench.up()
    bench.core.delete_node("a100-0")
    for pod in bench.core.list_namespaced_pod(f"{bench.name}-anna", label_selector="labform.project=vision").items:
        bench.core.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace, grace_period_seconds=0)
    bench.refresh()
    refused(bench, "project vision: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu")
    sandbox.cluster.stop(bench.cluster.root)
    sandbox.cluster.start(bench.cluster.root, pools=POOLS)
    settles(bench)
