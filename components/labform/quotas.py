"""What each person uses and what they may use. Pure: by the plan, not by what runs.

GPUs are counted in equivalents, exactly, by the devices that projects were given: what a request for memory costs is
known only then. A retired project uses nothing; a volume counts as long as it is declared.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from labform.declaration import size_text
from labform.gpus import gpu_request
from labform.mig import GEOMETRY, equivalent
from labform.people import UNLIMITED
from labform.problems import Problem
from labform.stack_file import LabArgs
from labform.units import Placement, units
from labform.volumes import ManagedVolume

Amount = Fraction | Decimal | int
KINDS = ("gpus", "cpus", "memory", "shared_memory", "projects", "volumes")
"""What is limited per person, in GPU equivalents, CPUs, bytes, bytes, projects, bytes."""

_WORDS = dict(zip(KINDS, ("GPUs", "CPUs", "memory", "shared memory", "projects", "of volumes"), strict=True))


@dataclass(frozen=True)
class Part:
    """What one project or volume adds to its owner's usage, and why it is that much."""

    name: str
    amount: Amount
    why: str = ""


@dataclass(frozen=True)
class Usage:
    """How much of one kind a person uses, and their limit with the place in the file where it is written."""

    person: str
    kind: str
    parts: tuple[Part, ...]
    limit: Amount | None
    """None: no limit."""
    source: str
    """Such as `groups.student.gpus`; empty where nobody wrote a limit."""

    @property
    def used(self) -> Amount:
        """The sum of the parts."""
        return _sum(part.amount for part in self.parts)

    def row(self) -> dict[str, str]:
        """As a table shows it: `{"person": "anna", "kind": "gpus", "used": "9/7", "limit": "2", "source": …}`."""
        limit = UNLIMITED if self.limit is None else amount_text(self.kind, self.limit)
        used = amount_text(self.kind, self.used)
        return {"person": self.person, "kind": self.kind, "used": used, "limit": limit, "source": self.source}


@dataclass(frozen=True)
class _Device:
    """A whole GPU, or an instance of a MIG profile; the id is empty for one that is only asked for."""

    model: str | None
    profile: str | None
    id: str = ""


@dataclass(frozen=True)
class Quotas:
    """The usage of everybody who uses something or has a limit, by person and kind, and what is wrong with it."""

    usage: tuple[Usage, ...]
    problems: tuple[Problem, ...]


def quotas(lab: LabArgs, placements: Mapping[str, Placement]) -> Quotas:
    """Everybody's usage, and a problem for each limit that is passed or cannot be judged.

    A running project without a placement counts with what it asks for, as far as the file alone says it.
    """
    devices = _devices(lab, placements)
    added: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for name, project in lab.running().items():
        for kind in KINDS[:-1]:
            added[project.owner, kind] += _parts(lab, name, kind, devices[name])
    for key, volume in sorted(_managed(lab).items()):
        added[volume.owner, "volumes"] += [Part(key, volume.size)] if volume.size else []
    everybody = (_usage(lab, person, kind, added[person, kind]) for person in sorted(lab.people) for kind in KINDS)
    usage = tuple(one for one in everybody if one.parts or one.source)
    problems = [_over(one) for one in usage if one.limit is not None and one.used > one.limit]
    for name in lab.running():
        problems += [*_per_project(lab, name, devices[name]), *_unknown_share(lab, name, devices[name])]
    return Quotas(usage, (*problems, *_without_size(lab)))


def amount_text(kind: str, amount: Amount) -> str:
    """An amount as a stack file has it: `9/7`, `1.5`, `32Gi`."""
    if kind in ("memory", "shared_memory", "volumes"):
        return size_text(int(amount)) if amount else "0"
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


def _sum(amounts: Iterable[Amount]) -> Amount:
    total: Amount = 0
    for one in amounts:
        total = total + one  # type: ignore[operator]  # of one kind, so of one type
    return total


def _devices(lab: LabArgs, placements: Mapping[str, Placement]) -> dict[str, list[_Device]]:
    """What each running project was given, else what it asks for, as far as the file alone says what that is."""
    known = {
        (host, unit.id): _Device(unit.model, unit.profile, unit.id)
        for host in lab.hosts
        for unit in units(lab.hosts[host])
    }
    found = {}
    for name, project in lab.running().items():
        place, request = placements.get(name), gpu_request(project.gpus)
        given = [(place.host, device) for device in place.gpus] if place else []
        if given and known.keys() >= {*given}:
            found[name] = [known[one] for one in given]
        elif request and request.uuid:
            found[name] = [device for (_, one), device in known.items() if one == request.uuid]
        else:
            found[name] = [_Device(request.model, request.mig)] * request.count if request else []
    return found


