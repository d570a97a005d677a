"""Sums against what a host has, and who asks for how much."""

from decimal import Decimal

import pytest
from labform.capacity import NAMED, named, over_commit
from labform.hosts import Host
from labform.resources import Limits

GIBIBYTE = 1024**3
TENTH = Limits(Decimal("0.1"), GIBIBYTE, GIBIBYTE // 2)


def said(host: Host) -> list[str]:
    """What is wrong with three that ask for a tenth of a CPU and 1Gi each."""
    return [str(one) for one in over_commit(host, dict.fromkeys("pqr", TENTH), ("hosts", "a"), "ask for less")]


@pytest.mark.parametrize(
    "host",
    [
        Host(cpus=Decimal("0.3"), memory=3 * GIBIBYTE),
        Host(cpus=Decimal(1)),
        Host(memory=4 * GIBIBYTE),
        Host(),
    ],
)
def test_what_fits_is_no_fault(host: Host) -> None:
    """Decimals are added exactly, what a host does not state is not checked, and shared memory is no second sum."""
    assert said(host) == []


def test_what_does_not_fit_names_everybody() -> None:
    """Each with what it asks for, and how much of its memory may be shared memory."""
    shared = "1Gi (512Mi of it shared)"
    assert said(Host(cpus=Decimal("0.2"), memory=2 * GIBIBYTE)) == [
        "error[over-commit] hosts.a.cpus: 0.3 CPUs asked of 0.2: p 0.1, q 0.1, r 0.1; ask for less",
        f"error[over-commit] hosts.a.memory: 3Gi asked of 2Gi: p {shared}, q {shared}, r {shared}; ask for less",
    ]


def test_those_who_ask_for_most_come_first_and_the_many_are_counted() -> None:
    """A message that forty people are in is still one line."""
    asked = {f"p{number}": Limits(Decimal(number + 1), GIBIBYTE, GIBIBYTE) for number in range(10)}
    (problem,) = over_commit(Host(cpus=Decimal(1)), asked, ())
    assert problem.message.startswith("55 CPUs asked of 1: p9 10, p8 9, ")
    assert problem.message.endswith(" and 2 more")
    assert named(["x"] * NAMED) == ", ".join(["x"] * NAMED)
