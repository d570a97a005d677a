"""A cluster's nodes as it reports them: what `runs_on.nodes` says of them, and which declared node each one is."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labform.backends.kubernetes import Kubernetes, NodePool
from labform.backends.kubernetes.nodes import PRODUCT_LABEL, WHOLE_GPU
from labform.backends.kubernetes.quantity import quantity
from labform.declaration import size_text
from labform.inventory import model_word
from labform.problems import Location, Problem

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_MEMORY_LABEL = "nvidia.com/gpu.memory"
_MIG = "nvidia.com/mig-"
_DRIVER = "nvidia.com/cuda.driver-version.full"
_DRIVER_PARTS = tuple(f"nvidia.com/cuda.driver.{part}" for part in ("major", "minor", "rev"))
"""Labels that GPU feature discovery writes: docs/gpu-feature-discovery of NVIDIA/k8s-device-plugin, older and newer."""
_GIBIBYTE = 1024**3


@dataclass(frozen=True)
class Observed:
    """One node: what it can give to pods."""

    name: str
    product: str | None = None
    gpu_memory: int | None = None
    """MiB of one GPU."""
    gpus: int = 0
    mig: Mapping[str, int] = field(default_factory=dict)
    driver: str | None = None
    cpus: Decimal = Decimal(0)
    memory: int = 0
    """Bytes."""
    closed: str = ""
    """Why no pod of a lab gets there. Default: pods do."""

    @property
    def kind(self) -> tuple[Any, ...]:
        """What nodes of one pool have in common."""
        return (self.product or "", self.gpus, tuple(sorted(self.mig.items())), self.cpus, self.memory, self.driver)

    def resources(self) -> dict[str, int]:
        """Its GPUs as the scheduler counts them."""
        slices = {f"{_MIG}{profile.replace('+', '.')}": count for profile, count in self.mig.items()}
        return slices | ({WHOLE_GPU: self.gpus} if self.gpus else {})


def nodes_of(client: "ApiClient") -> list[Observed]:
    """The cluster's nodes, by name."""
    from kubernetes.client import CoreV1Api

    found: Any = CoreV1Api(client).list_node(_request_timeout=30).items
    return sorted((_observed(one) for one in found), key=lambda one: one.name)


def _observed(node: Any) -> Observed:
    labels, amounts = node.metadata.labels or {}, node.status.allocatable or {}
    slices = {key.removeprefix(_MIG): int(count) for key, count in amounts.items() if key.startswith(_MIG)}
    parts = [labels[key] for key in _DRIVER_PARTS if labels.get(key)]
    return Observed(
        name=node.metadata.name,
        product=labels.get(PRODUCT_LABEL),
        gpu_memory=int(labels[_MEMORY_LABEL]) if _MEMORY_LABEL in labels else None,
        gpus=int(amounts.get(WHOLE_GPU, 0)),
        mig={key.replace(".me", "+me"): count for key, count in sorted(slices.items()) if count},
        driver=labels.get(_DRIVER) or ".".join(parts) or None,
        cpus=quantity(amounts.get("cpu", "0")),
        memory=int(quantity(amounts.get("memory", "0"))) // _GIBIBYTE * _GIBIBYTE,
        closed=_closed(node),
    )


def _closed(node: Any) -> str:
    """Why the scheduler keeps pods of a lab away; those of a lab tolerate what is kept for GPU work."""
    if node.spec.unschedulable:
        return "cordoned"
    taints = [one.key for one in node.spec.taints or [] if one.effect != "PreferNoSchedule" and one.key != WHOLE_GPU]
    return f"tainted {', '.join(taints)}" if taints else ""


def pools_of(nodes: Iterable[Observed]) -> tuple[dict[str, list[Observed]], list[str]]:
    """Nodes that are alike, by a name for each pool; and notes on those that are left out."""
    alike: dict[tuple[Any, ...], list[Observed]] = {}
    notes = []
    for one in nodes:
        if one.closed:
            notes.append(f"node {one.name} is left out: {one.closed}")
        else:
            alike.setdefault(one.kind, []).append(one)
    pools: dict[str, list[Observed]] = {}
    for kind in sorted(alike, key=str):
        short, number = _short(alike[kind][0]), 2
        name = short
        while name in pools:
            name, number = f"{short}-{number}", number + 1
        pools[name] = alike[kind]
    return pools, notes


