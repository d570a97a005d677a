"""The stand-in on a real API server: what is written, waited for and refused, and in which words."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sandbox import cluster, processes
from sandbox.cluster import Cluster, Pool
from tests.toolchain.kubernetes_objects import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    POD,
    SHORT,
    Plugin,
    claim,
    config,
    deployment,
    job,
    kubectl,
    refused,
)
from tests.toolchain.recorded import ask, properties_of

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the cluster that these tests share."""
    folder = tmp_path_factory.mktemp("cluster") / "root"
    yield folder
    cluster.remove(folder)


@pytest.fixture
def running(root: Path) -> Cluster:
    """The cluster, running."""
    return cluster.start(root, pools=[Pool("a100", product="A100", gpus=2)])


@pytest.fixture
def plugin(running: Cluster) -> Plugin:
    """The stand-in on the cluster."""
    return Plugin(running.kubeconfig)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{uuid4().hex[:8]}"


def test_what_was_made_does_not_differ(plugin: Plugin, name: str) -> None:
    """After a create, an update and a read, the same inputs in another spelling are no change."""
    made = plugin.create(DEPLOYMENT, deployment(name))
    assert plugin.diff(DEPLOYMENT, made, deployment(name)) == {"changes": "DIFF_NONE", "hasDetailedDiff": True}
    made["properties"] = plugin.update(DEPLOYMENT, made, deployment(name, env="2"))["properties"]
    assert made["properties"]["status"]["updatedReplicas"] == 1
    assert plugin.diff(DEPLOYMENT, made, deployment(name, env="2"))["changes"] == "DIFF_NONE"
    read = plugin.read(DEPLOYMENT, made)
    assert read["inputs"] == made["properties"]["__inputs"]
    assert plugin.diff(DEPLOYMENT, read, deployment(name, env="2"))["changes"] == "DIFF_NONE"
    edited = plugin.diff(DEPLOYMENT, read, deployment(name, env="3"))
    assert list(edited["detailedDiff"]) == ["spec.template.spec.containers[0].env[0].value"]


def test_a_preview_is_a_dry_run(plugin: Plugin, running: Cluster, name: str) -> None:
    """The server says what would be made and refuses what it would refuse; nothing is there afterwards."""
    foretold = plugin.create(CLAIM, claim(name, "1Gi"), preview=True)
    assert foretold["properties"]["spec"]["volumeMode"] == "Filesystem"
    assert "id" not in foretold
    with refused('Unsupported value: "Sometimes"'):
        values = deployment(name)
        values["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Sometimes"
        plugin.create(DEPLOYMENT, values, preview=True)
    assert kubectl(running, "get", "pvc,deployments", "-o", "name").find(name) == -1
    later = claim(name, "1Gi", namespace="not-yet")
    assert plugin.create(CLAIM, later, preview=True)["properties"]["spec"] == later["spec"]


def test_a_foreign_object_is_not_taken_over(plugin: Plugin, running: Cluster, name: str) -> None:
    """An object of the same name is an error with its ways out, and stays as it is; a preview can't tell."""
    kubectl(running, "create", "configmap", name, "--from-literal=a=theirs")
    assert plugin.create(CONFIG_MAP, config(name, a="ours"), preview=True)["properties"]["data"] == {"a": "ours"}
    with refused(f'API server: configmaps "{name}" already exists\n\nThe resource already exists in the cluster.'):
        plugin.create(CONFIG_MAP, config(name, a="ours"))
    assert kubectl(running, "get", "configmap", name, "-o", "jsonpath={.data.a}") == "theirs"
    upserting = Plugin(running.kubeconfig, upsertExistingObjects="true", enablePatchForce="true")
    assert upserting.create(CONFIG_MAP, config(name, a="ours"))["properties"]["data"] == {"a": "ours"}


def test_another_managers_field_is_a_conflict(plugin: Plugin, running: Cluster, name: str) -> None:
    """A field that another manager applied is refused with its name; kubectl's edits and `patchForce` win it back."""
    made = plugin.create(DEPLOYMENT, deployment(name))
    made["properties"] = plugin.update(DEPLOYMENT, made, deployment(name, env="2"))["properties"]
    kubectl(running, "set", "env", f"deployment/{name}", "A=9", "--field-manager=gitops")
    with refused('had an apply conflict: Apply failed with 1 conflict: conflict with "gitops"'):
        plugin.update(DEPLOYMENT, made, deployment(name, env="3"))
    wanted = deployment(name, env="3")
    wanted["metadata"]["annotations"] = {**SHORT, "pulumi.com/patchForce": "true"}
    made["properties"] = plugin.update(DEPLOYMENT, made, wanted)["properties"]
    kubectl(running, "set", "env", f"deployment/{name}", "A=9")
    made["properties"] = plugin.update(DEPLOYMENT, made, deployment(name, env="4"))["properties"]
    managers = [entry["manager"] for entry in made["properties"]["metadata"]["managedFields"]]
    assert "kubectl-set" not in managers
    assert kubectl(running, "get", "deployment", name, "-o", "jsonpath={..env[0].value}") == "4"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"gpus": 3}, "Minimum number of live Pods was not attained"),
        ({"image": "sandbox.invalid/pull-fails:1"}, "[ImagePullBackOff] Back-off pulling image"),
    ],
)
def test_what_does_not_become_ready_is_an_error_in_time(
    plugin: Plugin, name: str, values: dict[str, Any], reason: str
) -> None:
    """A Deployment that has no pod after its time is in the state, with the reasons; reading it says so too."""
    start = time.monotonic()
    with refused(f"failed to fully initialize or become live: '{name}' timed out waiting to be Ready") as errors:
        plugin.create(DEPLOYMENT, deployment(name, **values))
    assert 2 < time.monotonic() - start < 30
    failure = errors[0].init_failed()
    assert failure is not None
    assert any(reason in said for said in failure.reasons)
    made = {"id": failure.id, "properties": properties_of(failure.properties)}
    with refused(f"Resource '{name}' was created but failed to initialize"):
        plugin.read(DEPLOYMENT, made)
    repaired = plugin.update(DEPLOYMENT, made, deployment(name))
    assert repaired["properties"]["status"]["readyReplicas"] == 1


