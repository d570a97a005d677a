"""What the Kubernetes provider does with an edited object: which fields it is made anew for, and what restarts pods."""

from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "kubernetes:"
"""How the types of the provider begin."""
_IDENTITY = ("metadata.name", "metadata.namespace")
REPLACED_BY: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData"),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "PersistentVolume": ("spec.nfs",),
    "PersistentVolumeClaim": (*("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),),
    "RoleBinding": ("roleRef",),
    "ResourceQuota": ("spec.scopes",),
    "Secret": ("type", "stringData", "data"),
    "Service": ("spec.clusterIP",),
}
"""Fields whose edit makes an object anew, by kind, beside its name and namespace; any other edit is in place.

Source: `provider/pkg/provider/diff.go` of pulumi-kubernetes 4.32.0, of the kinds that a lab has.
"""
KINDS = frozenset({*REPLACED_BY, "Ingress", "LimitRange", "Namespace", "NetworkPolicy", "Role", "ServiceAccount"})
"""The kinds whose rules are known here."""
_RESTARTING = {"Deployment": "spec.template"}
"""The field whose edit makes the cluster start new pods, by kind, where the object itself stays."""


def kind_of(type_: str) -> str | None:
    """The kind of a Kubernetes object's type token; None for any other resource."""
    return type_.rpartition(":")[2] if type_.startswith(PREFIX) else None


def paths(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of what differs; through lists without their indexes, as the provider's rules are written."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from paths(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            old, new = (side[place] if place < len(side) else None for side in (before, after))
            yield from paths(old, new, path)
    elif before != after:
        yield path


def replaces(kind: str, changed: str, more: tuple[str, ...] = ()) -> bool:
    """Whether an edit of a path makes an object anew; `more` are paths that a program adds to the provider's own."""
    return any(
        f"{changed}.".startswith(f"{one}.") or one.startswith(f"{changed}.")
        for one in (*_IDENTITY, *REPLACED_BY.get(kind, ()), *more)
    )


def restarts(kind: str, changed: str) -> bool:
    """Whether an edit of a path makes the cluster start new pods."""
    return f"{changed}.".startswith(f"{_RESTARTING.get(kind, 'nothing')}.")