def _short(node: Observed) -> str:
    """A name for a pool: `a100-40gb`, `a100-40gb-mig`, `cpu`."""
    if not node.product:
        return "cpu"
    word = re.sub(r"[^a-z0-9]+", "-", model_word(node.product, node.gpu_memory).lower()).strip("-")
    return f"{word}-mig" if node.mig and not node.gpus else word


def block(nodes: Iterable[Observed]) -> tuple[str, list[str]]:
    """The YAML of a cluster's nodes, indented to be pasted under `runs_on`; and notes on what is left out."""
    pools, notes = pools_of(nodes)
    lines = [f"    {name}: {{{', '.join(_entries(pool))}}}\n" for name, pool in sorted(pools.items())]
    return "".join(["  nodes:\n", *lines]), notes


def _entries(pool: Sequence[Observed]) -> Iterator[str]:
    one = pool[0]
    yield f"count: {len(pool)}"
    if one.product and (one.gpus or one.mig):
        yield f"product: {one.product}"
        yield f"model: {model_word(one.product, one.gpu_memory)}"
    if one.gpus:
        yield f"gpus: {one.gpus}"
    if one.mig:
        yield f"mig: {{{', '.join(f'{profile}: {count}' for profile, count in one.mig.items())}}}"
    yield f"cpus: {one.cpus:f}"
    yield f"memory: {size_text(one.memory)}"
    if one.driver:
        yield f'driver: "{one.driver}"'


def declared_as(cluster: Kubernetes, nodes: Iterable[Observed]) -> tuple[dict[str, Observed], list[Observed]]:
    """The real node that each declared one (`a100-0`) is; and nodes with GPUs that no pool is left for.

    A node is of the first pool that has its product and its numbers of GPUs and slices.
    """
    free = [one for one in nodes if not one.closed]
    found: dict[str, Observed] = {}
    for name, pool in sorted(cluster.nodes.items()):
        mine = [one for one in free if _fits(one, pool)][: pool.count]
        found |= {f"{name}-{number}": one for number, one in enumerate(mine)}
        free = [one for one in free if one not in mine]
    return found, [one for one in free if one.resources()]


def _fits(one: Observed, pool: NodePool) -> bool:
    gpus = (one.product if pool.product else None, one.gpus, dict(one.mig))
    return gpus == (pool.product, pool.gpus, dict(pool.mig))


def drift(cluster: Kubernetes, nodes: Sequence[Observed]) -> Iterator[Problem]:
    """What a stack file says of a cluster's nodes and the cluster does not; what it has beside that is no drift."""
    found, _ = declared_as(cluster, nodes)
    for name, pool in sorted(cluster.nodes.items()):
        at: Location = ("runs_on", "nodes", name)
        mine = [one for key, one in found.items() if key.rpartition("-")[0] == name]
        if len(mine) < pool.count:
            message = f"{pool.count} nodes here, the cluster has {len(mine)} with these GPUs"
            hint = f"write count: {len(mine)}" if mine else "leave it out"
            yield Problem((*at, "count"), "drift-nodes", message, hint)
        yield from _amounts(at, pool, mine)


def _amounts(at: Location, pool: NodePool, mine: Sequence[Observed]) -> Iterator[Problem]:
    cpus, memory = (min((getattr(one, key) for one in mine), default=None) for key in ("cpus", "memory"))
    if pool.cpus and cpus is not None and pool.cpus > cpus:
        yield Problem((*at, "cpus"), "drift-cpus", f"{pool.cpus:f} here, a node has {cpus:f}", f"write cpus: {cpus:f}")
    if pool.memory and memory is not None and pool.memory > memory:
        here, there = size_text(pool.memory), size_text(memory)
        yield Problem((*at, "memory"), "drift-memory", f"{here} here, a node has {there}", f"write memory: {there}")
    for driver in sorted({one.driver for one in mine if one.driver}):
        if pool.driver and not f"{driver}.".startswith(f"{pool.driver}."):
            message = f"{pool.driver} here, a node has {driver}"
            yield Problem((*at, "driver"), "drift-driver", message, f'write driver: "{driver}"')
