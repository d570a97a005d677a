"""A person's namespace: what it enforces, how much, and who reaches whom."""

import copy
from typing import Any

import pytest
from labform.backends.kubernetes import namespaces
from labform.stack_file import LabArgs

from tests.backends.kubernetes.cluster_lab import LAB, lab


def on(**runs_on: Any) -> LabArgs:
    """The lab with fields of its cluster given anew."""
    return lab(runs_on={**copy.deepcopy(LAB["runs_on"]), **runs_on})


def test_only_restricted_pods_are_admitted() -> None:
    """And a pod that is not is warned of and recorded too."""
    labels = namespaces.namespace(lab(), "anna")["metadata"]["labels"]
    modes = {key.rsplit("/", 1)[1]: value for key, value in labels.items() if "pod-security" in key}
    assert modes == {"enforce": "restricted", "audit": "restricted", "warn": "restricted"}


def test_a_lab_may_have_another_prefix() -> None:
    """A person's namespace is named after the lab, unless it says another."""
    assert namespaces.namespace_of(lab(), "anna") == "unit-anna"
    assert namespaces.namespace_of(on(namespace="gpu"), "anna") == "gpu-anna"


def test_the_quota_is_the_persons_limits() -> None:
    """CPUs and memory as requests and limits, projects as pods, GPUs by kind: a slice of seven counts as a seventh."""
    assert namespaces.quota(lab(), "anna")["spec"]["hard"] == {
        "limits.cpu": "16", "requests.cpu": "16", "limits.memory": "64Gi", "requests.memory": "64Gi", "pods": "3",
        "requests.nvidia.com/gpu": "3", "requests.nvidia.com/mig-1g.10gb": "21",
        "services.loadbalancers": "0", "services.nodeports": "0",
    }  # fmt: skip


def test_whom_no_limit_holds_has_no_figure() -> None:
    """But no way to open a port of the nodes either."""
    hard = namespaces.quota(lab(), "ben")["spec"]["hard"]
    assert hard == {"services.loadbalancers": "0", "services.nodeports": "0"}


def test_a_container_that_asks_for_nothing_gets_the_labs_default() -> None:
    """So that the quota does not refuse it."""
    given = lab(defaults={"resources": {"cpus": 0.5, "memory": "2Gi"}})
    (limit,) = namespaces.defaults(given, "anna")["spec"]["limits"]
    assert limit["default"] == limit["defaultRequest"] == {"cpu": "500m", "memory": "2Gi"}


def test_nothing_reaches_a_pod_but_the_ingress() -> None:
    """Without one, nothing at all."""
    spec = namespaces.network(lab(), "anna")["spec"]
    (rule,) = spec["ingress"]
    assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ingress-nginx"}
    closed = namespaces.network(on(ingress=None), "anna")["spec"]
    assert (closed["policyTypes"], "ingress" in closed) == (["Ingress", "Egress"], False)


@pytest.mark.parametrize(
    ("network", "blocks"),
    [
        ({}, [("0.0.0.0/0", ["169.254.0.0/16"]), ("::/0", None)]),
        ({"egress": ["10.0.0.0/8"], "denied": ["10.9.0.0/16", "192.168.0.0/16"]}, [("10.0.0.0/8", ["10.9.0.0/16"])]),
        ({"egress": ["10.20.0.0/16", "192.0.2.0/24"], "denied": ["10.0.0.0/8"]}, [("192.0.2.0/24", None)]),
        ({"egress": ["10.0.0.0/8"], "denied": ["10.0.0.0/8"]}, []),
        ({"egress": []}, []),
    ],
)
def test_a_pod_reaches_dns_and_what_is_declared(network: dict[str, Any], blocks: list[tuple[str, Any]]) -> None:
    """What is denied stays closed: a part of what is declared, or all of it."""
    dns, *rest = namespaces.network(on(network=network), "anna")["spec"]["egress"]
    assert [one["port"] for one in dns["ports"]] == [53, 53]
    found = [(to["ipBlock"]["cidr"], to["ipBlock"].get("except")) for rule in rest for to in rule["to"]]
    assert found == blocks


def test_pods_may_do_nothing_and_people_little() -> None:
    """No token; a person sees, enters and restarts their pods, changes nothing and reads no secret."""
    assert namespaces.account(lab(), "anna")["automountServiceAccountToken"] is False
    grants = {name: one["verbs"] for one in namespaces.role(lab(), "anna")["rules"] for name in one["resources"]}
    assert grants["pods"] == ["get", "list", "watch", "delete"]
    assert {name for name, verbs in grants.items() if "create" in verbs} == {
        "pods/attach", "pods/exec", "pods/portforward",
    }  # fmt: skip
    assert not {"secrets", "configmaps", "*"} & grants.keys()
    assert all("delete" not in verbs for name, verbs in grants.items() if name != "pods")


def test_a_person_is_who_the_cluster_says() -> None:
    """By name, or by what identity providers know: the email."""
    (subject,) = namespaces.binding(on(user="oidc:{email}"), "anna")["subjects"]
    assert subject["name"] == "oidc:anna@example.org"
    assert namespaces.binding(lab(), "ben")["subjects"][0]["name"] == "ben"


def test_only_a_registry_with_a_login_has_a_pull_secret() -> None:
    """Then every account pulls with it."""
    assert namespaces.account(lab(), "anna")["imagePullSecrets"] == [{"name": "labform-registry"}]
    public = lab(registry={"address": "registry.invalid"})
    assert "imagePullSecrets" not in namespaces.account(public, "anna")
