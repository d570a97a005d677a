"""Who uses how much of what, and what they may: exact, by person and kind, with where each figure was written."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.mig import GEOMETRY
from labform.placement import place
from labform.quotas import KINDS, Quotas, quotas
from labform.stack_file import LabArgs

from tests.labs import GPUS, hosts, lab, placed, project

PEOPLE = {"anna": {"uid": 10042, "group": "g"}, "ben": {"uid": 10043}}
SLICES = [
    {"uuid": f"MIG-{place}", "profile": profile} for place, profile in enumerate(["3g.20gb", "2g.10gb", "1g.5gb"])
]
HOST = hosts(local={"gpus": [*GPUS, {"uuid": "GPU-m", "model": "A100-40GB", "mig": SLICES}]})


def made(given: dict[str, Any], **sections: Any) -> LabArgs:
    """A lab with slices and one project of Anna's, who is in group g."""
    full = {"runs_on": HOST, "people": PEOPLE, "groups": {"g": {}}, "projects": {"p": project(**given)}, **sections}
    return lab(**full)


def rows(found: Quotas, person: str = "anna") -> dict[str, tuple[str, str]]:
    """What a person uses and may use, by kind."""
    return {
        row["kind"]: (row["used"], row["limit"])
        for row in (one.row() for one in found.usage)
        if row["person"] == person
    }


@pytest.mark.parametrize(
    ("limits", "given", "kinds"),
    [
        ({}, {"gpus": 4}, []),
        ({"gpus": 4}, {"gpus": 4}, []),
        ({"gpus": 3}, {"gpus": 4}, ["GPUs"]),
        ({"gpus": "unlimited"}, {"gpus": 4}, []),
        ({"gpus": "6/7"}, {"gpus": {"mig": "1g.5gb", "count": 6}}, []),
        ({"gpus": "5/7"}, {"gpus": {"mig": "1g.5gb", "count": 6}}, ["GPUs"]),
        ({"gpus": 0}, {"gpus": {"mig": "7g.999gb"}}, []),
        ({"gpus": "2/7"}, {"gpus": {"uuid": "MIG-0"}}, ["GPUs"]),
        ({"gpus": "3/7"}, {"gpus": {"uuid": "MIG-0"}}, []),
        ({"gpus": 0}, {"gpus": {"uuid": "MIG-nowhere"}}, []),
        ({"gpus": "5/7"}, {"gpus": {"mig": "1g.5gb", "count": 6, "model": "A100-40GB"}}, ["GPUs"]),
        ({"gpus": 0}, {}, []),
        ({"gpus": 0}, {"gpus": 1}, ["GPUs"]),
        ({"cpus": 1.5}, {"resources": {"cpus": 1.25}}, []),
        ({"cpus": 1}, {"resources": {"cpus": 1.25}}, ["CPUs"]),
        ({"memory": "1Gi"}, {}, ["memory"]),
        ({"shared_memory": "32Mi"}, {}, ["shared"]),
        ({"projects": 1}, {}, []),
        ({"projects": 0}, {}, ["projects"]),
        ({"projects": 0}, {"state": "retired"}, []),
        ({"gpus": 0, "cpus": 0.5, "memory": "1Gi"}, {"gpus": 1}, ["GPUs", "CPUs", "memory"]),
    ],
)
def test_a_limit_is_judged_by_what_is_asked_for(
    limits: dict[str, Any], given: dict[str, Any], kinds: list[str]
) -> None:
    """Without a placement too, as far as the file says it; what is retired does not count."""
    found = quotas(made(given, groups={"g": limits}), {}).problems
    assert [one.message.removeprefix("asks for ").split()[1] for one in found] == [
        f"{kind}," if kind != "shared" else kind for kind in kinds
    ]


@pytest.mark.parametrize(
    ("gpus", "used"),
    [
        (("GPU-a", "GPU-b"), "2"),
        (("MIG-0",), "3/7"),
        (("MIG-0", "MIG-1", "MIG-2"), "6/7"),
        (("GPU-a", "MIG-2"), "8/7"),
    ],
)
def test_a_project_uses_what_it_was_given(gpus: tuple[str, ...], used: str) -> None:
    """Whatever it asked for: the devices it was given count, in sevenths of a GPU."""
    assert rows(quotas(made({"gpus": 1}), {"p": placed("local", *gpus)}))["gpus"] == (used, "unlimited")


def test_everybody_has_a_row_for_what_they_use_or_may_not() -> None:
    """With the place where the limit is written; a person without projects has only their limits."""
    args = made({"gpus": 1}, groups={"g": {"gpus": 2}}, defaults={"limits": {"projects": 3}})
    found = quotas(args, {"p": placed("local", "GPU-a")})
    assert rows(found, "ben") == {"projects": ("0", "3")}
    assert rows(found) == {
        "gpus": ("1", "2"),
        "cpus": ("1", "unlimited"),
        "memory": ("2Gi", "unlimited"),
        "shared_memory": ("64Mi", "unlimited"),
        "projects": ("1", "3"),
    }
    assert {one.kind: one.source for one in found.usage if one.person == "anna" and one.source} == {
        "gpus": "groups.g.gpus",
        "projects": "defaults.limits.projects",
    }


