"""What holds for every lab: MIG, memory requests, several hosts, pins, data that stays, sums that do not fit."""

from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from labform.gpus import gpu_request
from labform.placement import Placement, Placing, place, units
from labform.project import ProjectArgs
from labform.resources import Limits

from tests.labs import args, hosts, lab


def gpu(uuid: str, model: str, *profiles: str) -> dict[str, object]:
    """A GPU, with instances of these profiles."""
    instances = [{"uuid": f"MIG-{uuid}{place}", "profile": one} for place, one in enumerate(profiles)]
    return {"uuid": f"GPU-{uuid}", "model": model, **({"mig": instances} if instances else {})}


ON = lab(
    runs_on=hosts(
        a={
            "gpus": [gpu("a", "A100-40GB"), gpu("b", "A100-40GB"), gpu("c", "A100-40GB", "3g.20gb", "1g.5gb")],
            "cpus": 8,
            "memory": "16Gi",
            "ports": "20000-20002",
        },
        b={"gpus": [gpu("d", "H100-80GB"), gpu("e", "H100-80GB", "1g.10gb", "1g.10gb+me")], "cpus": 6},
        c={"memory": "4Gi", "ports": "20000-20001"},
    )
).hosts
JUPYTER = {"kind": "jupyter"}
NAMES = [f"p{number}" for number in range(7)]
ASKED = [
    *({"gpus": count} for count in (0, 1, 1, 2, 3)),
    {"gpus": {"model": "A100-40GB"}},
    {"gpus": {"model": "H100-80GB"}},
    {"gpus": {"memory": ">=5Gi"}},
    {"gpus": {"memory": ">=20Gi"}},
    {"gpus": {"memory": ">=40Gi", "count": 2}},
    {"gpus": {"memory": ">=10Gi", "model": "H100-80GB"}},
    {"gpus": {"mig": "1g.5gb"}},
    {"gpus": {"mig": "1g.10gb"}},
    {"gpus": {"uuid": "GPU-b"}},
    {"gpus": {"uuid": "MIG-e0"}},
    {"service": JUPYTER},
    {"service": {**JUPYTER, "host_port": 20001}, "gpus": 1},
]


def limits(cpus: int, gibibytes: int) -> Limits:
    """CPUs and memory of a project, 1Gi of it shared."""
    return Limits(Decimal(cpus), gibibytes * 1024**3, 1024**3)


PROJECT = st.sampled_from(ASKED).map(lambda given: args(**given))
WHERE = st.sampled_from([("a",), ("b",), ("a", "b"), ("a", "b", "c"), ("a", "b", "c")])
NEEDS = st.builds(limits, st.integers(1, 4), st.integers(1, 6))
WANTED = st.tuples(PROJECT, WHERE, NEEDS)
LABS = st.dictionaries(st.sampled_from(NAMES), WANTED, max_size=len(NAMES))
Wanted = tuple[ProjectArgs, tuple[str, ...], Limits]


def placing(wanted: Mapping[str, Wanted], before: Mapping[str, Placement] | None = None) -> Placing:
    """Place what is wanted."""
    projects, where, needs = ({name: one[part] for name, one in wanted.items()} for part in range(3))
    return place(projects, ON, where, before or {}, limits=needs)


def serves(project: ProjectArgs, given: Placement) -> bool:
    """Whether a placement gives what a project asks for, judged from the declarations alone."""
    request = gpu_request(project.gpus)
    there = {one.id: one for one in units(ON[given.host])}
    mine = [there[one] for one in given.gpus]
    if request is None:
        return not mine
    if request.uuid:
        return [one.id for one in mine] == [request.uuid]
    sizes = {"3g.20gb": 20, "1g.5gb": 5, "1g.10gb": 10, "1g.10gb+me": 10, None: 0}
    right = {one.model for one in mine} <= {request.model} if request.model else True
    if request.memory:
        enough = [sizes[one.profile] or int(one.model[5:-2]) for one in mine]
        right &= all(size * 1024**3 >= request.memory for size in enough)
        right &= request.count == 1 or all(one.profile is None for one in mine)
    else:
        right &= all(one.profile == request.mig for one in mine)
    return right and len(set(mine)) == request.count


