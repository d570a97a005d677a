"""What the kubernetes stand-in does where nothing was recorded: spellings, refusals, settings, secrets, managers."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.fake_kubernetes import FakeKubernetes
from tests.toolchain.recorded import AbortedError, ask
from toolchain.kubernetes_plugin import VERSION, waiting, writing
from toolchain.kubernetes_plugin.diff import Change, changes, ignored
from toolchain.kubernetes_plugin.normal import normal
from toolchain.kubernetes_plugin.operations import Cluster
from toolchain.kubernetes_plugin.provider import KubernetesProvider
from toolchain.kubernetes_plugin.quantities import canonical
from toolchain.kubernetes_plugin.readiness import workload_ingress, workload_replicas, workload_service
from toolchain.kubernetes_plugin.server import Servicer
from toolchain.kubernetes_plugin.settings import Settings, diff_of_settings
from toolchain.properties import UNKNOWN

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""The mark of a secret (SDK: `_special_sig_key`, `_special_secret_sig`)."""


@pytest.fixture
def fake() -> FakeKubernetes:
    """An API server in memory."""
    return FakeKubernetes()


@pytest.fixture
def servicer(fake: FakeKubernetes) -> Servicer:
    """The stand-in on that server."""
    provider = KubernetesProvider(lambda urn, line: None)
    provider.use(Cluster(Settings(), fake, "", threading.Event()))
    return Servicer([], VERSION, provider, "")


def urn(type_: str) -> str:
    """A URN of this type."""
    return f"urn:pulumi:dev::t::kubernetes:{type_}::it"


@pytest.mark.parametrize(
    ("spelled", "written"),
    [
        *[("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("1000m", "1"), ("0.5", "500m"), ("2000M", "2G"), ("0", "0")],
        *[("1Gi", "1Gi"), ("1e3", "1e3"), ("many", "many"), ("100m", "100m"), ("1000", "1k"), ("1.5.5", "1.5.5")],
        ("0.1Ki", "0.1Ki"),
    ],
)
def test_quantities_have_one_spelling(spelled: str, written: str) -> None:
    """A quantity is written with the largest suffix of its kind that leaves it whole; what is none stays."""
    assert canonical(spelled) == written


def test_inputs_are_what_the_server_would_return() -> None:
    """What Go's types leave out or spell otherwise goes; what only the server sets goes; custom resources stay."""
    container = {"name": "c", "env": [], "tty": False, "resources": {"limits": {"memory": "1024Mi", "cpu": 2}}}
    spec = {"hostNetwork": False, "automountServiceAccountToken": False, "containers": [container], "typo": 1}
    spec |= {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}, {"name": "w", "emptyDir": {}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}, "uid": "1"}, "spec": spec}
    assert normal(pod) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi", "cpu": "2"}}}],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "w", "emptyDir": {}}],
        },
    }
    custom = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"limits": "1024Mi"}}
    assert normal(custom) == custom
    pending = {**pod, "metadata": {"name": UNKNOWN}}
    assert normal(pending) == pending


def test_a_secrets_text_becomes_data_and_stays_secret(servicer: Servicer) -> None:
    """The text of a Secret is encoded and marked, though the program did not mark it; its data is normalised."""
    news = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"token": "sesame"}}
    checked = ask(servicer, "Check", {"urn": urn("core/v1:Secret"), "news": news})["inputs"]
    assert checked["data"] == {**SECRET, "value": {"token": "c2VzYW1l"}}
    assert "stringData" not in checked
    assert "sesame" not in json.dumps(checked)
    assert normal({**news, "stringData": {}, "data": {"a": "YQ==", "b": "?"}})["data"] == {"a": "YQ==", "b": "?"}


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("helm.sh/v3:Release", "has no kubernetes:helm.sh/v3:Release: use the official plugin"),
        ("helm.sh/v4:Chart", "has no kubernetes:helm.sh/v4:Chart"),
        ("kustomize/v2:Directory", "has no kubernetes:kustomize/v2:Directory"),
        ("yaml/v2:ConfigGroup", "has no kubernetes:yaml/v2:ConfigGroup"),
        ("core/v1:NamespacePatch", "has no kubernetes:core/v1:NamespacePatch"),
        ("core/v1:PodList", "list resources exist for compatibility with YAML manifests"),
    ],
)
def test_what_is_not_implemented_is_refused(servicer: Servicer, type_: str, words: str) -> None:
    """Helm, Kustomize, YAML groups, patches and lists fail at the check, with what to use instead."""
    with pytest.raises(AbortedError) as aborted:
        ask(servicer, "Check", {"urn": urn(type_), "news": {}})
    assert words in aborted.value.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [("renderYamlToDirectory", "out"), ("kubeClientSettings", "{}"), ("enableServerSideApply", "false")],
)
def test_settings_that_are_not_implemented_are_refused(servicer: Servicer, setting: str, value: str) -> None:
    """A setting that the stand-in would ignore is a failure of its own, not silence."""
    answer = ask(servicer, "CheckConfig", {"news": {setting: value, "kubeconfig": "k"}})
    [failure] = answer["failures"]
    assert failure["property"] == setting
    assert "use the official plugin" in failure["reason"]


