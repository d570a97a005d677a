"""Who gets which host, GPUs and port. Pure, deterministic, stable: what the lock says and is still valid is kept.

Docker does no accounting of GPUs: two containers may hold the same one without a word. So each project gets definite
ids here, before anything is created, and what does not fit is refused with the names of those who hold what it wants.

The order is fixed: who names a device, who names a port, who names a kind, who asks for more, who can go to fewer
hosts, then the name. Each gets the smallest adequate devices, of one model where that is possible; of the hosts that
have such devices, the one that keeps the fewest free, so that a large block is broken up last. A project without GPUs
goes where the fewest GPUs are.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labform.capacity import over_commit
from labform.gpus import gpu_request
from labform.moves import Budget, Move, find_moves
from labform.occupancy import Demand, Occupancy
from labform.problems import Problem
from labform.project import ProjectArgs
from labform.refusals import asked_of, conflict, held_by, who, why_none
from labform.resources import Limits
from labform.units import Capacity, Kind, Placement, Unit, units

__all__ = ["Capacity", "Kind", "Placement", "Placing", "Unit", "place", "units"]


@dataclass
class Placing:
    """What came of placing: who has what, what is wrong, and why what the lock said ended."""

    places: dict[str, Placement] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    """By project, why it does not keep what the lock gave it."""


def place(
    projects: Mapping[str, ProjectArgs],
    hosts: Mapping[str, Capacity],
    where: Mapping[str, Sequence[str]],
    before: Mapping[str, Placement],
    busy: Mapping[str, Collection[int]] | None = None,
    limits: Mapping[str, Limits] | None = None,
    moving: Collection[str] = (),
) -> Placing:
    """Placements of the running projects, and a problem for each that has none.

    `where` names for each project the hosts its volumes and its pin allow; `before` is what the lock says; `busy`
    names by host the ports that no new service should get, because something outside the lab has them; `limits`
    are the CPUs and memory a project needs (left out: not counted). Nobody with a valid placement is moved, but
    those in `moving` may be, where that makes others fit.
    """
    demands = {name: _demand(projects[name], where[name], (limits or {}).get(name)) for name in sorted(projects)}
    board = Occupancy(hosts, demands, busy or {})
    done = Placing()
    _keep(board, before, moving, done)
    settled = frozenset(board.placed)
    _relieve(board, settled, moving, done)
    refused = {str(one.location[1]) for one in done.problems if one.code == "lock-conflict"}
    new = sorted(set(projects) - settled - refused, key=lambda name: _order(name, demands[name]))
    late = [name for name in new if not _put(board, name)]
    done.places = _with_moves(board, settled, late, moving, done)
    return done


def _demand(project: ProjectArgs, allowed: Iterable[str], limits: Limits | None) -> Demand:
    fixed = project.service.host_port if project.service else None
    serves = project.container_port is not None
    return Demand(
        project.owner, tuple(sorted(allowed)), gpu_request(project.gpus), limits, serves, fixed if serves else None
    )


def _keep(board: Occupancy, before: Mapping[str, Placement], moving: Collection[str], done: Placing) -> None:
    """Put whoever's place in the lock is still valid there; of two that have the same, neither is chosen for them."""
    for name in sorted(set(before) & set(board.demands), key=lambda one: (one in moving, one)):
        kept = before[name]
        if reason := _ended(board, name, kept):
            done.ended[name] = reason
        elif holder := held_by(board, kept):
            done.ended[name] = f"{holder[0]} is given to {holder[1]}"
            if name not in moving:
                done.problems.append(conflict(board, name, *holder))
        else:
            board.put(name, kept)


def _ended(board: Occupancy, name: str, kept: Placement) -> str:
    """Why a placement of the lock is no longer what its project asks for; empty if it is."""
    demand = board.demands[name]
    if kept.host not in board.hosts:
        return f"the lab has no host {kept.host}"
    if kept.host not in demand.allowed:
        allowed = ", ".join(demand.allowed) or "no host"
        return f"its volumes and host: allow {allowed}"
    there = board.units[kept.host]
    if gone := [unit for unit in kept.gpus if unit not in there]:
        return f"{', '.join(gone)} is not a device of {kept.host}"
    wanted = str(demand.request) if demand.request else "no GPU"
    if len(kept.gpus) != demand.count or len(set(kept.gpus)) != demand.count:
        return f"asks for {wanted}, the lock gives {len(kept.gpus)}"
    if demand.request and (unfit := [unit for unit in kept.gpus if not there[unit].serves(demand.request)]):
        one = there[unfit[0]]
        return f"asks for {wanted}, {one.id} is {one.profile or one.model}"
    return _port_ended(board, demand, kept)


