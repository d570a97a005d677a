"""A lab's volumes as claims, each in the namespace of whose pods mount it. Values only, nothing is registered."""

import hashlib
from collections.abc import Iterator

from labform import naming
from labform.backends.kubernetes import Kubernetes, StorageClasses
from labform.backends.kubernetes.manifest import NEVER_PRUNED, Manifest, filled, manifest
from labform.backends.kubernetes.namespaces import cluster_of, namespace_of
from labform.declaration import size_text
from labform.lockfile import LockedVolume
from labform.naming import VOLUME_LABEL
from labform.stack_file import LabArgs
from labform.volumes import ClaimVolume, ManagedVolume, NfsExport, NfsVolume

_ANY_SIZE = "1Mi"
"""The size of an export's volume and claim: a figure that the API wants and nothing reads."""

_ONE_MANAGER = {"pulumi.com/patchFieldManager": "labform"}
"""A name of its own for each state would make one that lost the claim, and has it back, conflict with itself."""


def made_with(cluster: Kubernetes, known: LockedVolume | None) -> StorageClasses:
    """Class and access of a volume: what it exists with, by the lock, else what the stack file says of new ones."""
    if known is None or known.state == "planned" or known.access is None:
        return cluster.storage_classes
    return StorageClasses(volumes=known.storage_class, access=known.access)


def claim(lab: LabArgs, key: str, known: LockedVolume | None) -> Manifest:
    """The claim of a managed volume, which the lock may know; its name and labels hold only what never changes."""
    volume = lab.volumes.get(key) or lab.retired[key]
    if not isinstance(volume, ManagedVolume) or volume.size is None:
        raise ValueError(f"{key} is no managed volume with a size")
    classes = made_with(cluster_of(lab), known)
    spec = {
        "accessModes": [classes.access],
        "storageClassName": classes.volumes,
        "resources": {"requests": {"storage": size_text(volume.size)}},
    }
    made = manifest(
        "PersistentVolumeClaim", claim_name(lab, key), lab=lab.lab, namespace=namespace_of(lab, volume.owner),
        labels={VOLUME_LABEL: key}, spec=filled(spec),
    )  # fmt: skip
    made["metadata"]["annotations"] = {**_ONE_MANAGER, **NEVER_PRUNED}
    return made


def managed(lab: LabArgs) -> list[str]:
    """The ids of the managed volumes that are declared, sorted."""
    return sorted(key for key, volume in lab.volumes.items() if isinstance(volume, ManagedVolume))


def claimed(lab: LabArgs) -> list[str]:
    """The ids of the volumes that have a claim of labform's: managed ones, and then retired ones."""
    return [*managed(lab), *sorted(lab.retired)]


def claim_name(lab: LabArgs, key: str) -> str:
    """The name of a managed volume's claim: `ds01-thesis-home`."""
    return naming.in_cluster(naming.volume(lab.lab, key))


def place(lab: LabArgs, key: str, volume: ManagedVolume | ClaimVolume) -> str:
    """Where a person finds a volume in the cluster: `ds01-anna/ds01-thesis-home`."""
    name = volume.claim if isinstance(volume, ClaimVolume) else claim_name(lab, key)
    return f"{namespace_of(lab, volume.owner)}/{name}"


def claims_of(lab: LabArgs, project: str) -> dict[str, str]:
    """The names of the claims that a project mounts, by volume id."""
    return {key: _mounted(lab, key, lab.projects[project].owner) for key in lab.projects[project].mounts}


def _mounted(lab: LabArgs, key: str, owner: str) -> str:
    volume = lab.volumes[key]
    if isinstance(volume, ClaimVolume):
        return volume.claim
    return _export_name(lab, key, volume, owner) if isinstance(volume, NfsVolume) else claim_name(lab, key)


def read_only_of(lab: LabArgs) -> frozenset[str]:
    """The volumes that nobody may write to."""
    return frozenset(key for key, volume in lab.volumes.items() if getattr(volume, "read_only", False))


def exports(lab: LabArgs) -> Iterator[tuple[str, list[Manifest]]]:
    """Each NFS export, once for every person whose running projects mount it: a volume and its claim."""
    pairs = {(key, one.owner) for one in lab.running().values() for key in one.mounts}
    for key, owner in sorted(pairs):
        volume = lab.volumes[key]
        if isinstance(volume, NfsVolume):
            yield owner, _export(lab, key, volume, owner)


def _export(lab: LabArgs, key: str, volume: NfsVolume, owner: str) -> list[Manifest]:
    name, namespace = _export_name(lab, key, volume, owner), namespace_of(lab, owner)
    size, labels = {"storage": _ANY_SIZE}, {VOLUME_LABEL: key}
    body = {
        "capacity": size,
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "mountOptions": volume.nfs.options.split(","),
        "nfs": {"server": volume.nfs.server, "path": volume.nfs.path},
        # For this claim alone: no other one may take it first.
        "claimRef": {"namespace": namespace, "name": name},
    }
    wanted = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeName": name,
        "resources": {"requests": size},
    }
    return [
        manifest("PersistentVolume", name, lab=lab.lab, labels=labels, spec=body),
        manifest("PersistentVolumeClaim", name, lab=lab.lab, namespace=namespace, labels=labels, spec=wanted),
    ]


def _export_name(lab: LabArgs, key: str, volume: NfsVolume, owner: str) -> str:
    """Another export is another handle, and the data stays with its server."""
    return naming.in_cluster(lab.lab, key, owner, _mark(volume.nfs))


def _mark(export: NfsExport) -> str:
    return hashlib.sha256(repr((export.server, export.path, export.options)).encode()).hexdigest()[:8]
