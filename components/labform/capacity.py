"""Whether what is asked of a host is more than it has, and who asks for how much.

Shared memory is no sum of its own: the kernel charges a container's /dev/shm to the container's memory (tmpfs pages
count in their cgroup, kernel documentation "Memory Resource Controller"), so it is a part of what `memory` limits.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from labform.declaration import size_text
from labform.problems import Location, Problem
from labform.resources import FALLBACK, Limits
from labform.units import Capacity

NAMED = 8
"""How many holders a message names: the largest; a host of forty people would fill the screen."""


def named(words: Sequence[str]) -> str:
    """The first NAMED words, and how many more there are."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more


def over_commit(have: Capacity, asked: Mapping[str, Limits], at: Location, hint: str = "") -> Iterator[Problem]:
    """A problem each for CPUs and memory that a host has not; `asked` names who asks for what."""
    cpus = sum((one.cpus for one in asked.values()), Decimal(0))
    if have.cpus is not None and cpus > have.cpus:
        message = f"{cpus:f} CPUs asked of {have.cpus:f}: {cpus_by(asked)}"
        yield Problem((*at, "cpus"), "over-commit", message, hint)
    memory = sum(one.memory for one in asked.values())
    if have.memory is not None and memory > have.memory:
        message = f"{size_text(memory)} asked of {size_text(have.memory)}: {memory_by(asked)}"
        yield Problem((*at, "memory"), "over-commit", message, hint)


def cpus_by(asked: Mapping[str, Limits]) -> str:
    """Who asks for how many CPUs, the most first."""
    ordered = sorted(asked, key=lambda who: (-asked[who].cpus, who))
    return named([f"{who} {asked[who].cpus:f}" for who in ordered])


def memory_by(asked: Mapping[str, Limits]) -> str:
    """Who asks for how much memory, and how much of it may be shared memory, the most first."""
    ordered = sorted(asked, key=lambda who: (-asked[who].memory, who))
    return named([f"{who} {size_text(asked[who].memory)}{_shared(asked[who])}" for who in ordered])


def _shared(limits: Limits) -> str:
    more = limits.shared_memory > FALLBACK.shared_memory
    return f" ({size_text(limits.shared_memory)} of it shared)" if more else ""
