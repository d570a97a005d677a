"""Why a project has no place, in words of the lab: what it asks for, what there is, who holds it."""

from collections.abc import Sequence
from decimal import Decimal

from labform.capacity import cpus_by, memory_by, named
from labform.declaration import size_text
from labform.gpus import GpuRequest
from labform.occupancy import Occupancy
from labform.problems import Problem, suggestion
from labform.resources import Limits
from labform.units import Placement, Unit


def held_by(board: Occupancy, place: Placement) -> tuple[str, str] | None:
    """The first device or port of a placement that somebody has, and who."""
    held, ports = board.held[place.host], board.ports[place.host]
    for unit in place.gpus:
        if unit in held:
            return unit, held[unit]
    if place.port in ports:
        return f"port {place.port} of {place.host}", ports[place.port or 0]
    return None


def conflict(board: Occupancy, name: str, what: str, holder: str) -> Problem:
    """A lock that gives the same to two: two branches were merged, and only people know which of the two runs."""
    field = "service" if what.startswith("port") else "gpus"
    message = f"the lock gives {what} to {who(board, holder)} and to {who(board, name)}, as two locks that were merged"
    hint = f"run `labform lock` with --move {name} or --move {holder}, whichever is not deployed: it gets another"
    return Problem(("projects", name, field), "lock-conflict", message, hint)


def who(board: Occupancy, name: str) -> str:
    """A project with its owner: `thesis (anna)`."""
    return f"{name} ({board.demands[name].owner})"


def asked_of(board: Occupancy, host: str) -> dict[str, Limits]:
    """Who asks a host for which CPUs and memory."""
    return {who(board, one): its for one in board.there[host] if (its := board.demands[one].limits)}


def why_none(board: Occupancy, name: str) -> Problem:
    """What stands in the way of a project that has no place on the board."""
    demand = board.demands[name]
    hosts: Sequence[str] = demand.allowed
    if demand.request:
        hosts = [host for host in hosts if board.free(host, demand.request) >= demand.count]
        if not hosts:
            return Problem(("projects", name, "gpus"), "no-gpu", *_no_device(board, demand.allowed, demand.request))
    roomy = [host for host in hosts if board.room(host, name)]
    if not roomy:
        return Problem(("projects", name, "resources"), "no-room", *_no_room(board, hosts, name))
    host, port = roomy[0], demand.port
    if port is None:
        ports = board.hosts[host].port_range
        message = f"no port of {ports[0]}-{ports[-1]} is free on {' or '.join(roomy)}"
        return Problem(("projects", name, "service"), "no-port", message, "write a wider ports: for the host")
    message = f"port {port} of {host} is held by {who(board, board.ports[host][port])}"
    return Problem(
        ("projects", name, "service", "host_port"), "port-taken", message, f"free: {next(board.free_ports(host), None)}"
    )


def _no_device(board: Occupancy, allowed: Sequence[str], request: GpuRequest) -> tuple[str, str]:
    suited = {host: [unit for unit in board.units[host].values() if unit.serves(request)] for host in allowed}
    if not any(suited.values()):
        return _no_such(board, allowed, request)
    most = max(allowed, key=lambda host: len(suited[host]))
    if len(suited[most]) < request.count:
        return f"asks for {request}, {most} has {len(suited[most])}", "one host must have all"
    held = board.held
    if holder := next((held[host][request.uuid] for host in allowed if request.uuid in held[host]), None):
        return f"asks for {request}, which {who(board, holder)} has", "leave out uuid to get one that is free"
    free = {host: f"{board.free(host, request)} of {len(those)} on {host}" for host, those in suited.items() if those}
    shown = named([free[host] for host in sorted(free, key=lambda one: (-board.free(one, request), one))])
    holders = [
        f"{unit.id} by {who(board, held[host][unit.id])}"
        for host, those in suited.items()
        for unit in those
        if unit.id in held[host]
    ]
    return f"asks for {request}, free: {shown}", f"held: {named(holders)}" if holders else "one host must have all"


def _no_such(board: Occupancy, allowed: Sequence[str], request: GpuRequest) -> tuple[str, str]:
    """A device that none of the allowed hosts has, whoever holds what."""
    on = ", ".join(allowed)
    wanted = request.kind
    elsewhere = [host for host in sorted(board.hosts) if host not in allowed]
    known = [host for host in elsewhere if any(unit.serves(request) for unit in board.units[host].values())]
    if known:
        return f"{wanted} is on {', '.join(known)}", f"its volumes and host: allow only {on}"
    there = [unit for host in allowed for unit in board.units[host].values()]
    if parts := [unit for unit in there if request.uuid and unit.gpu == request.uuid]:
        names = named([f"{unit.id} ({unit.profile})" for unit in parts])
        return f"{request.uuid} is split into MIG instances and not given whole", f"its instances: {names}"
    return f"no {wanted} on {on}", _there_is(there, request)


def _there_is(there: Sequence[Unit], request: GpuRequest) -> str:
    """What there is instead, in the words of the request."""
    if request.uuid:
        words = {unit.id for unit in there}
    elif request.memory:
        words = {_sized(unit) for unit in there}
    else:
        words = {unit.profile or unit.model for unit in there}
    asked = [word for word in (request.uuid, request.model, request.mig, request.memory) if word]
    near = suggestion(asked[0], words) if len(asked) == 1 else ""
    return near if near.startswith("did you mean") else f"there is: {named(sorted(words)) or 'no GPU'}"


def _sized(unit: Unit) -> str:
    size = size_text(unit.kind.memory) if unit.kind.memory else "of unknown memory (write memory: at the GPU)"
    return f"{unit.profile or unit.model} {size}"


def _no_room(board: Occupancy, hosts: Sequence[str], name: str) -> tuple[str, str]:
    """CPUs and memory that are missing on each host, and who has them."""
    limits = board.demands[name].limits
    if limits is None or not hosts:
        return "no host is allowed", ""
    short, holders = [], []
    for host in hosts:
        have = board.hosts[host]
        asked = asked_of(board, host)
        missing = []
        if have.cpus is not None and board.cpus[host] + limits.cpus > have.cpus:
            missing.append(f"{max(have.cpus - board.cpus[host], Decimal(0)):f} of {have.cpus:f} CPUs")
            holders += [f"CPUs of {host} by {cpus_by(asked)}"] if asked else []
        if have.memory is not None and board.memory[host] + limits.memory > have.memory:
            left = max(have.memory - board.memory[host], 0)
            missing.append(f"{size_text(left) if left else 0} of {size_text(have.memory)} memory")
            holders += [f"memory of {host} by {memory_by(asked)}"] if asked else []
        short.append(f"{host} has {' and '.join(missing)} free")
    asks = f"asks for {limits.cpus:f} CPUs and {size_text(limits.memory)} of memory"
    return f"{asks}; {named(short)}", f"held: {'; '.join(holders[:2])}" if holders else "ask for less"
