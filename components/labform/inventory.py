"""A host's block of a stack file, written from what the host says; and what has changed since it was written. Pure.

What differs in a lab's favour is no drift: `cpus` and `memory` are what projects may use, so a host may have more.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from labform.captures import Card, Seen
from labform.declaration import size_text
from labform.gpus import MARKETED, Gpu, MigInstance
from labform.hosts import LOCAL, Host
from labform.mig import full_word
from labform.problems import LabformError, Location, Problem

_BRANDS = {"NVIDIA", "TESLA", "GEFORCE", "QUADRO", "GENERATION"}
_FORM = re.compile(r"SXM\d?|PCIE|NVL|HBM\d?\w?|AC", re.IGNORECASE)
_GIGABYTES = re.compile(r"(\d+)GB?", re.IGNORECASE)
_SUPERCHIP = re.compile(r"G[HB]\d+", re.IGNORECASE)
"""The size in such a name is the CPU's: `NVIDIA GH200 480GB` has 96 GB on its GPU."""
_GIBIBYTE = 1024**3


def model_word(name: str, mebibytes: int | None) -> str:
    """The word of stack files for a product name of nvidia-smi: model and memory, without brand and form factor.

    The memory is the name's, else MARKETED's, else `memory.total` (without what ECC takes) in whole GiB, rounded up:
    `NVIDIA A100-SXM4-40GB` is `A100-40GB`, `NVIDIA H100 80GB HBM3` is `H100-80GB`, `NVIDIA H100 NVL` `H100-94GB` and
    `NVIDIA H200` `H200-141GB`, the sizes that the MIG user guide's "Supported GPUs" has. Product names: public
    transcripts of nvidia-smi.
    """
    words = [word for word in re.split(r"[^A-Za-z0-9.]+", name) if word.upper() not in _BRANDS and word]
    sizes = [match[1] for word in words if (match := _GIGABYTES.fullmatch(word))]
    kept = [word for word in words if not _GIGABYTES.fullmatch(word) and not _FORM.fullmatch(word)]
    model = "-".join(kept)
    told = int(sizes[0]) if sizes and not _SUPERCHIP.fullmatch(model) else MARKETED.get(model)
    gigabytes = told or (-(-mebibytes // 1024) if mebibytes else 0)
    return f"{model}-{gigabytes}GB" if gigabytes else model


def gpus_of(seen: Seen) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that projects can be given, in the order of their indexes, and notes on what is left out.

    Raises LabformError for a GPU that a stack file cannot name.
    """
    found: list[Gpu] = []
    notes = list(seen.notes)
    for card in sorted(seen.cards.values(), key=lambda one: (one.index is None, one.index, one.uuid)):
        usable = [one for one in card.listed or [] if re.fullmatch(r"[1-7]g\.\d+gb(\+me)?", one[0])]
        notes += [
            f"{card.uuid}: {profile} ({uuid}) is left out; a stack file names whole GPU instances such as 1g.10gb"
            for profile, uuid in card.listed or []
            if (profile, uuid) not in usable
        ]
        if card.mig and not usable:
            notes.append(f"{card.uuid}: MIG is on without usable instances; it is left out (see `labform mig`)")
            continue
        found.append(_gpu(card, usable))
    return tuple(found), tuple(notes)


def _gpu(card: Card, usable: Iterable[tuple[str, str]]) -> Gpu:
    try:
        mig = tuple(MigInstance(uuid=uuid, profile=profile) for profile, uuid in usable)
        return Gpu(uuid=card.uuid, model=model_word(card.name, card.memory), mig=mig)
    except ValidationError as error:
        given = ", ".join(f"{one['loc'][0]}" for one in error.errors())
        raise LabformError(
            f"{card.uuid}: error[capture] its {given} is not what a stack file can name; "
            "drivers before R470 name MIG instances MIG-GPU-…/1/0"
        ) from None


def block(name: str, address: str, seen: Seen) -> str:
    """The YAML of a host, indented to be pasted under `runs_on.hosts`."""
    gpus, _ = gpus_of(seen)
    lines = [f"{name}:"]
    if address != LOCAL:
        lines.append(f"  address: {address}")
    if seen.cpus:
        lines.append(f"  cpus: {seen.cpus}")
    if seen.memory:
        lines.append(f"  memory: {_rounded(seen.memory)}")
    if seen.driver:
        lines.append(f'  driver: "{seen.driver}"')
    if gpus and not _without_cdi(gpus, seen):
        lines.append("  gpu_request: cdi")
    if gpus:
        lines += ["  gpus:", *(f"    {line}" for gpu in gpus for line in _entry(gpu))]
    return "".join(f"    {line}\n" for line in lines)


def _rounded(memory: int) -> str:
    """Whole GiB where there is one, rounded down: what the kernel keeps is nobody's."""
    unit = _GIBIBYTE if memory >= _GIBIBYTE else 1024**2
    return size_text(memory // unit * unit)


def _entry(gpu: Gpu) -> Iterator[str]:
    if not gpu.mig:
        yield f"- {{uuid: {gpu.uuid}, model: {gpu.model}}}"
        return
    yield from (f"- uuid: {gpu.uuid}", f"  model: {gpu.model}", "  mig:")
    yield from (f"    - {{uuid: {one.uuid}, profile: {one.profile}}}" for one in gpu.mig)


def _without_cdi(gpus: Iterable[Gpu], seen: Seen) -> list[str]:
    """The devices that projects can get and Docker has no CDI name for."""
    units = [one.uuid for gpu in gpus for one in (gpu.mig or (gpu,))]
    return [unit for unit in units if unit not in (seen.cdi or ())]


def drift(name: str, host: Host, seen: Seen) -> list[Problem]:
    """What a stack file says of a host and the host does not, and what it has beside that.

    Only what the captures tell is compared; a driver is compared as far as the stack file writes it.
    """
    at: Location = ("runs_on", "hosts", name)
    return [*_machine(at, host, seen), *(_gpu_drift(at, host, seen) if seen.cards else ())]


def _machine(at: Location, host: Host, seen: Seen) -> Iterator[Problem]:
    if host.driver and seen.driver and not f"{seen.driver}.".startswith(f"{host.driver}."):
        said = f"{host.driver} here, the host has {seen.driver}"
        yield Problem((*at, "driver"), "drift-driver", said, f'write driver: "{seen.driver}"')
    if host.cpus and seen.cpus and host.cpus > seen.cpus:
        said = f"{host.cpus} here, the host has {seen.cpus}"
        yield Problem((*at, "cpus"), "drift-cpus", said, f"write cpus: {seen.cpus}")
    if host.memory and seen.memory and host.memory > seen.memory:
        there = _rounded(seen.memory)
        said = f"{size_text(host.memory)} here, the host has {there}"
        yield Problem((*at, "memory"), "drift-memory", said, f"write memory: {there}")
    if host.gpu_request == "cdi" and seen.cdi is not None and (stale := _stale(host, seen)):
        said = f"Docker has no CDI name for {', '.join(stale)}"
        yield Problem((*at, "gpu_request"), "drift-cdi", said, "run `nvidia-ctk cdi generate` on the host")


def _stale(host: Host, seen: Seen) -> list[str]:
    """Declared devices that the host has and its CDI list has not; those that are gone are a drift of their own."""
    there = {uuid for card in seen.cards.values() for uuid in (card.uuid, *(one for _, one in card.listed or ()))}
    return [unit for unit in _without_cdi(host.gpus, seen) if unit in there]


def _gpu_drift(at: Location, host: Host, seen: Seen) -> Iterator[Problem]:
    found, _ = gpus_of(seen)
    there = {gpu.uuid: gpu for gpu in found}
    new = [gpu for gpu in found if gpu.uuid not in {one.uuid for one in host.gpus}]
    for position, gpu in enumerate(host.gpus):
        where = (*at, "gpus", position)
        if gpu.uuid in there:
            yield from _changed(where, gpu, there[gpu.uuid])
        elif gpu.uuid in seen.cards:
            said = f"MIG of {gpu.uuid} is on without instances, declared is {_layout(gpu)}"
            yield Problem(where, "drift-mig", said, "make them (`labform mig`), or take the GPU out")
        elif new:
            other = _replacement(gpu, new)
            new.remove(other)
            said = f"{gpu.uuid} is gone, {other.uuid} ({other.model}) is there instead: swapped"
            yield Problem((*where, "uuid"), "drift-swapped", said, _line(other))
        else:
            yield Problem(where, "drift-missing", f"{gpu.uuid} ({gpu.model}) is gone", "take it out, or repair it")
    for gpu in new:
        yield Problem((*at, "gpus"), "drift-new", f"{gpu.uuid} ({gpu.model}) is not in the file", _line(gpu))


def _replacement(gpu: Gpu, new: list[Gpu]) -> Gpu:
    """The GPU that stands where one was: of its model if there is one."""
    return next((one for one in new if _same_model(gpu.model, one.model)), new[0])


def _same_model(declared: str, found: str) -> bool:
    return full_word(declared) == full_word(found) or ("GB" not in found and declared.startswith(f"{found}-"))


def _changed(where: Location, declared: Gpu, found: Gpu) -> Iterator[Problem]:
    if not _same_model(declared.model, found.model):
        said = f"{declared.uuid} is {declared.model} here, the host has {found.model}"
        yield Problem((*where, "model"), "drift-model", said, f"model: {found.model}")
    if set(declared.mig) != set(found.mig):
        said = f"MIG layout of {declared.uuid} is {_layout(declared)} here, the host has {_layout(found)}"
        if _layout(declared) == _layout(found):
            said = f"MIG instances of {declared.uuid} were made anew: the same layout, other UUIDs"
        yield Problem((*where, "mig") if declared.mig else where, "drift-mig", said, _line(found))


def _layout(gpu: Gpu) -> str:
    counts = Counter(one.profile for one in gpu.mig)
    return ", ".join(f"{counts[name]} x {name}" for name in sorted(counts, reverse=True)) or "a whole GPU"


def _line(gpu: Gpu) -> str:
    """The line to write, in one line of YAML."""
    mig = ", ".join(f"{{uuid: {one.uuid}, profile: {one.profile}}}" for one in gpu.mig)
    return f"write - {{uuid: {gpu.uuid}, model: {gpu.model}{f', mig: [{mig}]' if mig else ''}}}"
