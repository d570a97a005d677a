"""Values come from the nearest layer that has one, and say which it was."""

from typing import Any

import pytest
from labform.inheritance import Inherited, inherited
from labform.resources import Resources

from tests.labs import lab, project

GIB = 1024**3


def test_the_first_layer_that_has_a_value_gives_it() -> None:
    """Field by field; None where no layer has one."""
    near, far = Resources.model_validate({"memory": "1Gi"}), Resources.model_validate({"memory": "2Gi", "cpus": 4})
    layers = (("near", near), ("far", far))
    assert inherited("memory", layers) == Inherited(GIB, "near.memory")
    assert inherited("cpus", layers) == Inherited(4, "far.cpus")
    assert inherited("shared_memory", layers) is None


@pytest.mark.parametrize(
    ("defaults", "group", "person", "own", "expected"),
    [
        ({}, {}, {}, {}, (2 * GIB, "labform's default")),
        ({"memory": "4Gi"}, {}, {}, {}, (4 * GIB, "defaults.resources.memory")),
        ({"memory": "4Gi"}, {"memory": "8Gi"}, {}, {}, (8 * GIB, "groups.g.resources.memory")),
        ({}, {"memory": "8Gi"}, {"memory": "3Gi"}, {}, (3 * GIB, "people.anna.resources.memory")),
        (
            {"memory": "4Gi"},
            {"memory": "8Gi"},
            {"memory": "3Gi"},
            {"memory": "1Gi"},
            (GIB, "projects.p.resources.memory"),
        ),
        ({"memory": "4Gi"}, {"cpus": 8}, {"shared_memory": "1Gi"}, {}, (4 * GIB, "defaults.resources.memory")),
    ],
)
def test_a_container_gets_the_nearest_figure(
    defaults: dict[str, Any],
    group: dict[str, Any],
    person: dict[str, Any],
    own: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    """Project before person before group before lab, figure by figure."""
    args = lab(
        defaults={"resources": defaults},
        groups={"g": {"resources": group}},
        people={"anna": {"uid": 10042, "group": "g", "resources": person}},
        projects={"p": project(resources=own)},
    )
    found = args.resource("p", "memory")
    assert (found.value, found.source) == expected
    assert args.limits("p").memory == expected[0]


def test_an_unknown_owner_or_group_inherits_from_the_lab() -> None:
    """That they are unknown is said by another check."""
    args = lab(
        defaults={"resources": {"cpus": 3}},
        people={"anna": {"uid": 10042, "group": "nowhere"}},
        projects={"p": project(), "q": project(owner="nobody")},
    )
    assert [args.limits(name).cpus for name in ("p", "q")] == [3, 3]