def kubeconfig(server: str) -> str:
    """A kubeconfig of two clusters, the first chosen."""
    clusters = [{"name": name, "cluster": {"server": address}} for name, address in (("a", server), ("b", "https://b"))]
    contexts = [{"name": name, "context": {"cluster": name}} for name in ("a", "b")]
    return json.dumps({"clusters": clusters, "contexts": contexts, "current-context": "a"})


@pytest.mark.parametrize(
    ("olds", "news", "replaces"),
    [
        ({"kubeconfig": kubeconfig("https://a")}, {"kubeconfig": kubeconfig("https://c")}, ["kubeconfig"]),
        ({"kubeconfig": kubeconfig("https://a")}, {"kubeconfig": kubeconfig("https://a") + "\n"}, []),
        ({"kubeconfig": kubeconfig("https://a")}, {"kubeconfig": UNKNOWN}, ["kubeconfig"]),
        ({"clusterIdentifier": "x", "kubeconfig": "one"}, {"clusterIdentifier": "x", "kubeconfig": "two"}, []),
        ({"clusterIdentifier": "x"}, {"clusterIdentifier": "y"}, ["clusterIdentifier"]),
        ({"kubeconfig": "gone"}, {"kubeconfig": "lost"}, []),
        ({}, {"namespace": "n"}, []),
    ],
)
def test_only_another_cluster_replaces(olds: dict[str, Any], news: dict[str, Any], replaces: list[str]) -> None:
    """An edit of the provider replaces all where the active cluster is another; an identifier settles it."""
    changed, found = diff_of_settings(olds, news)
    assert changed
    assert found == replaces


