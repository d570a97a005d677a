"""What a project becomes in a cluster: the template of its pod, part by part. Values only, nothing is registered."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from labform import naming, workload
from labform.backends.kubernetes.manifest import filled
from labform.backends.kubernetes.nodes import PRODUCT_LABEL, GpuKind, resource_of
from labform.declaration import size_text
from labform.gpus import gpu_request
from labform.people import Person
from labform.project import ProjectArgs
from labform.resources import FALLBACK, Limits

SERVICE_ACCOUNT = "labform"
"""The account that pods run under; it may do nothing and has no token."""
FILES_MARK = "labform.files"
"""The annotation that restarts a pod when its owner's files change: a hash of them, which hold nothing secret."""
SECRETS_MARK = "labform.secrets"
"""The annotation that restarts a pod when a secret changes: the Secret's uid, which says nothing of its value."""
_PERIOD = 5
"""Seconds between two questions whether a service works, as on Docker."""


@dataclass(frozen=True)
class Workload:
    """A project with all that is known of it when the stack file is written."""

    lab: str
    name: str
    args: ProjectArgs
    person: Person
    namespace: str
    limits: Limits = FALLBACK
    gpu_kind: GpuKind | None = None
    """What its GPUs are to the scheduler. Default: what it asks for, of any product."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """The claims in the namespace, by volume id."""
    read_only: frozenset[str] = frozenset()
    """Volumes that nobody may write to."""
    wait: int = 180
    """Seconds that it may take to get a node and its image."""

    @property
    def object_name(self) -> str:
        """The name of everything it has in its namespace."""
        return naming.in_cluster(naming.container(self.lab, self.name))

    @property
    def labels(self) -> dict[str, str]:
        """What its objects belong to."""
        return workload.labels(self.lab, self.name, self.args)

    def secret_keys(self) -> list[str]:
        """The keys that its Secret has, sorted."""
        token = workload.token_key(self.args)
        return sorted([*self.args.secrets, *([token] if token else [])])


def template(one: Workload, image: Any, secrets_mark: Any = None) -> dict[str, Any]:
    """The pod's template; `image` and `secrets_mark` may be known only when deployed."""
    annotations = {FILES_MARK: _hash(owner_files(one)), SECRETS_MARK: secrets_mark}
    spec = {
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # One process reaps what others leave behind, as Docker's init does.
        "shareProcessNamespace": True,
        "hostname": one.name,
        "restartPolicy": "Never" if one.args.run else "Always",
        "terminationGracePeriodSeconds": one.args.stop_grace,
        "securityContext": _pod_security(one.person),
        **_nodes(one),
        "containers": [_container(one, image)],
        "volumes": _volumes(one),
    }
    return {"metadata": {"labels": one.labels, "annotations": filled(annotations)}, "spec": spec}


def owner_files(one: Workload) -> dict[str, str]:
    """The files that make the owner known, by their names in the ConfigMap."""
    return {path.rsplit("/", 1)[-1]: text for path, text in _paths(one).items()}


def _paths(one: Workload) -> dict[str, str]:
    return workload.owner_files(one.args, one.person, one.lab)


def _hash(files: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]


