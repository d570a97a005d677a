"""People, groups and how limits are written."""

from fractions import Fraction
from typing import Any

import pytest
from labform.people import Group, Person, Quota
from pydantic import ValidationError

GIB = 1024**3


@pytest.mark.parametrize(
    ("field", "written", "read"),
    [
        ("gpus", 2, Fraction(2)),
        ("gpus", 0, Fraction(0)),
        ("gpus", 0.1, Fraction(1, 10)),
        ("gpus", "3/7", Fraction(3, 7)),
        ("gpus", "14/7", Fraction(2)),
        ("gpus", "2", Fraction(2)),
        ("gpus_per_project", "unlimited", "unlimited"),
        ("memory", "96Gi", 96 * GIB),
        ("volumes", "1Ti", 1024 * GIB),
        ("projects", 0, 0),
        ("projects", "unlimited", "unlimited"),
    ],
)
def test_a_limit_is_read_exactly(field: str, written: object, read: object) -> None:
    """A tenth of a GPU is a tenth, not the nearest binary fraction."""
    assert getattr(Quota.model_validate({field: written}), field) == read


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *(("gpus", one) for one in (-1, True, None, "1/0", "a", "1.5/7", 0.12345, float("nan"), float("inf"), [], {})),
        *(("cpus", one) for one in (0, -1, None, "4", True, float("nan"))),
        *(("memory", one) for one in (None, "none", 0, "0Gi", "1GB", -1)),
        *(("projects", one) for one in (None, -1, 1.5, "3", True)),
    ],
)
def test_what_is_no_limit_is_refused(field: str, written: object) -> None:
    """An empty value, too: it could mean nothing and everything."""
    with pytest.raises(ValidationError) as refused:
        Quota.model_validate({field: written})
    assert refused.value.error_count() == 1
    assert "unlimited" in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "limits", [{}, {"gpus": "3/7", "cpus": 1.5, "memory": "96Gi", "projects": 3}, {"gpus": 2, "volumes": "unlimited"}]
)
def test_limits_are_written_as_they_are_read(limits: dict[str, Any]) -> None:
    """What is left out stays left out."""
    quota = Quota.model_validate(limits)
    assert Quota.model_validate_json(quota.model_dump_json()) == quota
    assert set(quota.model_dump()) == set(limits)


def test_a_group_has_limits_and_resources() -> None:
    """Its limits stand in it directly, as in `student: {gpus: 1}`; what containers get is a section of its own."""
    group = Group.model_validate({"gpus": 1, "resources": {"memory": "32Gi"}})
    assert (group.gpus, group.resources.memory) == (1, 32 * GIB)
    with pytest.raises(ValidationError):
        Group.model_validate({"limits": {"gpus": 1}})


def test_a_person_runs_as_their_uid_and_gid() -> None:
    """The group's number is the user's where none is given."""
    assert Person(uid=10042).user == "10042:10042"
    assert Person(uid=10042, gid=20000).user == "10042:20000"
