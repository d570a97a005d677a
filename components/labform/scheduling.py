"""Whether a cluster's declared nodes can serve a lab: asked of the code that places projects on Docker hosts. Pure.

The scheduler, not labform, chooses a project's node and GPUs, so nothing of this is kept: a placement only proves that
there is room, and what holds for a project has to hold on every kind of node that it may get.
"""

from collections.abc import Iterator, Mapping

from labform.backends import Docker, Kubernetes
from labform.backends.kubernetes.nodes import granted, hosts_of
from labform.compatibility import incompatible
from labform.cuda import CudaNeed
from labform.gpus import GpuRequest, gpu_request
from labform.hosts import Host
from labform.placement import place
from labform.problems import Problem
from labform.quotas import quotas
from labform.stack_file import LabArgs
from labform.units import Placement, units


def unschedulable(lab: LabArgs, cluster: Kubernetes, needs: Mapping[str, CudaNeed]) -> list[Problem]:
    """Every fault of a lab that its cluster cannot serve; `needs` are the CUDA versions that environments show."""
    hosts = hosts_of(cluster)
    twin = lab.model_copy(update={"runs_on": Docker.model_construct(kind="docker", hosts=hosts)})
    requests = {name: found for name, one in lab.running().items() if (found := gpu_request(one.gpus))}
    requests = {name: granted(cluster, one) for name, one in requests.items()}
    places: dict[str, Placement] = {name: Placement("") for name in lab.running() if name not in requests}
    problems = [_no_nodes(name) for name in requests] if not hosts else []
    if hosts:
        # A port is of the project's own Service: none can be taken.
        asking = {
            name: lab.projects[name].model_copy(update={"service": None, "gpus": requests[name]}) for name in requests
        }
        placing = place(asking, hosts, dict.fromkeys(asking, sorted(hosts)), {})
        places |= placing.places
        problems = list(placing.problems)
    problems += quotas(twin, places).problems
    for name, request in requests.items():
        problems += [
            fault for one in _choices(cluster, hosts, request) for fault in incompatible(twin, {name: one}, needs)
        ]
    problems += incompatible(twin, {name: one for name, one in places.items() if name not in requests}, needs)
    return list(dict.fromkeys(problems))


def _choices(cluster: Kubernetes, hosts: Mapping[str, Host], request: GpuRequest) -> Iterator[Placement]:
    """A place on every kind of node that the scheduler may choose."""
    for name in sorted(cluster.nodes):
        fit = [unit.id for unit in units(hosts[f"{name}-0"]) if unit.serves(request)]
        if len(fit) >= request.count:
            yield Placement(f"{name}-0", tuple(sorted(fit)[: request.count]))


def _no_nodes(name: str) -> Problem:
    hint = "write runs_on.nodes: {a100: {count: 2, product: NVIDIA-A100-SXM4-40GB, gpus: 4}}"
    return Problem(("projects", name, "gpus"), "no-gpu", "the cluster declares no nodes", hint)