def test_a_job_is_waited_for(plugin: Plugin, name: str) -> None:
    """A Job is done when it has completed; one that failed for good is an error before its time is over."""
    assert plugin.create(JOB, job(name, "x"))["properties"]["status"]["succeeded"] == 1
    with refused(f"Resource '{name}-f' was created but failed to initialize") as errors:
        plugin.create(JOB, job(f"{name}-f", "sandbox.invalid/exits"))
    failure = errors[0].init_failed()
    assert failure is not None
    assert "[BackoffLimitExceeded] Job has reached the specified backoff limit" in failure.reasons


def test_claims(plugin: Plugin, name: str) -> None:
    """A claim is waited for until it is bound, or pending where it waits for a pod; it grows and does not shrink."""
    made = plugin.create(CLAIM, claim(name, "1Gi"))
    assert made["properties"]["status"]["phase"] == "Bound"
    grown = {**made, **plugin.update(CLAIM, made, claim(name, "2Gi"))}
    with refused("Forbidden: field can not be less than status.capacity"):
        plugin.update(CLAIM, grown, claim(name, "1Gi"), preview=True)
    replaced = plugin.diff(CLAIM, grown, claim(name, "2Gi", "standard-wait"))
    assert (replaced["replaces"], replaced["deleteBeforeReplace"]) == (["spec.storageClassName"], True)
    waits = plugin.create(CLAIM, claim(f"{name}-w", "1Gi", "standard-wait"))
    assert waits["properties"]["status"]["phase"] == "Pending"
    with refused(f"'{name}-n' timed out waiting to be Ready"):
        plugin.create(CLAIM, claim(f"{name}-n", "1Gi", "unprovisioned", annotations=SHORT))
    skipped = plugin.create(
        CLAIM, claim(f"{name}-s", "1Gi", "unprovisioned", annotations={"pulumi.com/skipAwait": "true"})
    )
    assert skipped["properties"]["status"]["phase"] == "Pending"


