"""Who gets which GPU: each once, the same for the same lab, and nobody moves without a reason."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.hosts import Host
from labform.placement import Placement, place, units
from labform.problems import Problem
from labform.project import ProjectArgs

from tests.labs import GPUS, args, hosts, lab, placed

MIG = [
    {"uuid": "GPU-m", "model": "A100-40GB", "mig": [{"uuid": f"MIG-{n}", "profile": "1g.5gb"} for n in range(3)]},
    {"uuid": "GPU-h", "model": "H100-80GB"},
]
HOSTS = lab(
    runs_on=hosts(
        a={"gpus": [*GPUS, *MIG], "ports": "20000-20003"}, b={"gpus": [{"uuid": "GPU-x", "model": "A100-40GB"}]}
    )
).hosts
JUPYTER = {"kind": "jupyter"}


def placing(
    projects: Mapping[str, ProjectArgs],
    before: Mapping[str, Placement] | None = None,
    where: Mapping[str, list[str]] | None = None,
    on: Mapping[str, Host] = HOSTS,
) -> tuple[dict[str, Placement], list[Problem]]:
    """Place projects that may run anywhere, unless it is said where."""
    return place(projects, on, {name: (where or {}).get(name, sorted(on)) for name in projects}, before or {})


def units_of(places: Mapping[str, Placement]) -> list[tuple[str, str]]:
    """Every unit that was given, once for each project that has it."""
    return [(one.host, unit) for one in places.values() for unit in one.gpus]


def test_a_gpu_with_instances_is_not_given_whole() -> None:
    """What a host can give: whole GPUs and MIG instances, in the order of models and ids."""
    assert [unit.id for unit in units(HOSTS["a"])] == [
        "GPU-a",
        "GPU-b",
        "GPU-c",
        "GPU-d",
        "MIG-0",
        "MIG-1",
        "MIG-2",
        "GPU-h",
    ]


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        (0, placed("b")),
        (1, placed("b", "GPU-x")),
        (2, placed("a", "GPU-a", "GPU-b")),
        ({"model": "H100-80GB"}, placed("a", "GPU-h")),
        ({"mig": "1g.5gb"}, placed("a", "MIG-0")),
        ({"mig": "1g.5gb", "count": 2, "model": "A100-40GB"}, placed("a", "MIG-0", "MIG-1")),
        ({"uuid": "GPU-c"}, placed("a", "GPU-c")),
        ({"uuid": "MIG-2"}, placed("a", "MIG-2")),
    ],
)
def test_a_request_gets_definite_ids(gpus: object, expected: Placement) -> None:
    """The host that fits tightest, and its first units: ids, never a count."""
    assert placing({"p": args(gpus=gpus)}) == ({"p": expected}, [])


@pytest.mark.parametrize(
    ("gpus", "message"),
    [
        (7, "asks for 7 GPU, free: 5 of 5 on a, 1 of 1 on b; one host must have all"),
        ({"model": "V100"}, "no V100 on a, b; there is: 1g.5gb, A100-40GB, H100-80GB"),
        ({"mig": "3g.20gb"}, "no 3g.20gb on a, b; there is: 1g.5gb, A100-40GB, H100-80GB"),
        (
            {"uuid": "GPU-m"},
            "no GPU-m on a, b; there is: GPU-a, GPU-b, GPU-c, GPU-d, GPU-h, GPU-x, MIG-0, MIG-1, MIG-2",
        ),
        ({"mig": "1g.5gb", "model": "H100-80GB"}, "no 1g.5gb on a, b; there is: 1g.5gb, A100-40GB, H100-80GB"),
    ],
)
def test_what_cannot_be_is_said_with_what_there_is(gpus: object, message: str) -> None:
    """A request nobody can serve is refused in words of the lab."""
    places, problems = placing({"p": args(gpus=gpus)})
    assert places == {}
    assert [str(one) for one in problems] == [f"error[no-gpu] projects.p.gpus: {message}"]


def test_over_commitment_names_who_holds_what() -> None:
    """The one that comes too late learns who has what it wants."""
    _, problems = placing({"big": args(gpus=4), "late": args(gpus={"model": "A100-40GB", "count": 2})})
    held = "GPU-a by late, GPU-b by late"
    message = f"projects.big.gpus: asks for 4 GPU, free: 3 of 5 on a, 1 of 1 on b; held: {held}"
    assert [str(one) for one in problems] == [f"error[no-gpu] {message}"]


def test_what_names_its_device_comes_first() -> None:
    """A project that may have any GPU leaves those that others name."""
    places, problems = placing({"any": args(gpus=3), "pinned": args(gpus={"uuid": "GPU-a"})}, where={"any": ["a"]})
    assert (places["pinned"].gpus, places["any"].gpus, problems) == (("GPU-a",), ("GPU-b", "GPU-c", "GPU-d"), [])


def test_the_largest_comes_before_the_smaller() -> None:
    """Small requests do not take from a host what only it can give to a large one."""
    places, problems = placing({"a": args(gpus=1), "b": args(gpus=1), "c": args(gpus=4)})
    assert (places["c"].gpus, problems) == (("GPU-a", "GPU-b", "GPU-c", "GPU-d"), [])


def test_where_data_is_a_project_runs() -> None:
    """Only the hosts that volumes and pins allow are taken, also for a project without GPUs."""
    projects = {"cpu": args(), "gpu": args(gpus=1)}
    places, _ = placing(projects, where={"cpu": ["b"], "gpu": ["a"]})
    assert (places["cpu"].host, places["gpu"].host) == ("b", "a")


@pytest.mark.parametrize(
    ("kept", "given", "still"),
    [
        (placed("a", "GPU-d"), {"gpus": 1}, True),
        (placed("a", "GPU-h"), {"gpus": 1}, True),
        (placed("a", "GPU-h"), {"gpus": {"model": "A100-40GB"}}, False),
        (placed("a", "GPU-d"), {"gpus": 2}, False),
        (placed("a", "GPU-d"), {"gpus": 0}, False),
        (placed("a", "GPU-d"), {"gpus": {"uuid": "GPU-c"}}, False),
        (placed("a", "GPU-d", "GPU-d"), {"gpus": 2}, False),
        (placed("a", "GPU-zzz"), {"gpus": 1}, False),
        (placed("gone", "GPU-a"), {"gpus": 1}, False),
        (placed("a", "MIG-1"), {"gpus": {"mig": "1g.5gb"}}, True),
        (placed("a", port=20002), {"service": JUPYTER}, True),
        (placed("a"), {"service": JUPYTER}, False),
        (placed("a", port=30000), {"service": JUPYTER}, False),
        (placed("a", port=30000), {"service": {**JUPYTER, "host_port": 30000}}, True),
        (placed("a", port=20002), {"service": {**JUPYTER, "host_port": 30000}}, False),
        (placed("a", port=20002), {}, False),
    ],
)
def test_what_the_lock_says_is_kept_while_it_is_valid(kept: Placement, given: dict[str, object], still: bool) -> None:
    """A placement ends when its host, units or port no longer suit the request, and for no other reason."""
    places, _ = placing({"p": args(**given)}, before={"p": kept})
    assert (places.get("p") == kept) is still


def test_two_locked_on_one_device_do_not_share_it() -> None:
    """A lock that was merged by hand gives a device to the first, and the other gets another one."""
    places, problems = placing(
        {"p": args(gpus=1), "q": args(gpus=1)}, before={"p": placed("a", "GPU-a"), "q": placed("a", "GPU-a")}
    )
    assert places["p"] == placed("a", "GPU-a")
    assert (len(set(units_of(places))), problems) == (2, [])


def test_ports_are_the_next_free_ones_of_the_host() -> None:
    """Fixed ports come first; the others fill the host's range; hosts do not disturb each other."""
    projects = {name: args(service=JUPYTER) for name in ("p", "q")} | {
        "fixed": args(service={**JUPYTER, "host_port": 20000})
    }
    places, _ = placing(projects, where={"p": ["a"], "q": ["b"], "fixed": ["a"]})
    assert {name: (one.host, one.port) for name, one in places.items()} == {
        "fixed": ("a", 20000),
        "p": ("a", 20001),
        "q": ("b", 20000),
    }