@given(LABS)
def test_nothing_is_given_twice_and_no_host_has_too_much(wanted: dict[str, Wanted]) -> None:
    """Each project has what it asks for, where it may run, or one problem; sums stay within what a host has."""
    done = placing(wanted)
    held = [(one.host, unit) for one in done.places.values() for unit in one.gpus]
    ports = [(one.host, one.port) for one in done.places.values() if one.port]
    assert len(held) == len(set(held))
    assert len(ports) == len(set(ports))
    assert sorted([*done.places, *(str(one.location[1]) for one in done.problems)]) == sorted(wanted)
    for name, one in done.places.items():
        assert serves(wanted[name][0], one)
        assert one.host in wanted[name][1]
        assert list(one.gpus) == sorted(one.gpus)
    for name, host in ON.items():
        there = [wanted[project][2] for project, one in done.places.items() if one.host == name]
        assert host.cpus is None or sum(one.cpus for one in there) <= host.cpus
        assert host.memory is None or sum(one.memory for one in there) <= host.memory


@given(LABS, st.randoms(use_true_random=False))
def test_the_order_of_projects_changes_nothing(wanted: dict[str, Wanted], random: object) -> None:
    """The same lab gives the same placements and the same words, however its file is sorted."""
    names = sorted(wanted)
    random.shuffle(names)
    assert repr(placing({name: wanted[name] for name in names})) == repr(placing(wanted))


@given(LABS, WANTED)
def test_a_new_project_moves_nobody(wanted: dict[str, Wanted], new: Wanted) -> None:
    """What the lock gave stays, whatever comes beside it."""
    before = placing(wanted).places
    after = placing({**{name: wanted[name] for name in before}, "a-new-one": new}, before)
    assert {name: after.places[name] for name in before} == before
    assert after.ended == {}


@given(LABS, st.data())
def test_a_project_that_goes_frees_exactly_what_it_had(wanted: dict[str, Wanted], data: st.DataObject) -> None:
    """Its units are free, and all others stay where they are."""
    before = placing(wanted).places
    if before:
        gone = data.draw(st.sampled_from(sorted(before)))
        after = placing({name: wanted[name] for name in before if name != gone}, before)
        assert ({**after.places, gone: before[gone]}, after.problems) == (before, [])
        again = placing({name: wanted[name] for name in before}, after.places)
        assert again.problems == []


@given(LABS)
def test_placing_again_changes_nothing(wanted: dict[str, Wanted]) -> None:
    """A lock is a fixed point of its lab."""
    before = placing(wanted)
    after = placing(wanted, before.places)
    assert after.places == before.places
    assert {one.location[1] for one in after.problems} == {one.location[1] for one in before.problems}


@given(LABS, st.data())
def test_whatever_a_lock_says_nothing_is_given_twice(wanted: dict[str, Wanted], data: st.DataObject) -> None:
    """A lock that was edited or merged is refused, or replaced by one that is right."""
    some = data.draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD)))
    done = placing(wanted, some)
    held = [(one.host, unit) for one in done.places.values() for unit in one.gpus]
    assert len(held) == len(set(held))
    assert all(serves(wanted[name][0], one) for name, one in done.places.items())
    assert {*done.places} | {str(one.location[1]) for one in done.problems} >= {*wanted}


ODD = [
    *(Placement("a", ("GPU-a",)), Placement("a", ("GPU-a", "GPU-b")), Placement("a", ("GPU-c",))),
    *(Placement("b", ("MIG-e0",)), Placement("b", ("MIG-e1",)), Placement("b", ("GPU-a",)), Placement("c")),
    *(Placement("a", (), 20001), Placement("a", ("GPU-b",), 20001), Placement("gone", ("GPU-a",))),
]
