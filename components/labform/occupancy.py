"""What hosts offer and who has it: devices, CPUs, memory and ports, kept as sums so that a question costs little.

Knows nothing of an order or of a lock: `placement` decides who comes first, `moves` who would have to go.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

from labform.gpus import GpuRequest
from labform.resources import Limits
from labform.units import Capacity, Kind, Placement, units


@dataclass(frozen=True)
class Demand:
    """What a project needs of a host."""

    owner: str
    allowed: tuple[str, ...]
    """The hosts where its volumes are and its pin allows, sorted."""
    request: GpuRequest | None = None
    limits: Limits | None = None
    """CPUs and memory, shared memory being a part of memory; None is not counted."""
    serves: bool = False
    """Whether it needs a port."""
    port: int | None = None
    """The port it names itself."""

    @property
    def count(self) -> int:
        """How many devices."""
        return self.request.count if self.request else 0


@dataclass(frozen=True, order=True)
class Choice:
    """A host where a project fits, with how many devices of which kinds; the least is the best."""

    mixed: bool
    """Devices of several models come last."""
    rank: tuple[tuple[int, int, bool, str], ...]
    left: int
    """Devices of these kinds that stay free: the tightest fit breaks up no larger block."""
    host: str
    parts: tuple[tuple[Kind, int], ...] = field(compare=False)


class Occupancy:
    """Hosts, what is asked of them, and what is given so far."""

    def __init__(
        self, hosts: Mapping[str, Capacity], demands: Mapping[str, Demand], busy: Mapping[str, Collection[int]]
    ) -> None:
        """Nothing is given yet; `busy` are ports, by host, that no new service should get."""
        self.hosts, self.demands, self._busy = hosts, demands, busy
        self.units = {name: {unit.id: unit for unit in units(host)} for name, host in hosts.items()}
        self.placed: dict[str, Placement] = {}
        self.held: dict[str, dict[str, str]] = {name: {} for name in hosts}
        self.ports: dict[str, dict[int, str]] = {name: {} for name in hosts}
        self.there: dict[str, dict[str, None]] = {name: {} for name in hosts}
        self.cpus = dict.fromkeys(hosts, Decimal(0))
        self.memory = dict.fromkeys(hosts, 0)
        self._free = {name: Counter(unit.kind for unit in of.values()) for name, of in self.units.items()}
        self._kinds = sorted({kind for counts in self._free.values() for kind in counts}, key=lambda kind: kind.rank)
        self._ranges = {name: host.port_range for name, host in hosts.items()}
        self._known: dict[GpuRequest, tuple[Kind, ...]] = {}

    def kinds(self, request: GpuRequest) -> tuple[Kind, ...]:
        """The kinds of device that serve a request, smallest first."""
        if request not in self._known:
            self._known[request] = tuple(kind for kind in self._kinds if kind.serves(request))
        return self._known[request]

    def put(self, name: str, place: Placement) -> None:
        """Give a project its place."""
        self._count(name, place, 1)
        self.placed[name] = place
        self.there[place.host][name] = None
        self.held[place.host].update(dict.fromkeys(place.gpus, name))
        if place.port is not None:
            self.ports[place.host][place.port] = name

    def take(self, name: str) -> Placement:
        """Take a project's place back."""
        place = self.placed.pop(name)
        self._count(name, place, -1)
        del self.there[place.host][name]
        for unit in place.gpus:
            del self.held[place.host][unit]
        if place.port is not None:
            del self.ports[place.host][place.port]
        return place

    def _count(self, name: str, place: Placement, sign: int) -> None:
        for unit in place.gpus:
            self._free[place.host][self.units[place.host][unit].kind] -= sign
        if limits := self.demands[name].limits:
            self.cpus[place.host] += sign * limits.cpus
            self.memory[place.host] += sign * limits.memory

    def over(self, host: str) -> bool:
        """Whether projects ask for more CPUs or memory than a host has."""
        return not self._fits(host, Decimal(0), 0)

    def room(self, host: str, name: str) -> bool:
        """Whether a host has the CPUs and memory that a project asks for."""
        limits = self.demands[name].limits
        return limits is None or self._fits(host, limits.cpus, limits.memory)

    def _fits(self, host: str, cpus: Decimal, memory: int) -> bool:
        have = self.hosts[host]
        enough = have.cpus is None or self.cpus[host] + cpus <= have.cpus
        return enough and (have.memory is None or self.memory[host] + memory <= have.memory)

    def free(self, host: str, request: GpuRequest) -> int:
        """How many devices of a host serve a request and are nobody's."""
        if request.uuid:
            return int(request.uuid in self.units[host] and request.uuid not in self.held[host])
        return sum(self._free[host][kind] for kind in self.kinds(request))

    def idle(self) -> int:
        """How many devices of any kind are nobody's, on all hosts."""
        return sum(len(of) - len(self.held[host]) for host, of in self.units.items())

    def port(self, host: str, name: str) -> int | None:
        """The port a project would get on a host: its own, else the lowest that is free; None if there is none."""
        if fixed := self.demands[name].port:
            return None if fixed in self.ports[host] else fixed
        return next(self.free_ports(host), None)

    def free_ports(self, host: str) -> Iterator[int]:
        """Ports of a host's range that nobody has, lowest first."""
        taken, busy = self.ports[host], self._busy.get(host, ())
        return (port for port in self._ranges[host] if port not in taken and port not in busy)

    def choices(self, name: str, *, every: bool = False) -> Iterator[Choice]:
        """Where a project fits, in no order; with `every`, devices of several models also where one would do."""
        demand = self.demands[name]
        kinds = self.kinds(demand.request) if demand.request and not demand.request.uuid else ()
        for host in demand.allowed:
            if self.room(host, name):
                found = list(self._on(host, demand.request, kinds, every=every))
                if found and (not demand.serves or self.port(host, name)):
                    yield from found

    def _on(self, host: str, request: GpuRequest | None, kinds: Sequence[Kind], *, every: bool) -> Iterator[Choice]:
        if request is None:
            yield Choice(False, (), len(self.units[host]), host, ())
            return
        if request.uuid:
            if self.free(host, request):
                yield Choice(False, (), 0, host, ((self.units[host][request.uuid].kind, 1),))
            return
        free = {kind: count for kind in kinds if (count := self._free[host][kind])}
        single = [kind for kind in free if free[kind] >= request.count]
        for kind in single:
            yield Choice(False, (kind.rank,), free[kind] - request.count, host, ((kind, request.count),))
        if request.count > 1 and (every or not single):
            for parts in _mixes(free, request.count):
                left = sum(free[kind] for kind, _ in parts) - request.count
                yield Choice(True, tuple(kind.rank for kind, _ in parts), left, host, parts)

    def pick(self, name: str, choice: Choice) -> Placement:
        """The devices and the port of a choice: instances of the GPU with the fewest free ones, then by id."""
        demand, host = self.demands[name], choice.host
        ids: list[str] = []
        for kind, count in choice.parts:
            if demand.request and demand.request.uuid:
                ids.append(demand.request.uuid)
            else:
                ids += self._of(host, kind)[:count]
        return Placement(host, tuple(sorted(ids)), self.port(host, name) if demand.serves else None)

    def _of(self, host: str, kind: Kind) -> list[str]:
        held = self.held[host]
        open_units = [unit for unit in self.units[host].values() if unit.id not in held]
        beside = Counter(unit.gpu for unit in open_units)
        mine = (unit for unit in open_units if unit.kind == kind)
        return [unit.id for unit in sorted(mine, key=lambda unit: (beside[unit.gpu], unit.gpu, unit.id))]


def _mixes(free: Mapping[Kind, int], count: int) -> Iterator[tuple[tuple[Kind, int], ...]]:
    """Ways to take so many devices of more than one kind, most of the smallest first."""
    if sum(free.values()) < count:
        return
    for counts in product(*(range(min(there, count), -1, -1) for there in free.values())):
        parts = tuple((kind, number) for kind, number in zip(free, counts, strict=True) if number)
        if sum(counts) == count and len(parts) > 1:
            yield parts
