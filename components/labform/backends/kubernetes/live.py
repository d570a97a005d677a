"""Single objects as the API server has them, of any kind that labform makes."""

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labform.backends.kubernetes.manifest import VERSIONS
from labform.problems import LabformError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_APIS = {
    "v1": "CoreV1Api",
    "apps/v1": "AppsV1Api",
    "batch/v1": "BatchV1Api",
    "networking.k8s.io/v1": "NetworkingV1Api",
    "rbac.authorization.k8s.io/v1": "RbacAuthorizationV1Api",
}
"""The client's class for an API version."""


def place(metadata: Mapping[str, Any]) -> str:
    """Where an object is: `ds01-anna/ds01-thesis`, or its name alone."""
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def found(client: "ApiClient", kind: str, metadata: Mapping[str, Any]) -> Any:
    """The object of a kind, name and namespace as the client's model; None if there is none."""
    from kubernetes.client import ApiException

    try:
        return _call(client, "read", kind, metadata, _request_timeout=30)
    except ApiException as error:
        if error.status == 404:
            return None
        raise


def end(client: "ApiClient", kind: str, metadata: Mapping[str, Any]) -> None:
    """Delete an object with what belongs to it, whose pods have their grace to stop; one that is gone is fine."""
    from kubernetes.client import ApiException

    try:
        _call(client, "delete", kind, metadata, propagation_policy="Background", _request_timeout=30)
    except ApiException as error:
        if error.status != 404:
            raise


def removed(client: "ApiClient", kind: str, metadata: Mapping[str, Any], *, within: float = 60) -> None:
    """Delete an object and wait for its end; LabformError if it is still there after `within` seconds."""
    end(client, kind, metadata)
    limit = time.monotonic() + within
    while (one := found(client, kind, metadata)) is not None:
        if time.monotonic() > limit:
            kept = ", ".join(one.metadata.finalizers or []) or "nothing that it names"
            raise LabformError(f"{kind} {place(metadata)} does not go away; it is kept by {kept}")
        time.sleep(0.2)


def called(client: "ApiClient", kind: str) -> tuple[Any, str]:
    """The client's API for a kind, and how its methods call one: `read_namespaced_` and this."""
    import kubernetes.client

    api = getattr(kubernetes.client, _APIS[VERSIONS[kind]])(client)
    return api, re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


def _call(client: "ApiClient", verb: str, kind: str, metadata: Mapping[str, Any], **options: Any) -> Any:
    api, words = called(client, kind)
    if namespace := metadata.get("namespace"):
        return getattr(api, f"{verb}_namespaced_{words}")(metadata["name"], namespace, **options)
    return getattr(api, f"{verb}_{words}")(metadata["name"], **options)
