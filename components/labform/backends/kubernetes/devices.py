"""A cluster's GPUs as rows, by what is asked for: which device a pod gets is the scheduler's to say. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labform.backends.kubernetes.namespaces import cluster_of
from labform.backends.kubernetes.nodes import hosts_of, kind_of, resource_of
from labform.gpus import GpuRequest, gpu_request
from labform.stack_file import LabArgs
from labform.units import units

ANY = "any"
"""The model of a device where a project takes any, or where it depends on the scheduler which ones are left."""


@dataclass(frozen=True, order=True)
class DeviceKind:
    """Devices of a cluster that are alike."""

    resource: str
    model: str
    profile: str | None = None


def rows(args: LabArgs) -> list[dict[str, Any]]:
    """A row for each device of the declared nodes, those that projects hold first.

    `host` are the pools that have the kind, `gpu` is the resource that the scheduler counts.
    """
    free, pools = Counter(kind for _, kind in _devices(args)), _pools(args)
    made = []
    for name, project in args.running().items():
        if (request := gpu_request(project.gpus)) is not None:
            kind = _asked(args, request)
            free.subtract({kind: request.count})
            row = _row(kind, pools, holder=name, owner=project.owner)
            made += [dict(row) for _ in range(request.count)]
    return sorted(made, key=lambda row: (row["gpu"], row["model"], row["holder"])) + [
        _row(kind, pools) for kind in _left(free) for _ in range(free[kind])
    ]


def _row(kind: DeviceKind, pools: dict[DeviceKind, str], holder: str | None = None, owner: str | None = None) -> Any:
    row = {"host": pools.get(kind, ""), "gpu": kind.resource, "model": kind.model, "profile": kind.profile}
    return {**row, "holder": holder, "owner": owner}


def _devices(args: LabArgs) -> Iterator[tuple[str, DeviceKind]]:
    """Every declared device, with its pool."""
    for node, host in hosts_of(cluster_of(args)).items():
        for unit in units(host):
            resource = resource_of(GpuRequest(mig=unit.profile))
            yield node.rpartition("-")[0], DeviceKind(resource, unit.model, unit.profile)


def _pools(args: LabArgs) -> dict[DeviceKind, str]:
    """The pools that have each kind; of a resource of any model, all that have that."""
    found: dict[DeviceKind, set[str]] = {}
    for pool, kind in _devices(args):
        for one in (kind, DeviceKind(kind.resource, ANY, kind.profile)):
            found.setdefault(one, set()).add(pool)
    return {kind: ", ".join(sorted(names)) for kind, names in found.items()}


def _asked(args: LabArgs, request: GpuRequest) -> DeviceKind:
    """What a project takes: of one model, where no other one serves it."""
    cluster = cluster_of(args)
    wanted = kind_of(cluster, request)
    models = {
        kind
        for pool, kind in _devices(args)
        if kind.resource == wanted.resource and (not wanted.products or cluster.nodes[pool].product in wanted.products)
    }
    one = next(iter(models), DeviceKind(wanted.resource, ANY))
    return one if len(models) == 1 else DeviceKind(one.resource, ANY, one.profile)


def _left(free: "Counter[DeviceKind]") -> list[DeviceKind]:
    """The kinds that are left over; where somebody takes any model, it is not known of which so many are left."""
    for vague in [kind for kind in free if kind.model == ANY]:
        for kind in [one for one in free if one.resource == vague.resource and one != vague]:
            free[vague] += free.pop(kind)
    return sorted(kind for kind in free if free[kind] > 0)
