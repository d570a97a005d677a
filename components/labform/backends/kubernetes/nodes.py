"""A cluster's nodes as hosts, so that what nobody can serve is refused by the same code as on Docker. Pure.

The scheduler, not labform, says which node and GPU a pod gets: placements here only prove that there is room.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from labform.backends.kubernetes import Kubernetes, NodePool
from labform.gpus import Gpu, GpuRequest, MigInstance
from labform.hosts import Host
from labform.mig import GEOMETRY, equivalent
from labform.units import units

PRODUCT_LABEL = "nvidia.com/gpu.product"
"""The node label that GPU feature discovery writes."""
GPU_PREFIX = "nvidia.com/"
"""How the resources begin by which NVIDIA's device plugin counts GPUs and MIG instances."""
WHOLE_GPU = f"{GPU_PREFIX}gpu"
"""The resource by which NVIDIA's device plugin counts whole GPUs."""


@dataclass(frozen=True)
class GpuKind:
    """What a project's GPUs are to the scheduler: a resource that nodes count, and products that narrow the nodes."""

    resource: str = WHOLE_GPU
    products: tuple[str, ...] = ()
    """Values of PRODUCT_LABEL, sorted. Default: any node with the resource."""


def kind_of(cluster: Kubernetes, request: GpuRequest) -> GpuKind:
    """What the scheduler is asked for, for a project's request."""
    one = granted(cluster, request)
    return GpuKind(resource_of(one), tuple(products_of(cluster, one)))


def hosts_of(cluster: Kubernetes) -> dict[str, Host]:
    """Every declared node as a host with made-up GPU ids: `a100-0` is the first node of the pool `a100`."""
    return {
        f"{name}-{number}": _host(f"{name}-{number}", pool)
        for name, pool in sorted(cluster.nodes.items())
        for number in range(pool.count)
    }


def _host(node: str, pool: NodePool) -> Host:
    model = pool.model or pool.product or "GPU"
    whole = [Gpu(uuid=f"GPU-{node}-{number}", model=model) for number in range(pool.gpus)]
    slices = tuple(
        MigInstance(uuid=f"MIG-{node}-{place}-{number}", profile=profile)
        for place, (profile, count) in enumerate(sorted(pool.mig.items()))
        for number in range(count)
    )
    sliced = [Gpu(uuid=f"GPU-{node}-mig", model=model, mig=slices)] if slices else []
    return Host(cpus=pool.cpus, memory=pool.memory, driver=pool.driver, gpus=(*whole, *sliced), ports="1024-65535")


def granted(cluster: Kubernetes, request: GpuRequest) -> GpuRequest:
    """A request as a node counts it: for memory the smallest kind of device that has it, whoever holds one now."""
    kinds = [unit.kind for name, pool in cluster.nodes.items() for unit in units(_host(name, pool))]
    fit = [kind for kind in kinds if kind.serves(request)] if request.memory else []
    smallest = min(fit, key=lambda kind: kind.rank, default=None)
    if smallest is None or smallest.profile is None:
        return request
    return GpuRequest(count=request.count, mig=smallest.profile, model=request.model)


def products_of(cluster: Kubernetes, request: GpuRequest) -> list[str]:
    """The products that a pod's nodes must have, sorted; none where the resource alone says what is asked for."""
    if request == GpuRequest(count=request.count, mig=request.mig):
        return []
    fit = {pool.product for name, pool in cluster.nodes.items() if _serves(pool, name, request)}
    return sorted(one for one in fit if one)


def _serves(pool: NodePool, name: str, request: GpuRequest) -> bool:
    return any(unit.serves(request) and unit.profile == request.mig for unit in units(_host(name, pool)))


def resource_of(request: GpuRequest) -> str:
    """The resource that a request counts: `nvidia.com/gpu`, or a MIG profile's, `+me` written as the plugin does."""
    return f"nvidia.com/mig-{request.mig.replace('+', '.')}" if request.mig else WHOLE_GPU


def gpu_shares(nodes: Mapping[str, NodePool]) -> dict[str, Fraction]:
    """Every GPU resource that declared nodes have, with the share of a GPU that one of it is, sorted.

    A profile that the MIG table does not know counts as a whole GPU: a limit holds rather too much than too little.
    """
    found = {WHOLE_GPU: Fraction(1)} if any(pool.gpus for pool in nodes.values()) else {}
    for pool in nodes.values():
        for profile in pool.mig:
            share = equivalent(pool.model or pool.product or "", profile) or _any_share(profile)
            found[resource_of(GpuRequest(mig=profile))] = share
    return dict(sorted(found.items()))


def _any_share(profile: str) -> Fraction:
    """The share that a profile is of any model; those of one name agree but for a model with other slices."""
    return max((share for model in GEOMETRY if (share := equivalent(model, profile))), default=Fraction(1))
