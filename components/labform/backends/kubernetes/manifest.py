"""What every object of a lab in a cluster has: kind, name, namespace, labels. Values only, nothing is registered."""

from collections.abc import Mapping
from typing import Any

from labform.naming import LAB_LABEL

Manifest = dict[str, Any]
"""An object as the API server takes it. What is known only when deployed may be a Pulumi output."""


def manifest(
    kind: str,
    name: str,
    *,
    lab: str,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
    **body: Any,
) -> Manifest:
    """An object of a kind in VERSIONS; `body` is what it has beside its metadata, empty parts left out."""
    metadata: dict[str, Any] = {"name": name, "labels": {LAB_LABEL: lab, **(labels or {})}}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, **filled(body)}


def filled(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that say something; the API server would drop empty ones, and each `up` would put them back."""
    return {key: value for key, value in parts.items() if value is not None and value not in ({}, [])}


VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "Job": "batch/v1",
    "LimitRange": "v1",
    "Namespace": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PersistentVolume": "v1",
    "PersistentVolumeClaim": "v1",
    "ResourceQuota": "v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
"""The API version of every kind that labform makes: the stable ones of Kubernetes 1.25 and later."""
KEPT = frozenset({"Namespace", "PersistentVolume", "PersistentVolumeClaim"})
"""Kinds that data hangs on: one of this lab that no state knows is taken over."""
NEVER_PRUNED = {"argocd.argoproj.io/sync-options": "Prune=false", "kustomize.toolkit.fluxcd.io/prune": "disabled"}
"""For what `up` keeps when it leaves the lab: Argo CD and Flux, who apply rendered files, must not delete it either.

Source: "Sync Options" of Argo CD's documentation, "Kustomization" of Flux's.
"""
