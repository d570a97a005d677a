"""Labs that share a machine: several stack files that name the same host, judged together. Pure.

A lab knows its own projects only, and Docker counts nothing: two labs may give one GPU or port away twice. Two hosts
are one machine where their addresses name the same daemon or server, or where they list the same GPU.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from labform.backends import Kubernetes
from labform.capacity import over_commit
from labform.gpus import Gpu
from labform.hosts import Host
from labform.lockfile import Lock
from labform.problems import Location, Problem
from labform.stack_file import LabArgs


@dataclass(frozen=True)
class Stack:
    """A stack file by its name, with its lab and its lock."""

    file: str
    lab: LabArgs
    lock: Lock


@dataclass(frozen=True)
class _Part:
    """What one stack file has of a machine."""

    stack: Stack
    host: str

    @property
    def declared(self) -> Host:
        """The host as the file has it."""
        return self.stack.lab.hosts[self.host]

    @property
    def at(self) -> Location:
        """Where it stands in the file."""
        return ("runs_on", "hosts", self.host)

    def projects(self) -> Iterator[str]:
        """Those who run there."""
        placements = self.stack.lock.placements()
        return (name for name in sorted(placements) if placements[name].host == self.host)

    def who(self, project: str) -> str:
        """A project with its owner and its file."""
        return f"{project} ({self.stack.lab.projects[project].owner}) of {self.stack.file}"


def clashes(stacks: Sequence[Stack]) -> list[tuple[str, Problem]]:
    """What labs that share a machine take from each other, each with the file it is said of: the later one by name."""
    found: list[tuple[str, Problem]] = []
    for parts in _machines(sorted(stacks, key=lambda stack: stack.file)):
        found += _same_names(parts)
        found += _layouts(parts)
        found += _twice(parts)
        found += _sums(parts)
    return [*found, *_one_cluster(stacks)]


def _one_cluster(stacks: Sequence[Stack]) -> Iterator[tuple[str, Problem]]:
    """Labs of one name in one cluster, whatever their namespaces: by its name a lab knows what is its own."""
    seen: dict[tuple[str | None, str], str] = {}
    for one in sorted(stacks, key=lambda stack: stack.file):
        lab = one.lab
        if not isinstance(lab.runs_on, Kubernetes):
            continue
        first = seen.setdefault((lab.runs_on.context, lab.lab), one.file)
        if first != one.file:
            message = (
                f"{first} declares lab {lab.lab} in the same cluster: each would take the other's objects for its own"
            )
            hint = "give one of them another name, or each its cluster by runs_on.context"
            yield one.file, Problem(("lab",), "two-labs", message, hint)


def machine(address: str) -> str:
    """What an address says of the machine behind it: a server's name, whoever logs in there and by which protocol.

    A socket is the machine that looks at it. Ports of a loopback address are tunnels, each to a machine of its own.
    """
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return address
    name = (parts.hostname or "").lower()
    if name in {"localhost", "::1"} or name.startswith("127."):
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return name


def _machines(stacks: Sequence[Stack]) -> list[list[_Part]]:
    """The parts of each machine that more than one stack file names."""
    groups: dict[str, list[_Part]] = {}
    for stack in stacks:
        for host, declared in sorted(stack.lab.hosts.items()):
            marks = [machine(declared.address), *(gpu.uuid for gpu in declared.gpus)]
            known = {id(groups[mark]): groups[mark] for mark in marks if mark in groups}
            merged = [part for group in known.values() for part in group] + [_Part(stack, host)]
            moved = [mark for mark, group in groups.items() if id(group) in known]
            groups |= dict.fromkeys([*moved, *marks], merged)
    machines = list({id(group): group for group in groups.values()}.values())
    return [parts for parts in machines if len({part.stack.file for part in parts}) > 1]


def _pairs(parts: Sequence[_Part]) -> Iterator[tuple[_Part, _Part]]:
    """An earlier and a later part, of different files."""
    for place, later in enumerate(parts):
        for earlier in parts[:place]:
            if earlier.stack.file != later.stack.file:
                yield earlier, later


def _same_names(parts: Sequence[_Part]) -> Iterator[tuple[str, Problem]]:
    for earlier, later in _pairs(parts):
        lab = later.stack.lab.lab
        if earlier.stack.lab.lab == lab:
            message = (
                f"{earlier.stack.file} declares lab {lab} on the same machine, {earlier.host}: containers, networks "
            )
            yield (
                later.stack.file,
                Problem(
                    ("lab",), "two-labs", f"{message}and volumes would share names", "give one of them another name"
                ),
            )


def _layouts(parts: Sequence[_Part]) -> Iterator[tuple[str, Problem]]:
    """A GPU that one file gives whole and another in slices, or in other slices."""
    for earlier, later in _pairs(parts):
        there = {gpu.uuid: gpu for gpu in earlier.declared.gpus}
        for place, gpu in enumerate(later.declared.gpus):
            other = there.get(gpu.uuid)
            if other and {one.uuid for one in other.mig} != {one.uuid for one in gpu.mig}:
                message = f"{gpu.uuid} is {_layout(gpu)} here and {_layout(other)} in {earlier.stack.file}"
                hint = "`labform inventory --check` says which is right"
                yield later.stack.file, Problem((*later.at, "gpus", place), "two-labs", message, hint)


def _layout(gpu: Gpu) -> str:
    counts = Counter(one.profile for one in gpu.mig)
    return ", ".join(f"{counts[name]} x {name}" for name in sorted(counts)) or "whole"


def _twice(parts: Sequence[_Part]) -> Iterator[tuple[str, Problem]]:
    """Devices and ports that two labs give away."""
    seen: dict[str, tuple[_Part, str]] = {}
    for part in parts:
        placements = part.stack.lock.placements()
        for project in part.projects():
            place = placements[project]
            given = [
                *((unit, "gpus") for unit in place.gpus),
                *([(f"port {place.port}", "service")] if place.port else []),
            ]
            for what, key in given:
                holder, name = seen.setdefault(what, (part, project))
                if holder.stack.file != part.stack.file:
                    message = f"the locks give {what} to {part.who(project)} and to {holder.who(name)}, on one machine"
                    hint = "take it out of the host in one of the files, then run `labform lock` there"
                    yield part.stack.file, Problem(("projects", project, key), "two-labs", message, hint)


def _sums(parts: Sequence[_Part]) -> Iterator[tuple[str, Problem]]:
    """CPUs and memory of all labs together against the most that a file says the machine has."""
    asked = {part.who(name): part.stack.lab.limits(name) for part in parts for name in part.projects()}
    cpus = [part.declared.cpus for part in parts if part.declared.cpus is not None]
    memory = [part.declared.memory for part in parts if part.declared.memory is not None]
    most = Host(cpus=max(cpus, default=None), memory=max(memory, default=None))
    last = parts[-1]
    for problem in over_commit(
        most, asked, last.at, "cpus: and memory: are the machine's, for all stack files together"
    ):
        yield last.stack.file, problem
