"""What the lock of a lab should say, given what it says now: a pure function, so a preview can compare.

Assignments that are still valid stay. What the lock calls created is data: no edit of the stack file moves, renames
or forgets it, and each attempt is refused with the way that keeps the data.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from labform.backends.kubernetes import Kubernetes
from labform.backends.kubernetes.namespaces import namespace_of
from labform.backends.kubernetes.storage import made_with
from labform.bases import lock_key
from labform.checks import allowed_hosts
from labform.compatibility import incompatible
from labform.cuda import CudaNeed
from labform.declaration import size_text
from labform.lockfile import Lock, LockedProject, LockedVolume
from labform.placement import Placement, place
from labform.problems import Location, Problem
from labform.quotas import quotas
from labform.scheduling import one_node, unschedulable
from labform.stack_file import LabArgs
from labform.volumes import ManagedVolume


@dataclass(frozen=True)
class Ledger:
    """The lock that a lab should have, and what stands in the way of it."""

    lock: Lock
    problems: tuple[Problem, ...]
    ended: Mapping[str, str] = field(default_factory=dict)
    """By project, why it does not keep what the lock gave it."""


def plan(
    lab: LabArgs,
    lock: Lock,
    images: Mapping[str, str],
    busy: Mapping[str, Collection[int]] | None = None,
    needs: Mapping[str, CudaNeed] | None = None,
    moving: Collection[str] = (),
) -> Ledger:
    """The lock for a lab that has passed its checks.

    `images` are the tags it needs with what they stand for; `busy` are ports, by host, that no new service should get;
    `needs` are the CUDA versions that environments show; `moving` are projects that may be moved where others fit in no
    other way.
    """
    if isinstance(lab.runs_on, Kubernetes):
        data = [*_lost_data(lab, lock), *_moved_data(lab, lock)]
        wait = [*one_node(lab, lock.volumes), *unschedulable(lab, lab.runs_on, needs or {})]
        return Ledger(_lock(lab, lock, images, {}), (*data, *wait))
    running = lab.running()
    where = {name: allowed_hosts(lab, name) for name in running}
    limits = {name: lab.limits(name) for name in running}
    placing = place(running, lab.hosts, where, lock.placements(), busy, limits, moving)
    problems = [*_lost_data(lab, lock), *_moved_data(lab, lock), *placing.problems]
    problems += [*quotas(lab, placing.places).problems, *incompatible(lab, placing.places, needs or {})]
    return Ledger(_lock(lab, lock, images, placing.places), tuple(problems), placing.ended)


def _lock(lab: LabArgs, lock: Lock, images: Mapping[str, str], placements: Mapping[str, Placement]) -> Lock:
    bases = {lock_key(name) for name, base in lab.bases.items() if base.environment}
    return Lock(
        lab=lab.lab,
        images=dict(sorted(images.items())),
        volumes=volume_entries(lab, lock),
        projects={name: _locked(one) for name, one in placements.items()},
        builds={name: one for name, one in sorted(lock.builds.items()) if name in {*lab.projects, *bases}},
    )


def _locked(placement: Placement) -> LockedProject:
    return LockedProject(host=placement.host, gpus=placement.gpus, port=placement.port)


def volume_entries(lab: LabArgs, lock: Lock) -> dict[str, LockedVolume]:
    """Declared volumes as they are or planned; retired ones and what holds data stay for good."""
    entries: dict[str, LockedVolume] = {key: one for key, one in lock.volumes.items() if one.state != "planned"}
    for key, volume in _managed(lab):
        known = lock.volumes.get(key)
        state = "created" if known and known.state != "planned" else "planned"
        entries[key] = _entry(lab, key, volume, state, known)
    for key, volume in lab.retired.items():
        entries[key] = _entry(lab, key, volume, "retired", lock.volumes.get(key))
    return dict(sorted(entries.items()))


def _entry(lab: LabArgs, key: str, volume: ManagedVolume, state: str, known: LockedVolume | None) -> LockedVolume:
    """A volume's entry; class and access of one that exists stay, whatever new ones are made with."""
    uid = lab.people[volume.owner].uid
    common = {"state": state, "owner": volume.owner, "uid": uid}
    if not isinstance(lab.runs_on, Kubernetes):
        return LockedVolume.model_validate({**common, "host": lab.host_of(key)})
    classes = made_with(lab.runs_on, known)
    claim = {"namespace": namespace_of(lab, volume.owner), "storage_class": classes.volumes, "access": classes.access}
    return LockedVolume.model_validate({**common, **claim, "size": volume.size})


def _managed(lab: LabArgs) -> Iterator[tuple[str, ManagedVolume]]:
    return ((key, one) for key, one in lab.volumes.items() if isinstance(one, ManagedVolume))


def _lost_data(lab: LabArgs, lock: Lock) -> Iterator[Problem]:
    declared = {*dict(_managed(lab)), *lab.retired}
    for key, locked in lock.volumes.items():
        if locked.state == "created" and key not in declared:
            yield _dropped(lab, key, locked)


def _dropped(lab: LabArgs, key: str, locked: LockedVolume) -> Problem:
    if key in lab.volumes:
        message = f"the lock knows {key} as a managed volume of {locked.owner}, which holds data"
        return Problem(("volumes", key), "volume-dropped", message, "give this one another id")
    where = f"host: {locked.host}" if locked.host else f"size: {size_text(locked.size or 0)}"
    line = f"write retired: {{{key}: {{owner: {locked.owner}, {where}}}}}"
    message = f"volume {key} of {locked.owner} holds data and is no longer declared"
    return Problem(("volumes",), "volume-dropped", message, line)


def _moved_data(lab: LabArgs, lock: Lock) -> Iterator[Problem]:
    for section, entries in (("volumes", dict(_managed(lab))), ("retired", lab.retired)):
        for key, volume in entries.items():
            locked = lock.volumes.get(key)
            if locked and locked.state != "planned" and volume.owner in lab.people:
                yield from _changes((section, key), locked, _entry(lab, key, volume, locked.state, locked))


_APART = "undo the edit; or declare a new volume, `kubectl cp` from a pod to a pod, then move this one to retired:"
"""No pod mounts claims of two namespaces."""


def _changes(at: Location, locked: LockedVolume, wanted: LockedVolume) -> Iterator[Problem]:
    if locked.size and wanted.size and wanted.size < locked.size:
        message = f"its claim has {size_text(locked.size)} and cannot shrink to {size_text(wanted.size)}"
        yield Problem((*at, "size"), "volume-shrunk", message, f"write size: {size_text(locked.size)}")
    # Another owner's namespace is another one.
    rest = ("namespace",) if locked.owner == wanted.owner else ()
    for key in ("host", "owner", "uid", *rest):
        old, new = getattr(locked, key), getattr(wanted, key)
        if old != new:
            message = f"its data is there with {key} {old}; an edit to {new} would leave the data behind"
            apart = wanted.namespace and key in ("owner", "namespace")
            hint = _APART if apart else "declare a new volume, mount both, copy, then move this one to retired:"
            yield Problem((*at, key) if key in ("host", "owner") else at, "volume-moved", message, hint)
