"""What a cluster has of a lab is asked for once by kind, and never a secret's value."""

import pytest
from labform.backends.kubernetes.api import connected
from labform.backends.kubernetes.found import Found, find
from labform.backends.kubernetes.manifest import VERSIONS
from labform.problems import LabformError

from tests.backends.kubernetes.test_live import CLUSTER_WIDE, PLURALS
from tests.fake_cluster import FakeCluster

pytestmark = pytest.mark.enable_socket
OURS = {"labform.lab": "unit"}


def asked(*wanted: tuple[str, str, str], alone: bool = False) -> Found:
    """What is found."""
    with connected(None) as client:
        return find(client, "unit", wanted, alone=alone)


def test_every_kind_is_found_by_its_label(cluster: FakeCluster) -> None:
    """In all namespaces; others' objects are not."""
    for kind, plural in PLURALS.items():
        prefix = "" if kind in CLUSTER_WIDE else "unit-anna/"
        cluster.add(plural, f"{prefix}one", OURS)
        cluster.add(plural, f"{prefix}other")
    there = asked()
    assert {kind for kind, _, name in there.objects if name == "one"} == VERSIONS.keys()
    assert {name for _, _, name in there.objects} == {"one"}
    assert (there.closed, there.refusals) == (set(), [])


def test_of_a_secret_there_is_no_value(cluster: FakeCluster) -> None:
    """Its type, its metadata and how many keys it has."""
    cluster.add("secrets", "unit-anna/one", OURS, data={"A": "canary", "B": "canary"}, type="Opaque")
    (one,) = asked().objects.values()
    assert (one["type"], one["keys"], one["metadata"]["name"]) == ("Opaque", 2, "one")
    assert "canary" not in repr(one)


def test_what_lost_its_labels_is_found_by_name(cluster: FakeCluster) -> None:
    """It is there all the same."""
    cluster.add("deployments", "unit-anna/one")
    cluster.add("namespaces", "unit-anna")
    cluster.add("secrets", "unit-anna/one")
    wanted = [("Deployment", "unit-anna", "one"), ("Namespace", "", "unit-anna"), ("Secret", "unit-anna", "one")]
    assert sorted(asked(*wanted).objects) == wanted
    assert sorted(asked(wanted[0], alone=True).objects) == wanted[:1]


def test_who_may_not_see_all_is_told_what_is_not_known(cluster: FakeCluster) -> None:
    """Each namespace is asked for by itself; what is closed there is one line, with the API server's words."""
    cluster.add("deployments", "unit-anna/one", OURS)
    cluster.closed = {("deployments", ""), ("secrets", ""), ("secrets", "unit-anna"), ("namespaces", "")}
    wanted = [("Deployment", "unit-anna", "one"), ("Secret", "unit-anna", "one"), ("Namespace", "", "unit-anna")]
    there = asked(*wanted, alone=True)
    assert sorted(there.objects) == wanted[:1]
    assert there.closed == {("Secret", "unit-anna"), ("Namespace", "")}
    todo = "a person reaches their own projects, whoever deploys the lab reaches all"
    assert there.refusals == [
        f"the cluster: Namespace not compared; the API server says 403: namespaces is forbidden; {todo}",
        f"unit-anna: Secret not compared; the API server says 403: secrets is forbidden; {todo}",
    ]


def test_a_server_that_is_broken_is_no_empty_one(cluster: FakeCluster) -> None:
    """Nothing is called missing because nobody answered."""
    cluster.broken = True
    with pytest.raises(LabformError, match="the API server says 500"):
        asked()