def test_a_context_chooses_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Context and cluster override the file's; without a file KUBECONFIG is read; flags come from the environment."""
    (tmp_path / "config").write_text(kubeconfig("https://a"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    settings = Settings.of({"context": "b", "cluster": "a"})
    assert settings.delete_unreachable
    loaded = settings.loaded()
    assert loaded["current-context"] == "b"
    assert {entry["context"]["cluster"] for entry in loaded["contexts"]} == {"a"}


@pytest.mark.parametrize("text", ["", "- a\n", "{", "a: b\n"])
def test_a_broken_kubeconfig_is_told_when_it_is_needed(text: str, tmp_path: Path) -> None:
    """A kubeconfig that is none leaves previews alone; the first write says so, without a traceback."""
    (tmp_path / "config").write_text(text)
    servicer = Servicer([], VERSION, KubernetesProvider(lambda urn, line: None), "")
    ask(servicer, "Configure", {"args": {"kubeconfig": str(tmp_path / "config")}})
    properties = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    request = {"urn": urn("core/v1:ConfigMap"), "properties": properties}
    assert ask(servicer, "Create", {**request, "preview": True})["properties"] == properties
    with pytest.raises(AbortedError, match="configured Kubernetes cluster is unreachable: failed to parse kubeconfig"):
        ask(servicer, "Create", request)


def test_unknown_values_are_not_sent(servicer: Servicer, fake: FakeKubernetes) -> None:
    """A preview with values that are not known yet gives them back without asking the server."""
    properties = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": UNKNOWN}}
    request = {"urn": urn("core/v1:ConfigMap"), "properties": properties, "preview": True}
    assert ask(servicer, "Create", request)["properties"] == properties
    assert fake.calls == []


def test_changes_name_paths_as_pulumi_does() -> None:
    """Additions, edits, removals and list elements; keys with dots are quoted; what replaces says so."""
    old = {"a": {"x.y": 1, "gone": 1}, "l": [{"n": 1}, {"n": 2}], "s": {"k": 1}}
    new = {"a": {"x.y": 2, "new": None}, "l": [{"n": 1}], "s": {"k": 2}}
    assert changes(old, new, ["s"]) == {
        'a["x.y"]': Change("UPDATE"),
        "a.gone": Change("DELETE", of_input=True),
        "l[1]": Change("DELETE", of_input=True),
        "s.k": Change("UPDATE_REPLACE"),
    }
    assert changes({}, {"s": {"deep": 1}}, ["s.deep"]) == {"s": Change("ADD_REPLACE")}
    assert ignored("spec.replicas", ["spec.replicas"])
    assert ignored("spec.l[0].x", ["spec"])
    assert not ignored("spec.replicas2", ["spec.replicas"])


def test_ignored_fields_are_left_to_their_manager() -> None:
    """A field that another manager owns is not sent; one of ours is sent as it is on the server."""
    inputs = {"spec": {"replicas": 1, "paused": True}, "metadata": {"name": "d"}}
    theirs = {"manager": "hpa", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    ours = {"manager": "me", "operation": "Apply", "fieldsV1": {"f:spec": {"f:paused": {}}}}
    live = {"metadata": {"name": "d", "managedFields": [theirs, ours]}, "spec": {"replicas": 5, "paused": False}}
    kept = writing.kept(inputs, live, ["spec.replicas", "spec.paused", "spec.absent"], "me")
    assert kept["spec"] == {"paused": False}


def test_readiness_of_other_kinds() -> None:
    """StatefulSets and DaemonSets count pods, an Ingress and a load balancer wait for an address."""
    server = FakeKubernetes()
    stateful = {"kind": "StatefulSet", "metadata": {"name": "s", "generation": 2, "uid": "u"}, "spec": {"replicas": 2}}
    status = {"observedGeneration": 2, "readyReplicas": 1, "updatedReplicas": 2}
    assert workload_replicas(server, {**stateful, "status": status}).reasons == [
        "1 out of 2 replicas succeeded readiness checks"
    ]
    assert workload_replicas(server, {**stateful, "status": {**status, "readyReplicas": 2}}).ready
    counts = {"desiredNumberScheduled": 1, "numberReady": 1, "updatedNumberScheduled": 1, "observedGeneration": 2}
    assert workload_replicas(server, {**stateful, "kind": "DaemonSet", "status": counts}).ready
    assert "pulumi.io/xdv72s" in workload_ingress(server, {"status": {}}).reasons[0]
    address = {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    assert workload_ingress(server, address).ready
    balancer = {"spec": {"type": "LoadBalancer"}, "status": {}, "metadata": {"name": "b"}}
    assert "not allocated an IP address" in workload_service(server, balancer).reasons[0]
    assert workload_service(server, {**balancer, **address}).ready
    assert workload_service(server, {**balancer, "spec": {"clusterIP": "None", "selector": {"a": "b"}}}).ready


def test_a_service_without_endpoints_counts_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose pods are not ready is not; one that selects none is taken to be so."""
    monkeypatch.setattr(waiting, "EVERY", 0)
    monkeypatch.setattr(waiting, "SETTLED", 0)
    server = FakeKubernetes()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"a": "b"}}}
    server.live, server.ready = service, False
    with pytest.raises(waiting.NotReadyError) as missing:
        waiting.until_ready(server, {}, service, 0, threading.Event(), lambda _: None)
    assert "does not target any Pods" in missing.value.reasons[0]
    monkeypatch.setattr(server, "listed", lambda *_, **__: [])
    assert waiting.until_ready(server, {}, service, 1, threading.Event(), lambda _: None) == service


def test_a_cancelled_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits ends when the engine cancels, with the object as it was."""
    server, cancelled = FakeKubernetes(), threading.Event()
    server.live = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {}}
    cancelled.set()
    with pytest.raises(waiting.NotReadyError, match='operation was cancelled for "p"'):
        waiting.until_ready(server, {}, server.live, 60, cancelled, lambda _: None)
