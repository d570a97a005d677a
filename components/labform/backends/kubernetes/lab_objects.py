"""All objects of a lab in its cluster, in the order in which they are made. Values only: what `render` writes."""

from collections.abc import Iterator, Mapping

from labform.backends.kubernetes import namespaces, objects, storage
from labform.backends.kubernetes.manifest import Manifest
from labform.backends.kubernetes.namespaces import cluster_of, namespace_of
from labform.backends.kubernetes.nodes import kind_of
from labform.backends.kubernetes.pod import Workload
from labform.gpus import gpu_request
from labform.lockfile import LockedVolume
from labform.stack_file import LabArgs


def lab_objects(lab: LabArgs, images: Mapping[str, str], volumes: Mapping[str, LockedVolume]) -> Iterator[Manifest]:
    """Every object but Secrets, whose values no stack file holds.

    `images` are the projects' references by digest, `volumes` those that the lock knows.
    """
    for owner in sorted(lab.people):
        yield namespaces.namespace(lab, owner)
    for owner in at_work(lab):
        yield from namespaces.rules(lab, owner)
    for key in storage.claimed(lab):
        yield storage.claim(lab, key, volumes.get(key))
    for _, made in storage.exports(lab):
        yield from made
    for name in lab.running():
        yield from objects.objects(workload(lab, name), images[name], cluster_of(lab).ingress_rule())


def declared(lab: LabArgs, images: Mapping[str, str], volumes: Mapping[str, LockedVolume]) -> Iterator[Manifest]:
    """Every object that `up` makes or keeps: Secrets too, without their values."""
    yield from lab_objects(lab, images, volumes)
    yield from secrets(lab)


def secrets_needed(lab: LabArgs) -> dict[tuple[str, str], list[str]]:
    """The Secrets that must exist beside the objects: namespace and name, and the keys of each."""
    made = secrets(lab)
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): list(one["stringData"]) for one in made}


def secrets(lab: LabArgs) -> Iterator[Manifest]:
    """The Secrets of a lab, with empty values: those are only known when deployed."""
    for owner in at_work(lab) if namespaces.pulls(lab) else ():
        yield namespaces.pull_secret(lab, owner, "")
    for name in lab.running():
        one = workload(lab, name)
        if keys := one.secret_keys():
            yield objects.secret(one, dict.fromkeys(keys, ""))


def workload(lab: LabArgs, project: str) -> Workload:
    """A running project with what the lab says of it."""
    args, cluster = lab.projects[project], cluster_of(lab)
    request = gpu_request(args.gpus)
    return Workload(
        lab=lab.lab,
        name=project,
        args=args,
        person=lab.people[args.owner],
        namespace=namespace_of(lab, args.owner),
        limits=lab.limits(project),
        gpu_kind=kind_of(cluster, request) if request else None,
        claims=storage.claims_of(lab, project),
        read_only=storage.read_only_of(lab),
        wait=cluster.wait,
    )


def at_work(lab: LabArgs) -> list[str]:
    """The people whose projects run, and whose namespaces therefore have rules."""
    return sorted({one.owner for one in lab.running().values()})
