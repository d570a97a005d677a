"""Whether a cluster's declared nodes can serve a lab: asked of the code that places projects on Docker hosts. Pure.

The scheduler, not labform, chooses a project's node and GPUs, so nothing of this is kept: a placement only proves that
there is room, and what holds for a project has to hold on every kind of node that it may get.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from labform.backends import Docker, Kubernetes
from labform.backends.kubernetes.nodes import granted, hosts_of
from labform.backends.kubernetes.storage import made_with
from labform.compatibility import incompatible
from labform.cuda import CudaNeed
from labform.gpus import GpuRequest, gpu_request
from labform.hosts import Host
from labform.lockfile import LockedVolume
from labform.placement import place
from labform.problems import Problem
from labform.project import ProjectArgs
from labform.quotas import quotas
from labform.stack_file import LabArgs
from labform.units import Placement, units
from labform.volumes import ManagedVolume


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
        kinds = {f"{name}-0": hosts[f"{name}-0"] for name in sorted(cluster.nodes)}
        problems = [*placing.problems, *_too_large(lab, {name: asking[name] for name in placing.places}, kinds)]
    problems += quotas(twin, places).problems
    for name, request in requests.items():
        problems += [
            fault for one in _choices(cluster, hosts, request) for fault in incompatible(twin, {name: one}, needs)
        ]
    problems += incompatible(twin, {name: one for name, one in places.items() if name not in requests}, needs)
    return list(dict.fromkeys(problems))


def one_node(lab: LabArgs, volumes: Mapping[str, LockedVolume]) -> Iterator[Problem]:
    """Claims of one node at a time that several running projects mount: the second pod could wait for ever.

    `volumes` are those that the lock knows: how one that exists may be mounted is no longer the stack file's to say.
    """
    if not isinstance(lab.runs_on, Kubernetes):
        return
    mounted: dict[str, list[str]] = defaultdict(list)
    for name, project in lab.running().items():
        for key in project.mounts:
            mounted[key].append(name)
    for key, names in mounted.items():
        classes = made_with(lab.runs_on, volumes.get(key))
        once = isinstance(lab.volumes.get(key), ManagedVolume) and classes.access == "ReadWriteOnce"
        if once and len(names) > 1:
            exists = key in volumes and volumes[key].state != "planned"
            message = f"is mounted by {' and '.join(names)}, and a ReadWriteOnce claim is on one node at a time"
            hint = "write storage_classes: {volumes: CLASS, access: ReadWriteMany}"
            hint += f"{' and copy it to a new volume' if exists else ''}, or retire one of them"
            yield Problem(("volumes", key), "one-node", message, hint)


def _too_large(lab: LabArgs, asking: Mapping[str, ProjectArgs], kinds: Mapping[str, Host]) -> Iterator[Problem]:
    """Those for whom no kind of node with their GPUs is large enough; what others leave, only the scheduler knows."""
    for name, one in asking.items():
        alone = place({name: one}, kinds, {name: sorted(kinds)}, {}, limits={name: lab.limits(name)})
        yield from alone.problems


def _choices(cluster: Kubernetes, hosts: Mapping[str, Host], request: GpuRequest) -> Iterator[Placement]:
    """A place on every kind of node that the scheduler may choose."""
    for name in sorted(cluster.nodes):
        fit = [unit.id for unit in units(hosts[f"{name}-0"]) if unit.serves(request)]
        if len(fit) >= request.count:
            yield Placement(f"{name}-0", tuple(sorted(fit)[: request.count]))


def _no_nodes(name: str) -> Problem:
    hint = "write runs_on.nodes: {a100: {count: 2, product: NVIDIA-A100-SXM4-40GB, gpus: 4}}"
    return Problem(("projects", name, "gpus"), "no-gpu", "the cluster declares no nodes", hint)
