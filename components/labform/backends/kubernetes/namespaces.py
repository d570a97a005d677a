"""The namespace of one person and what stands in it for all of their projects. Values only, nothing is registered."""

import ipaddress
import math
from collections.abc import Iterable
from typing import Any

from labform import naming
from labform.backends.kubernetes import Kubernetes, Network
from labform.backends.kubernetes.manifest import NEVER_PRUNED, Manifest, manifest
from labform.backends.kubernetes.nodes import gpu_shares
from labform.backends.kubernetes.pod import SERVICE_ACCOUNT, cpu_text
from labform.declaration import size_text
from labform.naming import OWNER_LABEL
from labform.people import UNLIMITED
from labform.resources import FALLBACK
from labform.stack_file import LabArgs

PULL_SECRET = "labform-registry"  # noqa: S105  the name of a secret
"""The Secret by which nodes pull from the lab's registry."""
_NAME = "labform"
_LEVEL = "pod-security.kubernetes.io"


def namespace_of(lab: LabArgs, owner: str) -> str:
    """The namespace of a person: `ds01-anna`."""
    return naming.in_cluster(prefix(lab), owner)


def prefix(lab: LabArgs) -> str:
    """How the names of a lab's namespaces begin."""
    return cluster_of(lab).namespace or lab.lab


def cluster_of(lab: LabArgs) -> Kubernetes:
    """Where the lab runs; TypeError if that is no cluster."""
    if not isinstance(lab.runs_on, Kubernetes):
        raise TypeError(f"lab {lab.lab} does not run on Kubernetes")
    return lab.runs_on


def namespace(lab: LabArgs, owner: str) -> Manifest:
    """The namespace, in which only pods of the `restricted` profile are admitted."""
    levels = {f"{_LEVEL}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    made = manifest("Namespace", namespace_of(lab, owner), lab=lab.lab, labels={OWNER_LABEL: owner, **levels})
    made["metadata"]["annotations"] = dict(NEVER_PRUNED)
    return made


def rules(lab: LabArgs, owner: str) -> list[Manifest]:
    """What holds for a person's pods: quota, defaults, network, account, and what the person may do."""
    parts = (quota, defaults, network, account, role, binding)
    return [part(lab, owner) for part in parts]


def quota(lab: LabArgs, owner: str) -> Manifest:
    """The person's limits, enforced by the API server too; no pod is reached from outside the cluster by itself.

    GPUs are counted there by kind, so somebody who mixes kinds is held to their sum at preview alone.
    """
    hard = {"services.loadbalancers": "0", "services.nodeports": "0"}
    if (cpus := _limit(lab, owner, "cpus")) is not None:
        hard |= {f"{kind}.cpu": cpu_text(cpus) for kind in ("limits", "requests")}
    if (memory := _limit(lab, owner, "memory")) is not None:
        hard |= {f"{kind}.memory": size_text(memory) for kind in ("limits", "requests")}
    if (projects := _limit(lab, owner, "projects")) is not None:
        hard["pods"] = str(projects)
    if (gpus := _limit(lab, owner, "gpus")) is not None:
        shares = gpu_shares(cluster_of(lab).nodes)
        hard |= {f"requests.{one}": str(math.floor(gpus / share)) for one, share in shares.items()}
    return _of(lab, owner, "ResourceQuota", spec={"hard": dict(sorted(hard.items()))})


def _limit(lab: LabArgs, owner: str, kind: str) -> Any:
    """A person's limit; None for none."""
    found = lab.quota(owner, kind)
    return None if found is None or found.value == UNLIMITED else found.value


def defaults(lab: LabArgs, owner: str) -> Manifest:
    """What a container gets that asks for nothing: the person's quota would refuse it otherwise."""
    given = lab.defaults.resources
    cpus, memory = given.cpus or FALLBACK.cpus, given.memory or FALLBACK.memory
    amounts = {"cpu": cpu_text(cpus), "memory": size_text(memory)}
    one = {"type": "Container", "default": amounts, "defaultRequest": amounts}
    return _of(lab, owner, "LimitRange", spec={"limits": [one]})


def network(lab: LabArgs, owner: str) -> Manifest:
    """Nothing reaches a pod and a pod reaches nothing, but for DNS and what the lab declares."""
    cluster = cluster_of(lab)
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    out: list[dict[str, Any]] = [{"to": [_namespace("kube-system")], "ports": ports}]
    if blocks := list(_blocks(cluster.network)):
        out.append({"to": blocks})
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": out}
    if ingress := cluster.ingress_rule():
        spec["ingress"] = [{"from": [_namespace(ingress.namespace)]}]
    return _of(lab, owner, "NetworkPolicy", spec=spec)


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _blocks(network: Network) -> Iterable[dict[str, Any]]:
    denied = [ipaddress.ip_network(text) for text in network.denied]
    for block in map(ipaddress.ip_network, network.egress):
        if not any(_within(block, one) for one in denied):
            inside = [str(one) for one in denied if _within(one, block)]
            yield {"ipBlock": {"cidr": str(block), **({"except": inside} if inside else {})}}


def _within(one: Any, block: Any) -> bool:
    return one.version == block.version and bool(one.subnet_of(block))


def account(lab: LabArgs, owner: str) -> Manifest:
    """The account of the person's pods: it may do nothing, and pulls with the lab's login."""
    login = [{"name": PULL_SECRET}] if pulls(lab) else None
    return manifest(
        "ServiceAccount", SERVICE_ACCOUNT, lab=lab.lab, namespace=namespace_of(lab, owner), labels={OWNER_LABEL: owner},
        automountServiceAccountToken=False, imagePullSecrets=login,
    )  # fmt: skip


def pulls(lab: LabArgs) -> bool:
    """Whether the lab's registry wants a login."""
    return bool(lab.registry and lab.registry.username)


def pull_secret(lab: LabArgs, owner: str, config: Any) -> Manifest:
    """The login for the lab's registry; `config` is the text of a `.dockerconfigjson`."""
    return manifest(
        "Secret", PULL_SECRET, lab=lab.lab, namespace=namespace_of(lab, owner), labels={OWNER_LABEL: owner},
        type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": config},
    )  # fmt: skip


def role(lab: LabArgs, owner: str) -> Manifest:
    """What a person may do with their projects: look, read logs, enter, forward a port, restart (by deleting a pod)."""
    see = ["get", "list", "watch"]
    # Entering and forwarding are GET requests to newer API servers, POST requests to older ones.
    reach = ["get", "create"]
    grants = [
        _grant("", ["pods"], [*see, "delete"]),
        _grant("", ["pods/log"], ["get"]),
        _grant("", ["pods/attach", "pods/exec", "pods/portforward"], reach),
        _grant("", ["events", "persistentvolumeclaims", "resourcequotas", "services"], see),
        _grant("apps", ["deployments"], see),
        _grant("batch", ["jobs"], see),
    ]
    return _of(lab, owner, "Role", rules=grants)


def _grant(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def binding(lab: LabArgs, owner: str) -> Manifest:
    """Gives the role to the person, by the name that the cluster knows them by."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": user(lab, owner)}]
    return _of(lab, owner, "RoleBinding", roleRef={"apiGroup": group, "kind": "Role", "name": _NAME}, subjects=subjects)


def user(lab: LabArgs, owner: str) -> str:
    """What the cluster calls a person."""
    return cluster_of(lab).user.format(name=owner, email=lab.people[owner].email)


def _of(lab: LabArgs, owner: str, kind: str, **body: Any) -> Manifest:
    return manifest(kind, _NAME, lab=lab.lab, namespace=namespace_of(lab, owner), labels={OWNER_LABEL: owner}, **body)
