"""Who would have to move so that another fits: found by search, printed, and made only where a person names them.

The search deepens by one move at a time, so what it finds is the fewest, and it is exact until its steps are used up:
LIMIT moves, STEPS steps for one project and TOTAL for all are where it gives up, and then it promises nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from labform.occupancy import Occupancy
from labform.units import Placement

LIMIT = 4
"""Moves: a plan that restarts more people than this is nobody's wish."""
STEPS, TOTAL = 2000, 4000
"""Steps of one search and of all of one run: a few seconds on 64 hosts; a dozen projects never take as many."""
_UNSETTLED = 3
"""How many projects without a place of their own yet may be placed again for one: they restart nobody."""


@dataclass(frozen=True)
class Move:
    """A project that leaves what it has for something else: its container is replaced."""

    project: str
    before: Placement
    after: Placement


@dataclass
class Budget:
    """What is left of the steps of one run."""

    steps: int = TOTAL
    cut: bool = False
    """Whether a search ended before it was done."""


@dataclass
class _Search:
    board: Occupancy
    settled: Collection[str]
    """Who has a place by the lock."""
    movable: Collection[str] | None
    """Who of them may move; None is all."""
    crowded: str | None
    """A host that must not stay over-committed."""
    budget: Budget
    steps: int = STEPS
    before: dict[str, Placement] = field(default_factory=dict)
    """What those who were taken out had."""

    def run(self, wanted: tuple[str, ...], moves: int, unsettled: int) -> bool:
        """Place all that are wanted with so many moves left; the board is as it was where that fails."""
        self.steps -= 1
        self.budget.steps -= 1
        if min(self.steps, self.budget.steps) < 0:
            self.budget.cut = True
            return False
        if wanted and self._placed(wanted, moves, unsettled):
            return True
        if not wanted and not (self.crowded and self.board.over(self.crowded)):
            return True
        for name in self._in_the_way(wanted[0] if wanted else None, moves, unsettled):
            free = name not in self.settled
            last = moves + unsettled == 1
            if last and self._stuck(name, wanted):
                continue
            self.before[name] = self.board.take(name)
            if self.run((*wanted, name), moves - (not free), unsettled - free):
                return True
            self.board.put(name, self.before.pop(name))
        return False

    def _placed(self, wanted: tuple[str, ...], moves: int, unsettled: int) -> bool:
        name, stays = wanted[0], self.before.get(wanted[0])
        choices = self.board.choices(name, every=True)
        for choice in sorted(choices, key=lambda one: (stays is not None and one.host != stays.host, one)):
            self.board.put(name, self.board.pick(name, choice))
            if self.run(wanted[1:], moves, unsettled):
                return True
            self.board.take(name)
        return False

    def _in_the_way(self, wanted: str | None, moves: int, unsettled: int) -> Iterator[str]:
        """Those whose going would help, one of each sort."""
        hosts = self.board.demands[wanted].allowed if wanted else (self.crowded or "",)
        for host in hosts:
            seen = set()
            for name in sorted(_helpful(self.board, wanted, host, moves + unsettled)):
                if name in self.before or not self._may_go(name, moves, unsettled):
                    continue
                if (sort := self._sort(name)) not in seen:
                    seen.add(sort)
                    yield name

    def _stuck(self, name: str, wanted: tuple[str, ...]) -> bool:
        """Whether the last who may go has nowhere to go: what it leaves is for others, so what is free now decides."""
        ports = any(self.board.demands[one].serves for one in wanted)
        return self.board.demands[name].count < 2 and not ports and not any(self.board.choices(name))

    def _may_go(self, name: str, moves: int, unsettled: int) -> bool:
        request = self.board.demands[name].request
        if request and request.uuid:
            return False
        if name not in self.settled:
            return unsettled > 0
        return moves > 0 and (self.movable is None or name in self.movable)

    def _sort(self, name: str) -> object:
        """What two projects of one host have in common that can stand for each other."""
        place, demand = self.board.placed[name], self.board.demands[name]
        kinds = sorted(self.board.units[place.host][unit].kind.rank for unit in place.gpus)
        needs = (demand.request, demand.limits, demand.allowed, demand.serves, demand.port)
        return (tuple(kinds), needs, name in self.settled)


def _helpful(board: Occupancy, wanted: str | None, host: str, many: int) -> set[str]:
    """Projects of a host that have something of what is wanted there; none where so many cannot free enough."""
    if wanted is None:
        return set(board.there[host])
    demand, found = board.demands[wanted], set[str]()
    request = demand.request
    if request and (short := request.count - board.free(host, request)) > 0:
        there = board.units[host]
        holders = Counter(holder for unit, holder in board.held[host].items() if there[unit].serves(request))
        if sum(count for _, count in holders.most_common(many)) < short:
            return set()
        found |= {*holders}
    if not board.room(host, wanted):
        found |= set(board.there[host])
    if demand.serves and board.port(host, wanted) is None:
        found |= {board.ports[host][demand.port]} if demand.port else set(board.ports[host].values())
    return found


def find_moves(
    board: Occupancy,
    settled: Collection[str],
    *,
    budget: Budget,
    wanted: str | None = None,
    crowded: str | None = None,
    movable: Collection[str] | None = None,
) -> tuple[Move, ...] | None:
    """The fewest moves that give `wanted` a place, or relieve the `crowded` host; None if none are found.

    `settled` have a place by the lock, and of them only `movable` may move (None: all); others on the board are
    placed again as needed. What is found is on the board afterwards; without, the board is as it was.
    """
    if wanted and not _can_be(board, wanted):
        return None
    search = _Search(board, settled, movable, crowded, budget)
    unsettled = min(_UNSETTLED, len(board.placed.keys() - settled))
    for limit in range(1 + min(LIMIT, len(settled if movable is None else movable))):
        if search.run((wanted,) if wanted else (), limit, unsettled):
            moved = sorted(name for name in search.before if name in settled)
            found = (Move(name, search.before[name], board.placed[name]) for name in moved)
            return tuple(move for move in found if move.before != move.after)
    return None


def _can_be(board: Occupancy, name: str) -> bool:
    """Whether enough devices are free somewhere, and a host would do if nobody else were there."""
    demand = board.demands[name]
    if board.idle() < demand.count:
        return False
    for host in demand.allowed:
        have, request, limits = board.hosts[host], demand.request, demand.limits
        suited = sum(unit.serves(request) for unit in board.units[host].values()) if request else 0
        fits_cpus = have.cpus is None or limits is None or limits.cpus <= have.cpus
        fits_memory = have.memory is None or limits is None or limits.memory <= have.memory
        if suited >= demand.count and fits_cpus and fits_memory:
            return True
    return False
