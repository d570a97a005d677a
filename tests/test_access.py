"""Access that has ended: a day is given, never read."""

import datetime as dt
from typing import Any

import pytest
from labform.access import ended

from tests.labs import lab, project

LAST = dt.date(2027, 3, 31)
PEOPLE = {"anna": {"uid": 10042, "until": LAST}, "ben": {"uid": 10043}}


def named(day: dt.date, **sections: Any) -> list[str]:
    """Whose access has ended while they hold something."""
    return [str(one.location[1]) for one in ended(lab(people=PEOPLE, **sections), day)]


@pytest.mark.parametrize(("days", "expected"), [(-1, []), (0, []), (1, ["anna"]), (3650, ["anna"])])
def test_the_last_day_is_still_one(days: int, expected: list[str]) -> None:
    """Access ends when the day is over."""
    assert named(LAST + dt.timedelta(days=days), projects={"p": project()}) == expected


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, []),
        ({"projects": {"p": project(owner="ben")}}, []),
        ({"projects": {"p": project(state="retired")}}, []),
        ({"volumes": {"v": {"owner": "anna"}}}, ["anna"]),
        ({"volumes": {"v": {"owner": "ben"}}}, []),
        ({"retired": {"v": {"owner": "anna"}}}, []),
        ({"projects": {"p": project(), "q": project()}, "volumes": {"v": {"owner": "anna"}}}, ["anna"]),
    ],
)
def test_it_matters_only_to_those_who_hold_something(sections: dict[str, Any], expected: list[str]) -> None:
    """One problem for each person; what is retired is not held, and ben has no last day."""
    assert named(LAST + dt.timedelta(days=1), **sections) == expected