def _share(device: _Device) -> Fraction | None:
    """The share of a GPU that a device is; None where labform's MIG table does not say, or has several for the name."""
    if device.profile is None:
        return Fraction(1)
    shares = {equivalent(model, device.profile) for model in ([device.model] if device.model else GEOMETRY)} - {None}
    return shares.pop() if len(shares) == 1 else None


def _gpus(devices: Iterable[_Device]) -> Fraction:
    return sum((_share(one) or Fraction(0) for one in devices), Fraction(0))


def _parts(lab: LabArgs, name: str, kind: str, devices: Sequence[_Device]) -> list[Part]:
    """What a project adds to a kind."""
    if kind == "projects":
        return [Part(name, 1)]
    if kind == "gpus":
        profiles = ", ".join(one.profile for one in devices if one.profile)
        return [Part(name, _gpus(devices), profiles)] if devices else []
    found = lab.resource(name, kind)
    return [Part(name, found.value, "" if found.source.startswith("projects.") else f"from {found.source}")]


def _managed(lab: LabArgs) -> dict[str, ManagedVolume]:
    return {key: one for key, one in lab.volumes.items() if isinstance(one, ManagedVolume)}


def _limit(lab: LabArgs, person: str, kind: str) -> tuple[Amount | None, str]:
    """A limit, None for no limit, and where it is written."""
    found = lab.quota(person, kind)
    if found is None:
        return None, ""
    return (None if found.value == UNLIMITED else found.value), found.source


def _usage(lab: LabArgs, person: str, kind: str, parts: Sequence[Part]) -> Usage:
    return Usage(person, kind, tuple(parts), *_limit(lab, person, kind))


def _over(usage: Usage) -> Problem:
    used, limit = amount_text(usage.kind, usage.used), amount_text(usage.kind, usage.limit or 0)
    parts = ", ".join(_said(part, usage.kind) for part in usage.parts)
    message = f"asks for {used} {_WORDS[usage.kind]}, {limit} allowed (from {usage.source}): {parts}"
    less = {"volumes": "make one smaller", "projects": "retire one"}.get(usage.kind, "ask for less, retire a project")
    hint = f"{less}, or write people.{usage.person}.limits: {{{usage.kind}: {used}}}"
    return Problem(("people", usage.person), "quota", message, hint)


def _said(part: Part, kind: str) -> str:
    """What adds up to a usage, such as `exam=1/7 (1g.5gb)`; of projects the name alone."""
    if kind == "projects":
        return part.name
    return f"{part.name}={amount_text(kind, part.amount)}" + (f" ({part.why})" if part.why else "")


def _per_project(lab: LabArgs, name: str, devices: Sequence[_Device]) -> Iterator[Problem]:
    owner, used = lab.projects[name].owner, _gpus(devices)
    limit, source = _limit(lab, owner, "gpus_per_project")
    if limit is not None and used > limit:
        profiles = ", ".join(one.profile for one in devices if one.profile)
        asked = f"{used} GPUs{f' ({profiles})' if profiles else ''}"
        message = f"asks for {asked}, {limit} allowed per project of {owner} (from {source})"
        hint = f"ask for less, or write people.{owner}.limits: {{gpus_per_project: {used}}}"
        yield Problem(("projects", name, "gpus"), "quota", message, hint)


def _unknown_share(lab: LabArgs, name: str, devices: Sequence[_Device]) -> Iterator[Problem]:
    """A device that cannot be counted where it has to be."""
    owner = lab.projects[name].owner
    limit, source = _limit(lab, owner, "gpus")
    unknown = next((one for one in devices if one.id and _share(one) is None), None)
    if unknown and limit is not None:
        message = f"has {unknown.id}, and what share of a GPU a {unknown.profile} of {unknown.model} is, is not known"
        known = f"known models: {', '.join(sorted(GEOMETRY))}"
        hint = f"{owner} has {limit} (from {source}); write people.{owner}.limits: {{gpus: unlimited}}; {known}"
        yield Problem(("projects", name, "gpus"), "unknown-share", message, hint)


def _without_size(lab: LabArgs) -> Iterator[Problem]:
    for key, volume in _managed(lab).items():
        limit, source = _limit(lab, volume.owner, "volumes")
        if limit is not None and volume.size is None:
            allowed = amount_text("volumes", limit)
            message = f"has no size, and {volume.owner} has {allowed} for all volumes (from {source})"
            yield Problem(("volumes", key), "no-size", message, "write size: 100Gi, or what it needs")