@pytest.mark.parametrize(
    ("defaults", "group", "own", "expected"),
    [
        ({}, {}, {}, None),
        ({"gpus": 1}, {}, {}, ("1", "defaults.limits.gpus")),
        ({"gpus": 1}, {"gpus": 2}, {}, ("2", "groups.g.gpus")),
        ({"gpus": 1}, {"gpus": 2}, {"gpus": "3/7"}, ("3/7", "people.anna.limits.gpus")),
        ({"gpus": 1}, {"gpus": "unlimited"}, {}, ("unlimited", "groups.g.gpus")),
        ({"gpus": 1}, {"gpus": "unlimited"}, {"gpus": 0}, ("0", "people.anna.limits.gpus")),
        ({}, {"gpus": 2}, {"cpus": 8}, ("2", "groups.g.gpus")),
    ],
)
def test_a_limit_is_the_nearest_one(
    defaults: dict[str, Any], group: dict[str, Any], own: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """Kind by kind: one limit of one's own leaves the group's others as they are."""
    people = {"anna": {"uid": 10042, "group": "g", "limits": own}}
    args = lab(defaults={"limits": defaults}, groups={"g": group}, people=people)
    found = [(one.row()["limit"], one.source) for one in quotas(args, {}).usage if one.kind == "gpus"]
    assert found == ([expected] if expected else [])


def test_volumes_count_by_their_sizes() -> None:
    """Directories and other people's do not; a volume of a retired project does."""
    volumes = {
        "home": {"owner": "anna", "size": "1Gi"},
        "work": {"owner": "anna", "size": "512Mi"},
        "other": {"owner": "ben", "size": "8Gi"},
        "data": {"nfs": {"server": "nas", "path": "/x"}},
    }
    args = made(
        {"state": "retired", "mounts": {"home": "/home/lab"}}, volumes=volumes, groups={"g": {"volumes": "1Gi"}}
    )
    found = quotas(args, {})
    assert rows(found)["volumes"] == ("1536Mi", "1Gi")
    assert [one.code for one in found.problems] == ["quota"]


def test_a_volume_without_a_size_is_no_fault_where_nothing_limits_it() -> None:
    """Its size matters to nobody."""
    limited = {"home": {"owner": "anna"}}
    assert quotas(made({}, volumes=limited), {}).problems == ()
    assert quotas(made({}, volumes=limited, groups={"g": {"volumes": "unlimited"}}), {}).problems == ()
    assert [one.code for one in quotas(made({}, volumes=limited, groups={"g": {"volumes": "1Gi"}}), {}).problems] == [
        "no-size"
    ]


def test_an_unknown_share_is_a_fault_only_where_gpus_are_limited() -> None:
    """No table has it, so it is not guessed."""
    slices = [{"uuid": "MIG-x", "profile": "2g.48gb"}]
    there = hosts(local={"gpus": [{"uuid": "GPU-x", "model": "X9000-96GB", "mig": slices}]})
    given = {"gpus": {"mig": "2g.48gb"}}
    for limits, codes in (({}, []), ({"gpus": "unlimited"}, []), ({"gpus": 4}, ["unknown-share"])):
        found = quotas(made(given, runs_on=there, groups={"g": limits}), {"p": placed("local", "MIG-x")})
        assert [one.code for one in found.problems] == codes


def test_an_owner_who_is_not_declared_uses_nothing_here() -> None:
    """That they are unknown is said by another check."""
    found = quotas(made({"owner": "nobody", "gpus": 4}), {})
    assert (found.problems, {one.person for one in found.usage}) == ((), set())


PROFILES = [one for one in GEOMETRY["A100-40GB"] if not one.media]


@given(st.lists(st.sampled_from(PROFILES), max_size=30), st.fractions(min_value=0, max_value=10, max_denominator=7))
def test_slices_add_up_exactly(profiles: list[Any], limit: Fraction) -> None:
    """Thirty sevenths are thirty sevenths: a limit that is met to the slice is not passed."""
    slices = [{"uuid": f"MIG-{place}", "profile": one.name} for place, one in enumerate(profiles)]
    there = hosts(local={"gpus": [{"uuid": "GPU-m", "model": "A100-40GB", "mig": slices}]})
    projects = {f"p{place}": project(gpus={"uuid": one["uuid"]}) for place, one in enumerate(slices)}
    args = made({}, runs_on=there, projects=projects, groups={"g": {"gpus": str(limit)}})
    done = place(args.running(), args.hosts, dict.fromkeys(projects, ("local",)), {})
    total = sum((one.equivalent for one in profiles), Fraction(0))
    found = quotas(args, done.places)
    assert done.problems == []
    assert rows(found)["gpus"] == (str(total), str(limit))
    assert bool(found.problems) == (total > limit)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_the_file_changes_nothing(order: list[str]) -> None:
    """The same usage and the same words, whoever stands first."""
    given = {"a": {"gpus": 1}, "b": {"owner": "ben"}, "c": {"resources": {"cpus": 3}}, "d": {"gpus": {"mig": "1g.5gb"}}}
    people = {"anna": {"uid": 10042, "group": "g"}, "ben": {"uid": 10043, "group": "g"}}
    limits = {"g": dict.fromkeys(("gpus", "cpus", "projects"), 1)}
    args = made({}, projects={name: project(**given[name]) for name in order}, groups=limits, people=people)
    first = made({}, projects={name: project(**given[name]) for name in given}, groups=limits, people=people)
    assert quotas(args, {}) == quotas(first, {})
    assert {one.kind for one in quotas(args, {}).usage} <= {*KINDS}