def _pod_security(person: Person) -> dict[str, Any]:
    gid = person.gid or person.uid
    return {
        "runAsNonRoot": True,
        "runAsUser": person.uid,
        "runAsGroup": gid,
        "fsGroup": gid,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _nodes(one: Workload) -> dict[str, Any]:
    """Nodes with the GPU that is asked for, and leave to use nodes that are kept for GPU work."""
    if gpu_request(one.args.gpus) is None:
        return {}
    products = one.gpu_kind.products if one.gpu_kind else ()
    tolerated = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
    if len(products) == 1:
        return {"nodeSelector": {PRODUCT_LABEL: products[0]}, **tolerated}
    if not products:
        return tolerated
    terms = [{"matchExpressions": [{"key": PRODUCT_LABEL, "operator": "In", "values": list(products)}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"affinity": {"nodeAffinity": required}, **tolerated}


def _container(one: Workload, image: Any) -> dict[str, Any]:
    amounts = resources(one)
    port = one.args.container_port
    parts = {
        "name": one.name,
        "image": image,
        # By digest: a copy that a node has is the same, and a registry that is down stops nobody.
        "imagePullPolicy": "IfNotPresent",
        "args": [_literal(word) for word in workload.command(one.args)],
        "env": _environment(one),
        # Without a name: an edited number would meet the old entry's name, and the API server refuse both.
        "ports": [{"containerPort": port}] if port else [],
        "resources": {"requests": amounts, "limits": amounts},
        "securityContext": _container_security(one.args),
        **_probes(one.args),
        "volumeMounts": _mounts(one),
    }
    return filled(parts)


def _literal(text: str) -> str:
    """Text in which the cluster must not replace `$(NAME)`, as Docker does not."""
    return text.replace("$(", "$$(")


def _container_security(args: ProjectArgs) -> dict[str, Any]:
    added = {"add": sorted(args.capabilities)} if args.capabilities else {}
    return {"allowPrivilegeEscalation": False, "privileged": False, "capabilities": {"drop": ["ALL"], **added}}


def resources(one: Workload) -> dict[str, str]:
    """What the pod asks for and may use, which is the same: an amount that is promised and never exceeded."""
    request = gpu_request(one.args.gpus)
    kind = one.gpu_kind or GpuKind(resource_of(request) if request else "")
    gpus = {kind.resource: str(request.count)} if request else {}
    return {"cpu": cpu_text(one.limits.cpus), "memory": size_text(one.limits.memory), **gpus}


def cpu_text(cpus: Decimal) -> str:
    """CPUs as the API server writes them: `2`, `500m`."""
    thousandths = int(cpus * 1000)
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def _environment(one: Workload) -> list[dict[str, Any]]:
    plain = workload.variables(one.args, gpus=gpu_request(one.args.gpus) is not None)
    chosen = sorted(key for key, secret in one.args.secrets.items() if secret.form == "env")
    return [{"name": key, "value": _literal(value)} for key, value in plain.items()] + [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": one.object_name, "key": key}}} for key in chosen
    ]


def _probes(args: ProjectArgs) -> dict[str, Any]:
    """A service is up when its check passes once, and reached while it passes; nothing is killed for failing it."""
    test = workload.health(args)
    if test is None or args.service is None:
        return {}
    check = {"exec": {"command": test}, "periodSeconds": _PERIOD, "timeoutSeconds": 5}
    tries = -(-args.service.startup // _PERIOD)
    return {"startupProbe": {**check, "failureThreshold": tries}, "readinessProbe": {**check, "failureThreshold": 3}}


def _hidden(one: Workload) -> list[str]:
    return [key for key in one.secret_keys() if key not in one.args.secrets or one.args.secrets[key].form == "file"]


def _volumes(one: Workload) -> list[dict[str, Any]]:
    shared = {"medium": "Memory", "sizeLimit": size_text(one.limits.shared_memory)}
    made: list[dict[str, Any]] = [
        {"name": "shm", "emptyDir": shared},
        {"name": "owner", "configMap": {"name": one.object_name}},
    ]
    if hidden := _hidden(one):
        # Readable by the pod's group, which is the owner's.
        items = [{"key": key, "path": key} for key in hidden]
        made.append(
            {"name": "secrets", "secret": {"secretName": one.object_name, "defaultMode": 0o440, "items": items}}
        )
    return made + [
        {"name": f"data-{key}", "persistentVolumeClaim": {"claimName": one.claims[key]}} for key in one.args.mounted()
    ]


def _mounts(one: Workload) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108  the container's own
    made += [
        {"name": "owner", "mountPath": path, "subPath": path.rsplit("/", 1)[-1], "readOnly": True}
        for path in sorted(_paths(one))
    ]
    if _hidden(one):
        made.append({"name": "secrets", "mountPath": naming.SECRETS, "readOnly": True})
    for key, mount in one.args.mounted().items():
        only = {"readOnly": True} if mount.read_only or key in one.read_only else {}
        made.append({"name": f"data-{key}", "mountPath": mount.path, **only})
    return made
