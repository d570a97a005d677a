"""What a cluster's Deployment or Job asks for, read from its inputs, of which none may be as expected."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from labform.backends.kubernetes.devices import ANY
from labform.backends.kubernetes.nodes import GPU_PREFIX, PRODUCT_LABEL
from labform.backends.kubernetes.quantity import quantity
from labform.plan.kubernetes_rules import kind_of


def is_workload(type_: str) -> bool:
    """Whether people's programs run in the pods of such a resource."""
    return kind_of(type_) in ("Deployment", "Job")


def _spec(inputs: Mapping[str, Any]) -> dict[str, Any]:
    found: Any = inputs
    for key in ("spec", "template", "spec"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _parts(spec: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = spec.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def amount(inputs: Mapping[str, Any], resource: str) -> Decimal:
    """How much of `cpu` or `memory` (bytes) the pod asks for."""
    return sum((quantity(one.get(resource)) for one in _requests(inputs)), Decimal(0))


def gpus(inputs: Mapping[str, Any]) -> dict[str, int]:
    """How many GPUs, by the resource that the scheduler counts."""
    found: dict[str, int] = {}
    for one in _requests(inputs):
        for key in (key for key in one if str(key).startswith(GPU_PREFIX)):
            found[key] = found.get(key, 0) + int(quantity(one[key]))
    return found


def gpu_rows(inputs: Mapping[str, Any], project: str) -> Iterator[dict[str, Any]]:
    """A row for each GPU, as `gpu_table` has them; the model is the product that is asked for."""
    selector = _spec(inputs).get("nodeSelector")
    product = selector.get(PRODUCT_LABEL) if isinstance(selector, dict) else None
    for resource, count in sorted(gpus(inputs).items()):
        for _ in range(count):
            yield {"host": "", "gpu": resource, "model": str(product or ANY), "holder": project}


def mounts(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Where each claim is mounted."""
    spec = _spec(inputs)
    claims = {one.get("name"): one.get("persistentVolumeClaim") for one in _parts(spec, "volumes")}
    return {
        str(claim.get("claimName")): mount.get("mountPath")
        for container in _parts(spec, "containers")
        for mount in _parts(container, "volumeMounts")
        if isinstance(claim := claims.get(mount.get("name")), dict)
    }


def _requests(inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for container in _parts(_spec(inputs), "containers"):
        resources = container.get("resources")
        found = resources.get("requests") if isinstance(resources, dict) else None
        if isinstance(found, dict):
            yield found
