"""Data at risk: every change after which somebody's files are lost, left behind or looked for elsewhere."""

from collections.abc import Iterator

from labform import naming
from labform.backends import Kubernetes
from labform.backends.kubernetes.storage import place
from labform.loading import StackFile
from labform.plan.page import Risk
from labform.stack_file import LabArgs
from labform.volumes import Directory, ManagedVolume, NfsVolume, Volume

REFUSED = "which `pulumi up` refuses, with all else, where it exists already; run `labform lock` first"
"""What follows from an edit that removes or replaces what is protected, where no lock says that it exists."""


def risks(before: StackFile, after: StackFile) -> Iterator[Risk]:
    """What a reviewer has to see before anything else."""
    old, new = before.lab, after.lab
    if old.lab != new.lab:
        said = f"the lab is renamed to {new.lab}: every volume is made new and empty; the old ones stay, unused"
        yield Risk(f"lab {old.lab}", said)
        return
    yield from _volumes(old, new)
    yield from _forgotten(before, after)
    yield from _mounts(old, new)
    yield from _people(old, new)
    yield from _hosts(old, new)
    if isinstance(old.runs_on, Kubernetes) and isinstance(new.runs_on, Kubernetes):
        yield from _cluster(old.runs_on.context, new.runs_on.context)


def _cluster(old: str | None, new: str | None) -> Iterator[Risk]:
    if old != new:
        change = f"{old or 'the current context'} → {new or 'the current context'}"
        yield Risk("the cluster", f"{change}: if that is another cluster, its pods and volumes stay behind")


def _volumes(old: LabArgs, new: LabArgs) -> Iterator[Risk]:
    for key in sorted({**old.volumes, **old.retired}):
        was, now = old.volumes.get(key) or old.retired[key], new.volumes.get(key)
        subject = f"volume {key}{f' of {was.owner}' if isinstance(was, ManagedVolume) else ''}"
        if now is None:
            yield from _gone(subject, key, old, new)
        elif key in old.volumes and _place(was, key, old) != _place(now, key, new):
            message = f"{_place(was, key, old)} → {_place(now, key, new)}: nothing is moved, projects see other data"
            yield Risk(subject, message)


def _gone(subject: str, key: str, old: LabArgs, new: LabArgs) -> Iterator[Risk]:
    was = old.volumes.get(key) or old.retired.get(key)
    where = _place(was, key, old) if was is not None else key
    if key in new.retired and key in old.volumes:
        yield Risk(subject, f"retired: no project has it any more; its data stays as {where}, unprotected")
    elif key not in new.retired and isinstance(was, ManagedVolume) and key in old.volumes:
        yield Risk(subject, f"dropped, {REFUSED}")
    elif key not in new.retired and isinstance(was, ManagedVolume):
        yield Risk(subject, f"dropped: labform forgets it; its data stays as {where} until somebody removes it")
    elif key not in new.retired and was is not None:
        yield Risk(subject, f"dropped: no project has it any more; its files stay in {_place(was, key, old)}")


def _place(volume: Volume, key: str, lab: LabArgs) -> str:
    if isinstance(volume, Directory):
        return f"{volume.path} on {lab.host_of(key)}"
    if isinstance(volume, NfsVolume):
        return f"{volume.nfs.server}:{volume.nfs.path}"
    if isinstance(volume, ManagedVolume):
        if isinstance(lab.runs_on, Kubernetes):
            return place(lab, key, volume)
        return f"{naming.volume(lab.lab, key)} on {lab.host_of(key)}"
    return f"claim {volume.claim} of {volume.owner}"


def _forgotten(before: StackFile, after: StackFile) -> Iterator[Risk]:
    """Entries of data that the lock loses, which no check of the new side alone can see."""
    for key, was in sorted(before.lock.volumes.items()):
        now = after.lock.volumes.get(key)
        if was.state == "created" and (now is None or now.state == "planned"):
            yield Risk(f"volume {key} of {was.owner}", "the lock no longer says that it holds data")


def _mounts(old: LabArgs, new: LabArgs) -> Iterator[Risk]:
    for name in sorted({*old.running()} & {*new.running()}):
        had, has = old.projects[name].mounted(), new.projects[name].mounted()
        for key in sorted(had):
            if key not in has and key in new.volumes:
                yield Risk(
                    f"project {name}", f"no longer has volume {key}, which was at {had[key].path}; its data stays"
                )
            elif key in has and had[key].path != has[key].path:
                yield Risk(f"project {name}", f"volume {key} moves from {had[key].path} to {has[key].path}")


def _people(old: LabArgs, new: LabArgs) -> Iterator[Risk]:
    for name in sorted({*old.people} & {*new.people}):
        if old.people[name].user != new.people[name].user:
            change = f"{old.people[name].user} → {new.people[name].user}"
            yield Risk(f"files of {name}", f"runs as {change}; files keep their old owner")
    for name in sorted({*old.running()} & {*new.running()}):
        was, now = old.projects[name].owner, new.projects[name].owner
        if was != now:
            yield Risk(f"project {name}", f"runs for {now} instead of {was}, who gets the data that it mounts")


def _hosts(old: LabArgs, new: LabArgs) -> Iterator[Risk]:
    for name in sorted(old.hosts):
        if name not in new.hosts:
            yield Risk(f"host {name}", "leaves the lab: what is on it stays there, unmanaged")
        elif old.hosts[name].address != new.hosts[name].address:
            change = f"{old.hosts[name].address} → {new.hosts[name].address}"
            yield Risk(f"host {name}", f"{change}: if that is another machine, its containers and volumes stay behind")
