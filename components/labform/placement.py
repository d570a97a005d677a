"""Who gets which host, GPUs and port. Pure, deterministic, stable: what the lock says and is still valid is kept.

Docker does no accounting of GPUs: two containers may hold the same one without a word. So each project gets definite
ids here, before anything is created, and what does not fit is refused with the names of those who hold what it wants.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from labform.gpus import GpuRequest, gpu_request
from labform.hosts import Host
from labform.problems import Problem
from labform.project import ProjectArgs
from labform.resources import Limits


@dataclass(frozen=True)
class Placement:
    """What a project has: a host, the ids of its GPUs in sorted order, a port on the host."""

    host: str
    gpus: tuple[str, ...] = ()
    port: int | None = None


@dataclass(frozen=True)
class Unit:
    """What can be given to one project: a whole GPU, or a MIG instance."""

    id: str
    model: str
    profile: str | None

    def serves(self, request: GpuRequest) -> bool:
        """Whether the unit is of the kind that is asked for."""
        if request.uuid:
            return self.id == request.uuid
        return self.profile == request.mig and request.model in (None, self.model)


@dataclass
class _Board:
    """What is taken while placing."""

    hosts: Mapping[str, Host]
    busy: Mapping[str, Collection[int]]
    limits: Mapping[str, Limits]
    placed: dict[str, Placement] = field(default_factory=dict)

    def holder(self, host: str, unit: str) -> str | None:
        """The project that has a device."""
        return next((name for name, place in self.placed.items() if place.host == host and unit in place.gpus), None)

    def port_holder(self, host: str, port: int) -> str | None:
        """The project that has a port."""
        return next((name for name, place in self.placed.items() if (place.host, place.port) == (host, port)), None)

    def with_room(self, name: str, allowed: Sequence[str]) -> list[str]:
        """The allowed hosts whose CPUs and memory still suffice; all if none has room, which `checks` refuses."""
        return [host for host in sorted(allowed) if self._room(host, name)] or sorted(allowed)

    def _room(self, host: str, name: str) -> bool:
        there = [name, *(other for other, place in self.placed.items() if place.host == host)]
        asked = [self.limits[one] for one in there if one in self.limits]
        cpus, memory = self.hosts[host].cpus, self.hosts[host].memory
        fits_cpus = cpus is None or sum(one.cpus for one in asked) <= cpus
        return fits_cpus and (memory is None or sum(one.memory for one in asked) <= memory)

    def free(self, host: str, request: GpuRequest) -> list[Unit]:
        """Devices that nobody has and that serve a request, in the order of models and ids."""
        taken = {unit for place in self.placed.values() if place.host == host for unit in place.gpus}
        return [unit for unit in units(self.hosts[host]) if unit.serves(request) and unit.id not in taken]


def units(host: Host) -> list[Unit]:
    """What a host can give, in the order of models and ids; a GPU with MIG instances is not given whole."""
    whole = [Unit(gpu.uuid, gpu.model, None) for gpu in host.gpus if not gpu.mig]
    slices = [Unit(one.uuid, gpu.model, one.profile) for gpu in host.gpus for one in gpu.mig]
    return sorted(whole + slices, key=lambda unit: (unit.model, unit.id))


def place(
    projects: Mapping[str, ProjectArgs],
    hosts: Mapping[str, Host],
    where: Mapping[str, Sequence[str]],
    before: Mapping[str, Placement],
    busy: Mapping[str, Collection[int]] | None = None,
    limits: Mapping[str, Limits] | None = None,
) -> tuple[dict[str, Placement], list[Problem]]:
    """Placements of the running projects, and a problem for each that has none.

    `where` names for each project the hosts its volumes and its pin allow; `before` is what the lock says; `busy`
    names by host the ports that no new service should get, because something outside the lab has them; by
    `limits` a project goes where its CPUs and memory still fit, if such a host is allowed.
    """
    board = _Board(hosts, busy or {}, limits or {})
    for name in sorted(projects):
        if (kept := before.get(name)) and _valid(kept, projects[name], where[name], board):
            board.placed[name] = kept
    problems: list[Problem] = []
    for name in sorted(set(projects) - set(board.placed), key=lambda one: _order(one, projects[one])):
        found = _best(name, projects[name], where[name], board)
        if isinstance(found, Placement):
            board.placed[name] = found
        else:
            problems.append(found)
    return dict(sorted(board.placed.items())), problems


def _order(name: str, project: ProjectArgs) -> tuple[bool, bool, bool, int, str]:
    """Those who can go to few places first: a named device or port, a named model or profile, many devices."""
    request = gpu_request(project.gpus)
    pinned = bool(request and request.uuid)
    fixed_port = bool(project.service and project.service.host_port)
    choosy = bool(request and (request.model or request.mig))
    return (not pinned, not fixed_port, not choosy, -(request.count if request else 0), name)


def _valid(kept: Placement, project: ProjectArgs, allowed: Sequence[str], board: _Board) -> bool:
    if kept.host not in allowed:
        return False
    request = gpu_request(project.gpus)
    free = {unit.id for unit in board.free(kept.host, request)} if request else set()
    wanted = request.count if request else 0
    if len(kept.gpus) != wanted or len(set(kept.gpus)) != wanted or not free.issuperset(kept.gpus):
        return False
    return _valid_port(kept, project, board)


def _valid_port(kept: Placement, project: ProjectArgs, board: _Board) -> bool:
    if project.container_port is None:
        return kept.port is None
    fixed = project.service.host_port if project.service else None
    if kept.port is None or board.port_holder(kept.host, kept.port):
        return False
    return kept.port == fixed if fixed else kept.port in board.hosts[kept.host].port_range


def _best(name: str, project: ProjectArgs, allowed: Sequence[str], board: _Board) -> Placement | Problem:
    request = gpu_request(project.gpus)
    if request is None:
        fewest = min(board.with_room(name, allowed), key=lambda host: (len(units(board.hosts[host])), host))
        return _with_port(name, project, fewest, (), board)
    fits = _fitting(request, board.with_room(name, allowed), board) or _fitting(request, sorted(allowed), board)
    if not fits:
        return Problem(("projects", name, "gpus"), "no-gpu", *_why_none(request, allowed, board))
    host = min(fits)[1]
    chosen = sorted(unit.id for unit in board.free(host, request)[: request.count])
    return _with_port(name, project, host, tuple(chosen), board)


def _fitting(request: GpuRequest, hosts: Sequence[str], board: _Board) -> list[tuple[int, str]]:
    """Hosts with enough free devices, each with how many it has free: the tightest fit is the smallest."""
    free = {host: len(board.free(host, request)) for host in hosts}
    return [(count, host) for host, count in free.items() if count >= request.count]


def _with_port(name: str, project: ProjectArgs, host: str, gpus: tuple[str, ...], board: _Board) -> Placement | Problem:
    if project.container_port is None or project.service is None:
        return Placement(host, gpus)
    fixed = project.service.host_port
    if fixed and (holder := board.port_holder(host, fixed)):
        location = ("projects", name, "service", "host_port")
        free = next(_free_ports(host, board), None)
        return Problem(location, "port-taken", f"port {fixed} of {host} is held by {holder}", f"free: {free}")
    port = fixed or next(_free_ports(host, board), None)
    if port is None:
        return Problem(
            ("projects", name, "service"), "no-port", f"no port of {board.hosts[host].ports} is free on {host}"
        )
    return Placement(host, gpus, port)


def _free_ports(host: str, board: _Board) -> Iterator[int]:
    taken = {place.port for place in board.placed.values() if place.host == host} | set(board.busy.get(host, ()))
    return (port for port in board.hosts[host].port_range if port not in taken)


def _why_none(request: GpuRequest, allowed: Sequence[str], board: _Board) -> tuple[str, str]:
    """What is asked for, what there is, and who holds it."""
    suited = [(host, unit) for host in sorted(allowed) for unit in units(board.hosts[host]) if unit.serves(request)]
    kind = request.uuid or request.mig or request.model or "GPU"
    if not suited:
        there = [unit for host in allowed for unit in units(board.hosts[host])]
        known = sorted({unit.id if request.uuid else unit.profile or unit.model for unit in there})
        return f"no {kind} on {', '.join(sorted(allowed))}", f"there is: {', '.join(known) or 'no GPU'}"
    held = [f"{unit.id} by {board.holder(host, unit.id)}" for host, unit in suited if board.holder(host, unit.id)]
    known_on = Counter(host for host, _ in suited)
    free = ", ".join(f"{len(board.free(host, request))} of {known_on[host]} on {host}" for host in sorted(known_on))
    return (
        f"asks for {request.count} {kind}, free: {free}",
        f"held: {', '.join(held)}" if held else "one host must have all",
    )