def test_a_command_without_a_port_gets_none() -> None:
    """Nothing is published that nobody listens on."""
    service = {"kind": "command", "command": ["serve"]}
    assert placing({"p": args(service=service)})[0]["p"].port is None


def test_a_port_that_is_held_is_refused_with_a_free_one() -> None:
    """Whoever asks second learns who has it, and what is free."""
    fixed = {**JUPYTER, "host_port": 20000}
    _, problems = placing({"p": args(service=fixed), "q": args(service=fixed)}, where={"p": ["a"], "q": ["a"]})
    assert [str(one) for one in problems] == [
        "error[port-taken] projects.q.service.host_port: port 20000 of a is held by p; free: 20001"
    ]


def test_a_range_that_is_full_is_said() -> None:
    """The fifth service of a host with four ports."""
    projects = {f"p{number}": args(service=JUPYTER) for number in range(5)}
    _, problems = placing(projects, on={"a": HOSTS["a"]})
    assert [str(one) for one in problems] == ["error[no-port] projects.p4.service: no port of 20000-20003 is free on a"]


def test_busy_ports_are_left_to_those_who_have_them() -> None:
    """A port that something else holds is given to no new service; one that the lock gave is kept."""
    projects = {name: args(service=JUPYTER) for name in ("old", "new")}
    before = {"old": placed("a", port=20000)}
    where = {name: ["a"] for name in projects}
    places, _ = place(projects, HOSTS, where, before, {"a": [20000, 20001]})
    assert {name: one.port for name, one in places.items()} == {"new": 20002, "old": 20000}


