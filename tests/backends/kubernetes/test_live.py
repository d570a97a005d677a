"""Objects of every kind are found and removed by kind, namespace and name."""

import pytest
from labform.backends.kubernetes.api import connected
from labform.backends.kubernetes.live import end, found, place, removed
from labform.backends.kubernetes.manifest import VERSIONS
from labform.problems import LabformError

from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.enable_socket
PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Ingress": "ingresses",
    "Job": "jobs",
    "LimitRange": "limitranges",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolume": "persistentvolumes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}
CLUSTER_WIDE = ("Namespace", "PersistentVolume")
BODIES = {
    "Ingress": {"spec": {}},
    "Deployment": {"spec": {"selector": {}, "template": {}}},
    "NetworkPolicy": {"spec": {"podSelector": {}}},
    "RoleBinding": {"roleRef": {"apiGroup": "a", "kind": "Role", "name": "r"}},
}
"""What the client's models of a kind insist on."""


def test_no_kind_is_forgotten() -> None:
    """Every kind that labform makes is in the table below."""
    assert PLURALS.keys() == VERSIONS.keys()


@pytest.mark.parametrize("kind", PLURALS)
def test_an_object_is_found_and_removed(cluster: FakeCluster, kind: str) -> None:
    """By its own name and place, and then it is gone; its neighbour stays."""
    namespace = "" if kind in CLUSTER_WIDE else "unit-anna"
    metadata = {"name": "one", **({"namespace": namespace} if namespace else {})}
    for name in ("one", "other"):
        cluster.add(PLURALS[kind], f"{namespace}/{name}".lstrip("/"), {"a": name}, **BODIES.get(kind, {}))
    with connected(None) as client:
        assert found(client, kind, metadata).metadata.labels == {"a": "one"}
        removed(client, kind, metadata)
        assert found(client, kind, metadata) is None
        end(client, kind, metadata)
    assert list(cluster.objects) == [(PLURALS[kind], namespace, "other")]


def test_what_does_not_go_says_what_keeps_it(cluster: FakeCluster) -> None:
    """Its finalizers are named."""
    cluster.add("services", "unit-anna/web", metadata={"finalizers": ["example.org/held"]})
    with connected(None) as client, pytest.raises(LabformError, match="kept by example"):
        removed(client, "Service", {"namespace": "unit-anna", "name": "web"}, within=0)


def test_places_are_written_as_kubectl_takes_them() -> None:
    """With the namespace, where there is one."""
    assert place({"namespace": "unit-anna", "name": "web"}) == "unit-anna/web"
    assert place({"name": "unit-anna"}) == "unit-anna"
