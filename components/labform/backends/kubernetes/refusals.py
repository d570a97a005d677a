"""What a stack file may say on Docker and a cluster cannot do, each with what to write instead. Pure."""

import ipaddress
from collections.abc import Iterator

from labform.backends.kubernetes import Kubernetes, nodes
from labform.backends.kubernetes.namespaces import cluster_of
from labform.declaration import size_text
from labform.gpus import GpuRequest
from labform.problems import Location, Problem
from labform.stack_file import LabArgs
from labform.volumes import ClaimVolume, Directory, ManagedVolume, NfsVolume

CODE = "not-on-kubernetes"
"""The code of every refusal of a field that only Docker has."""
ADMITTED = frozenset({"NET_BIND_SERVICE"})
"""The one capability that Pod Security `restricted` lets a container add: Kubernetes' Pod Security Standards."""
LOOPBACK = "127.0.0.1"


def refusals(lab: LabArgs) -> Iterator[Problem]:
    """Every fault of a lab that its being on a cluster makes; none for a lab that runs elsewhere."""
    if isinstance(lab.runs_on, Kubernetes):
        yield from _cluster(lab.runs_on)
        yield from _images(lab)
        yield from _volumes(lab)
        for name in lab.projects:
            yield from _project(lab, name)
            yield from _mounts(lab, name)
        yield from _users(lab)


def _cluster(cluster: Kubernetes) -> Iterator[Problem]:
    for section in ("egress", "denied"):
        for place, text in enumerate(getattr(cluster.network, section)):
            try:
                ipaddress.ip_network(text)
            except ValueError:
                at: Location = ("runs_on", "network", section, place)
                yield Problem(at, "cidr", f'"{text}" is not a network', "for example 10.0.0.0/8")
    for name, pool in cluster.nodes.items():
        if (pool.gpus or pool.mig) and pool.product is None:
            message, hint = "has GPUs of no product", "write product: as the nodes' label nvidia.com/gpu.product says"
            yield Problem(("runs_on", "nodes", name), "no-product", message, hint)


def _images(lab: LabArgs) -> Iterator[Problem]:
    if lab.registry is None:
        yield Problem(("builder",), "no-registry", "the nodes pull images, and the lab has no registry",
                      "write registry: {address: …}")  # fmt: skip


def _users(lab: LabArgs) -> Iterator[Problem]:
    for name, person in lab.people.items():
        if person.email is None and "{email}" in cluster_of(lab).user:
            message = f"runs_on.user makes a name of {name}'s email, and there is none"
            yield Problem(("people", name), "no-email", message, f"write email: {name}@example.org")


def _volumes(lab: LabArgs) -> Iterator[Problem]:
    for section in ("volumes", "retired"):
        for key, volume in getattr(lab, section).items():
            at: Location = (section, key)
            if isinstance(volume, Directory):
                hint = "write nfs: {server: …, path: …}, or claim: NAME and owner: of a claim that exists"
                yield Problem((*at, "path"), CODE, "a pod may not mount a directory of its node", hint)
            elif getattr(volume, "host", None):
                yield Problem((*at, "host"), CODE, "a claim is of no host", "leave it out")
            if isinstance(volume, ManagedVolume) and volume.size is None:
                yield Problem(at, "no-size", "a claim needs a size", "write size: 50Gi")


def _project(lab: LabArgs, name: str) -> Iterator[Problem]:
    project, at = lab.projects[name], ("projects", name)
    if project.host:
        hint = "leave it out; a GPU's model or a volume's class says where it can run"
        yield Problem((*at, "host"), CODE, "the scheduler chooses the node", hint)
    if project.service and project.service.listen != LOOPBACK:
        hint = "leave it out; `runs_on.ingress` opens services to others"
        yield Problem((*at, "service", "listen"), CODE, "a service opens no port of a node", hint)
    if isinstance(project.gpus, GpuRequest) and project.gpus.uuid:
        message = "the scheduler gives GPUs by number, never by id"
        yield Problem((*at, "gpus", "uuid"), CODE, message, "write count: and model:")
    if refused := sorted(set(project.capabilities) - ADMITTED):
        message = f"{', '.join(refused)}: pods of the restricted profile may add NET_BIND_SERVICE alone"
        yield Problem((*at, "capabilities"), CODE, message, "leave it out, or run the project on Docker")
    yield from _too_large(lab, name)


def _too_large(lab: LabArgs, name: str) -> Iterator[Problem]:
    """A pod that is larger than every node, which the scheduler would let wait for ever."""
    hosts, limits = nodes.hosts_of(lab.runs_on) if isinstance(lab.runs_on, Kubernetes) else {}, lab.limits(name)
    at: Location = ("projects", name, "resources")
    if hosts and all(host.cpus is not None and host.cpus < limits.cpus for host in hosts.values()):
        most = max(host.cpus or 0 for host in hosts.values())
        yield Problem((*at, "cpus"), "no-node", f"asks for {limits.cpus:f} CPUs, the largest node has {most:f}")
    if hosts and all(host.memory is not None and host.memory < limits.memory for host in hosts.values()):
        most_memory = size_text(max(host.memory or 0 for host in hosts.values()))
        message = f"asks for {size_text(limits.memory)} of memory, the largest node has {most_memory}"
        yield Problem((*at, "memory"), "no-node", message)


def _mounts(lab: LabArgs, name: str) -> Iterator[Problem]:
    project = lab.projects[name]
    for key in project.mounts:
        volume = lab.volumes.get(key)
        if isinstance(volume, (ManagedVolume, ClaimVolume)) and volume.owner != project.owner:
            message = f"{key} is in the namespace of {volume.owner}, and a pod of {project.owner} cannot mount it"
            hint = "share data of several people by nfs: {server: …, path: …}"
            yield Problem(("projects", name, "mounts", key), "other-namespace", message, hint)
        if isinstance(volume, NfsVolume) and "ro" in volume.nfs.options.split(",") and not volume.read_only:
            message = f"{key} is mounted with the option ro by the node, and declared writable"
            yield Problem(("volumes", key), "read-only", message, "write read_only: true")