REQUESTS = st.sampled_from(
    [
        {},
        *({"gpus": count} for count in (1, 2, 3)),
        {"gpus": {"model": "A100-40GB"}},
        {"gpus": {"model": "H100-80GB"}},
        {"gpus": {"mig": "1g.5gb", "count": 2}},
        {"gpus": {"uuid": "GPU-b"}},
        {"gpus": {"uuid": "MIG-1"}},
        {"service": JUPYTER},
        {"service": {**JUPYTER, "host_port": 20001}, "gpus": 1},
    ]
).map(lambda given: args(**given))
LABS = st.dictionaries(st.sampled_from([f"p{number}" for number in range(8)]), REQUESTS, max_size=6)
WHERE = st.fixed_dictionaries({f"p{number}": st.sampled_from([["a"], ["b"], ["a", "b"]]) for number in range(8)})


def serves(project: ProjectArgs, placement: Placement) -> bool:
    """Whether a placement gives what a project asks for, judged from the declaration alone."""
    request = project.gpus if not isinstance(project.gpus, int) else None
    there = {unit.id: unit for unit in units(HOSTS[placement.host])}
    given = [there[one] for one in placement.gpus]
    if request is None:
        return len(given) == project.gpus and all(one.profile is None for one in given)
    suited = all(one.profile == request.mig and request.model in (None, one.model) for one in given)
    return len(given) == request.count and (placement.gpus == (request.uuid,) if request.uuid else suited)


@given(LABS, WHERE)
def test_no_unit_and_no_port_is_given_twice(projects: dict[str, ProjectArgs], where: dict[str, list[str]]) -> None:
    """Each project is placed with what it asks for, where it may run, or has a problem; nothing is shared."""
    places, problems = placing(projects, where=where)
    ports = [(one.host, one.port) for one in places.values() if one.port]
    assert len(units_of(places)) == len(set(units_of(places)))
    assert len(ports) == len(set(ports))
    assert {*places} | {str(one.location[1]) for one in problems} == {*projects}
    assert all(serves(projects[name], one) and one.host in where[name] for name, one in places.items())
    assert all(list(one.gpus) == sorted(one.gpus) for one in places.values())


@given(LABS, st.randoms(use_true_random=False))
def test_the_order_of_projects_changes_nothing(projects: dict[str, ProjectArgs], random: object) -> None:
    """The same lab gives the same placements, however its file is sorted."""
    names = sorted(projects)
    random.shuffle(names)
    assert placing({name: projects[name] for name in names}) == placing(projects)


@given(LABS, REQUESTS)
def test_a_new_project_moves_nobody(projects: dict[str, ProjectArgs], new: ProjectArgs) -> None:
    """What the lock gave stays, whatever comes beside it."""
    before, _ = placing(projects)
    kept = {name: projects[name] for name in before}
    after, _ = placing({**kept, "a-new-one": new}, before)
    assert {name: after[name] for name in before} == before


@given(LABS, st.data())
def test_a_project_that_goes_frees_exactly_what_it_had(projects: dict[str, ProjectArgs], data: st.DataObject) -> None:
    """Its units are free, all others stay with whom they are."""
    before, _ = placing(projects)
    if not before:
        return
    gone = data.draw(st.sampled_from(sorted(before)))
    after, problems = placing({name: projects[name] for name in before if name != gone}, before)
    assert ({**after, gone: before[gone]}, problems) == (before, [])


@given(LABS)
def test_placing_again_changes_nothing(projects: dict[str, ProjectArgs]) -> None:
    """A lock is a fixed point of its lab."""
    before, problems = placing(projects)
    after, still = placing(projects, before)
    assert after == before
    assert {one.location[1] for one in still} == {one.location[1] for one in problems}