def test_denied_by_admission(plugin: Plugin, running: Cluster, name: str) -> None:
    """Quota and Pod Security refuse in the server's words, and nothing is in the state."""
    kubectl(running, "create", "namespace", name)
    kubectl(running, "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    pod = {"metadata": {"name": "p", "namespace": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    with refused('created by the Kubernetes API server: pods "p" is forbidden: violates') as errors:
        plugin.create(POD, pod)
    assert errors[0].init_failed() is None


def test_deleted_by_hand(plugin: Plugin, running: Cluster, name: str) -> None:
    """What is gone reads as nothing, and deleting it again is done."""
    made = plugin.create(CONFIG_MAP, config(name, a="1"))
    kubectl(running, "delete", "configmap", name)
    assert plugin.read(CONFIG_MAP, made) == {}
    plugin.delete(CONFIG_MAP, made)


def test_a_delete_is_waited_for(plugin: Plugin, running: Cluster, name: str) -> None:
    """A delete takes what belongs to the object with it; a finalizer that nobody removes is named in time."""
    made = plugin.create(DEPLOYMENT, deployment(name))
    plugin.delete(DEPLOYMENT, made)
    assert kubectl(running, "get", "pods", f"--selector=app={name}", "-o", "name") == ""
    stuck = {"name": name, "annotations": SHORT, "finalizers": ["example.org/never"]}
    made = plugin.create(CONFIG_MAP, {"metadata": stuck})
    with refused("timed out waiting for the condition") as errors:
        plugin.delete(CONFIG_MAP, made)
    failure = errors[0].init_failed()
    assert failure is not None
    assert failure.reasons[1] == "finalizers might be preventing deletion (example.org/never)"
    kubectl(running, "patch", "configmap", name, "--type=merge", '--patch={"metadata":{"finalizers":null}}')


def test_a_name_is_made_up_once(plugin: Plugin) -> None:
    """An object without a name gets one from the seed, keeps it, and may be replaced beside itself."""
    made = plugin.create(CONFIG_MAP, {"metadata": {}, "data": {"a": "1"}})
    assert made["id"].startswith("it-")
    edited = plugin.diff(CONFIG_MAP, made, {"metadata": {}, "data": {"a": "2"}})
    assert (edited["replaces"], "deleteBeforeReplace" in edited) == (["data.a"], False)


def test_the_providers_namespace_is_taken(running: Cluster, name: str) -> None:
    """Objects without a namespace go where the provider says, if their kind lives in one."""
    kubectl(running, "create", "namespace", name)
    placed = Plugin(running.kubeconfig, namespace=name)
    assert placed.create(CONFIG_MAP, config("c"))["id"] == f"{name}/c"
    assert "namespace" not in placed.check("core/v1:Namespace", {"metadata": {"name": "n"}})["metadata"]


def test_an_unknown_kind_says_so(plugin: Plugin, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A custom resource whose definition is not there is previewed as it is, and then refused with what to look for."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    values = {"metadata": {"name": name}, "spec": {"x": 1}}
    assert plugin.create("example.org/v1:Thing", values, preview=True)["properties"]["spec"] == {"x": 1}
    with refused('Verify that any required CRDs have been created: no matches for kind "Thing"'):
        plugin.create("example.org/v1:Thing", values)


def test_a_server_that_stops_loses_nothing(plugin: Plugin, running: Cluster, root: Path, name: str) -> None:
    """While no server answers, each operation is one error and the state is as before; a preview goes on."""
    made = plugin.create(CONFIG_MAP, config(name, a="1"))
    process = cluster.running(root)
    assert process
    processes.end([process], patience=0)
    late = Plugin(running.kubeconfig)
    with refused("Connection refused"):
        plugin.create(CONFIG_MAP, config(f"{name}-2"))
    with refused("configured Kubernetes cluster is unreachable"):
        late.create(CONFIG_MAP, config(f"{name}-2"))
    with refused("failed to read resource state due to unreachable cluster. If the cluster was deleted"):
        late.read(CONFIG_MAP, made)
    with refused("configured Kubernetes cluster is unreachable. If the cluster was deleted"):
        late.delete(CONFIG_MAP, made)
    assert late.create(CONFIG_MAP, config(f"{name}-2"), preview=True)["properties"]["metadata"]["name"] == f"{name}-2"
    assert late.diff(CONFIG_MAP, made, config(name, a="1"))["changes"] == "DIFF_NONE"
    assert Plugin(running.kubeconfig, deleteUnreachable="true").read(CONFIG_MAP, made) == {}
    cluster.start(root, pools=[Pool("a100", product="A100", gpus=2)])
    assert plugin.read(CONFIG_MAP, made)["properties"]["metadata"]["uid"] == made["properties"]["metadata"]["uid"]


def test_a_server_that_stops_while_an_object_is_made_loses_nothing(running: Cluster, root: Path, name: str) -> None:
    """An object whose server goes away while it is waited for is in the state, and the next update repairs it."""

    def kill(urn: str, line: str) -> None:
        if process := cluster.running(root):
            processes.end([process], patience=0)

    with refused(f"'{name}' timed out waiting to be Ready") as errors:
        Plugin(running.kubeconfig, kill).create(DEPLOYMENT, deployment(name, "sandbox.invalid/never-ready"))
    failure = errors[0].init_failed()
    assert failure is not None
    assert "Connection refused" in failure.reasons[1]
    made = {"id": failure.id, "properties": properties_of(failure.properties)}
    again = cluster.start(root, pools=[Pool("a100", product="A100", gpus=2)])
    repaired = Plugin(again.kubeconfig).update(DEPLOYMENT, made, deployment(name))
    assert repaired["properties"]["metadata"]["uid"] == made["properties"]["metadata"]["uid"]


def test_the_kubeconfig_may_be_text(
    running: Cluster, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig is a path or the text itself; nothing of it is left in a file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plugin = Plugin(Path("/dev/null"))
    ask(plugin.servicer, "Configure", {"args": {"kubeconfig": running.kubeconfig.read_text()}})
    assert plugin.create(CONFIG_MAP, config(name))["id"] == name
    assert list(tmp_path.iterdir()) == []
