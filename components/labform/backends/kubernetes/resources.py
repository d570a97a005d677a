"""Manifests as resources of the Kubernetes provider: the only module that knows its SDK's classes."""

from importlib import import_module
from typing import Any

import pulumi
import pulumi_kubernetes

from labform.backends.kubernetes.manifest import Manifest

_GROUPS = {
    "v1": "core.v1",
    "apps/v1": "apps.v1",
    "batch/v1": "batch.v1",
    "networking.k8s.io/v1": "networking.v1",
    "rbac.authorization.k8s.io/v1": "rbac.v1",
}
"""The module of pulumi_kubernetes that holds an API version."""
_ARGUMENTS = {
    "automountServiceAccountToken": "automount_service_account_token",
    "imagePullSecrets": "image_pull_secrets",
    "roleRef": "role_ref",
    "stringData": "string_data",
}
"""What the SDK calls an object's own fields, where that is not the API's name."""

Provider = pulumi_kubernetes.Provider


def registered(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Register the object that a manifest describes, under a name of the program."""
    kinds: dict[str, Any] = vars(import_module(f"pulumi_kubernetes.{_GROUPS[manifest['apiVersion']]}"))
    fields = {_ARGUMENTS.get(key, key): value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    made: pulumi.CustomResource = kinds[manifest["kind"]](name, **fields, opts=opts)
    return made