def _port_ended(board: Occupancy, demand: Demand, kept: Placement) -> str:
    if not demand.serves:
        return "" if kept.port is None else f"port {kept.port} is no longer asked for"
    if kept.port is None:
        return "it has no port yet"
    if demand.port:
        return "" if kept.port == demand.port else f"asks for port {demand.port}, the lock gives {kept.port}"
    ports = board.hosts[kept.host].port_range
    return "" if kept.port in ports else f"port {kept.port} is outside {ports[0]}-{ports[-1]} of {kept.host}"


def _order(name: str, demand: Demand) -> tuple[bool, bool, bool, int, int, int, str]:
    """Those who can go to few places first."""
    request = demand.request
    choosy = bool(request and (request.model or request.mig or request.memory))
    memory = (request.memory or 0) if request else 0
    pinned = bool(request and request.uuid)
    return (not pinned, not demand.port, not choosy, -demand.count, -memory, len(demand.allowed), name)


def _put(board: Occupancy, name: str) -> bool:
    """Give a project the best place there is; False if there is none."""
    best = min(board.choices(name), default=None)
    if best is not None:
        board.put(name, board.pick(name, best))
    return best is not None


def _relieve(board: Occupancy, settled: Collection[str], moving: Collection[str], done: Placing) -> None:
    """Refuse a host whose projects have grown beyond it, with the moves that would make room."""
    for host in sorted(board.hosts):
        if not board.over(host):
            continue
        if moving and (moves := find_moves(board, settled, budget=Budget(), crowded=host, movable=moving)):
            _note(moves, done)
            continue
        there = dict(board.placed)
        moves = find_moves(board, settled, budget=Budget(), crowded=host) or ()
        _restore(board, there)
        done.problems += over_commit(
            board.hosts[host], asked_of(board, host), ("runs_on", "hosts", host), _how(board, moves)
        )


def _with_moves(
    board: Occupancy, settled: Collection[str], late: Sequence[str], moving: Collection[str], done: Placing
) -> dict[str, Placement]:
    """The placements, with those that fit only if somebody moves as far as `moving` allows it.

    Moves that nobody has allowed stay on the board while the next are judged, so that the printed ones fit together.
    """
    real: dict[str, Placement] | None = None
    reasons = {name: why_none(board, name) for name in late}
    budget = Budget()
    for name in late:
        then = dict(board.placed)
        moves = find_moves(board, settled, budget=budget, wanted=name, movable=moving)
        if moves is not None and real is None:
            _note(moves, done)
            continue
        if moves is None:
            moves = find_moves(board, settled, budget=budget, wanted=name)
        if moves is None:
            open_end = "; whether moving others would help was not searched to the end" if budget.cut else ""
            done.problems.append(replace(reasons[name], hint=reasons[name].hint + open_end))
        else:
            real = then if real is None else real
            hint = _how(board, moves) or "it fits once the moves of the others are made"
            done.problems.append(replace(reasons[name], code="needs-moves", hint=hint))
    return dict(sorted((board.placed if real is None else real).items()))


def _note(moves: Iterable[Move], done: Placing) -> None:
    done.ended |= {move.project: "others fit in no other way" for move in moves}


def _how(board: Occupancy, moves: Sequence[Move]) -> str:
    """The moves, and the command that makes them; whoever has such a container loses what it runs."""
    if not moves:
        return ""
    flags = " ".join(f"--move {move.project}" for move in moves)
    told = ", ".join(f"{who(board, one.project)} moves from {one.before} to {one.after}" for one in moves)
    return f"it fits if {told}, which restarts {'it' if len(moves) == 1 else 'them'}: run `labform lock` with {flags}"


def _restore(board: Occupancy, places: Mapping[str, Placement]) -> None:
    for name in [name for name, now in board.placed.items() if places.get(name) != now]:
        board.take(name)
    for name, then in places.items():
        if name not in board.placed:
            board.put(name, then)
