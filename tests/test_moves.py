"""Who would have to move: as few as can be, told truly, and nobody who was not named."""

from collections.abc import Iterable, Mapping
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labform.gpus import gpu_request
from labform.placement import Placement, Placing, place, units
from labform.project import ProjectArgs

from tests.labs import GPUS, args, hosts, lab, placed
from tests.test_placement_properties import ASKED, ON, WHERE, gpu, limits

TWO = lab(runs_on=hosts(gpu1={"gpus": GPUS[:1]}, gpu2={"gpus": [{"uuid": "GPU-z", "model": "H100-80GB"}]})).hosts
ANY = ["gpu1", "gpu2"]
A100 = {"model": "A100-40GB"}


def test_the_move_that_makes_it_fit_is_printed() -> None:
    """The newcomer needs what somebody has who could be elsewhere: who, from where to where, and what to run."""
    projects = {"b": args(gpus=1), "new": args(gpus=A100)}
    done = place(projects, TWO, dict.fromkeys(projects, ANY), {"b": placed("gpu1", "GPU-a")})
    assert done.places == {"b": placed("gpu1", "GPU-a")}
    assert [str(one) for one in done.problems] == [
        (
            "error[needs-moves] projects.new.gpus: asks for 1 x A100-40GB, free: 0 of 1 on gpu1; "
            "it fits if b (anna) moves from gpu1 (GPU-a) to gpu2 (GPU-z), which restarts it: run `labform lock` with "
            "--move b"
        )
    ]


def test_who_is_named_moves_and_nobody_else() -> None:
    """With its name given the move is made, and the lock's reader learns why."""
    projects = {"b": args(gpus=1), "new": args(gpus=A100)}
    done = place(projects, TWO, dict.fromkeys(projects, ANY), {"b": placed("gpu1", "GPU-a")}, moving=["b"])
    assert done.places == {"b": placed("gpu2", "GPU-z"), "new": placed("gpu1", "GPU-a")}
    assert (done.problems, done.ended) == ([], {"b": "others fit in no other way"})


def test_nobody_moves_without_need() -> None:
    """Being named is a permission, not an order."""
    done = place({"b": args(gpus=1)}, TWO, {"b": ANY}, {"b": placed("gpu1", "GPU-a")}, moving=["b"])
    assert (done.places, done.ended) == ({"b": placed("gpu1", "GPU-a")}, {})


@pytest.mark.parametrize("stays", [{"gpus": {"uuid": "GPU-a"}}, {"gpus": A100}, {"gpus": 1, "where": ["gpu1"]}])
def test_who_cannot_be_elsewhere_is_not_asked_to_move(stays: dict[str, object]) -> None:
    """A pin, a model, a volume: the refusal names the holder and promises nothing."""
    where = {"b": stays.pop("where", ANY), "new": ANY}
    done = place({"b": args(**stays), "new": args(gpus=A100)}, TWO, where, {"b": placed("gpu1", "GPU-a")})
    assert [(one.code, one.hint) for one in done.problems] == [("no-gpu", "held: GPU-a by b (anna)")]


def test_newcomers_make_room_for_each_other() -> None:
    """Who has no place of its own yet restarts nobody: the set is placed if it fits at all."""
    on = lab(runs_on=hosts(a={"gpus": [gpu("a", "A100-40GB")]}, b={"gpus": [gpu("b", "A100-40GB")]})).hosts
    projects = {"p": args(gpus=A100), "q": args(gpus=1)}
    done = place(projects, on, {"p": ["a", "b"], "q": ["a"]}, {})
    assert done.places == {"p": placed("b", "GPU-b"), "q": placed("a", "GPU-a")}
    assert (done.problems, done.ended) == ([], {})


def test_memory_and_cpus_are_moved_for() -> None:
    """Room is a reason like a device: the smallest set of others goes."""
    on = lab(runs_on=hosts(a={"cpus": 8, "gpus": GPUS[:1]}, b={"cpus": 4})).hosts
    projects = {name: args(gpus=int(name == "new")) for name in ("big", "new", "small")}
    needs = {"big": limits(5, 1), "small": limits(3, 1), "new": limits(2, 1)}
    before = {"big": placed("a"), "small": placed("a")}
    done = place(projects, on, {key: ["a", "b"] for key in projects}, before, limits=needs)
    assert [(one.code, one.hint) for one in done.problems] == [
        (
            "needs-moves",
            "it fits if small (anna) moves from a to b, which restarts it: run `labform lock` with --move small",
        )
    ]


def test_a_host_that_was_outgrown_says_who_could_go() -> None:
    """Over-commitment by growth, with the one move that ends it; and the move, once it is allowed."""
    on = lab(runs_on=hosts(a={"cpus": 8}, b={"cpus": 4})).hosts
    projects = {name: args() for name in ("big", "small")}
    needs = {"big": limits(6, 1), "small": limits(3, 1)}
    before = dict.fromkeys(projects, placed("a"))
    where = {key: ["a", "b"] for key in projects}
    done = place(projects, on, where, before, limits=needs)
    assert [str(one) for one in done.problems] == [
        (
            "error[over-commit] runs_on.hosts.a.cpus: 9 CPUs asked of 8: big (anna) 6, small (anna) 3; "
            "it fits if small (anna) moves from a to b, which restarts it: run `labform lock` with --move small"
        )
    ]
    done = place(projects, on, where, before, limits=needs, moving=["small"])
    assert (done.places["small"], done.problems) == (placed("b"), [])


def test_a_chain_of_two_is_found() -> None:
    """The newcomer's place is held by one whose only other place is held by one that can go."""
    models = {"a": "A100-40GB", "b": "H100-80GB", "c": "L40S"}
    on = lab(runs_on=hosts(**{name: {"gpus": [gpu(name, model)]} for name, model in models.items()})).hosts
    projects = {"new": args(gpus={"model": "A100-40GB"}), "p": args(gpus=1), "q": args(gpus=1)}
    where = {"new": ["a"], "p": ["a", "b"], "q": ["b", "c"]}
    before = {"p": placed("a", "GPU-a"), "q": placed("b", "GPU-b")}
    done = place(projects, on, where, before)
    assert done.problems[0].hint == (
        "it fits if p (anna) moves from a (GPU-a) to b (GPU-b), q (anna) moves from b (GPU-b) to c (GPU-c), "
        "which restarts them: run `labform lock` with --move p --move q"
    )
    assert place(projects, on, where, before, moving=["p"]).problems[0].code == "needs-moves"
    assert place(projects, on, where, before, moving=["p", "q"]).problems == []


SOME = st.sampled_from(ASKED[1:12]).map(lambda given: args(**given))
EASY = st.sampled_from([ASKED[1], ASKED[1], ASKED[3], ASKED[7], ASKED[8]]).map(lambda given: args(**given))
KEPT = st.lists(st.tuples(EASY, WHERE, st.booleans()), min_size=4, max_size=9)
FREE = {name: host.model_copy(update={"cpus": None, "memory": None}) for name, host in ON.items()}


def settled(some: list[tuple[ProjectArgs, tuple[str, ...], bool]]) -> tuple[dict[str, tuple], dict[str, Placement]]:
    """A lab that grew one by one and that some have left: it has holes, and is not packed as it would be anew."""
    asked = {f"p{place}": (project, where) for place, (project, where, _) in enumerate(some)}
    now: dict[str, Placement] = {}
    for name in asked:
        one = {key: asked[key] for key in [*now, name]}
        grown = place({key: p for key, (p, _) in one.items()}, FREE, {key: w for key, (_, w) in one.items()}, now)
        now = now if grown.problems else grown.places
    stay = {f"p{place}" for place, (_, _, left) in enumerate(some) if not left}
    now = {name: one for name, one in now.items() if name in stay}
    return {name: asked[name] for name in now}, now


def possible(request: object, where: Iterable[str], taken: frozenset[tuple[str, str]]) -> Iterable[frozenset]:
    """Every set of devices that serves a request; by trying all."""
    if request is None:
        yield frozenset()
        return
    for host in where:
        free = [one.id for one in units(FREE[host]) if one.serves(request) and (host, one.id) not in taken]
        yield from (frozenset((host, unit) for unit in some) for some in combinations(free, request.count))


def can_all(wanted: list[tuple[object, tuple[str, ...]]], taken: frozenset[tuple[str, str]]) -> bool:
    """Whether all can be placed together; by trying all."""
    if not wanted:
        return True
    (request, where), *rest = wanted
    return any(can_all(rest, taken | some) for some in possible(request, where, taken))


def fewest(kept: Mapping[str, tuple], now: Mapping[str, Placement], new: tuple) -> int | None:
    """The fewest of those who are there that must move for one more; by trying all; None where no four help."""
    asked = {name: (gpu_request(kept[name][0].gpus), kept[name][1]) for name in now}
    for count in range(5):
        for some in combinations(sorted(now), count):
            held = frozenset((one.host, unit) for name, one in now.items() if name not in some for unit in one.gpus)
            if can_all([(gpu_request(new[0].gpus), new[1]), *(asked[name] for name in some)], held):
                return count
    return None


@settings(max_examples=300)
@given(KEPT, st.tuples(SOME, WHERE))
def test_the_moves_are_the_fewest_and_they_do_make_it_fit(some: list, new: tuple) -> None:
    """Against trying everything: a plan is printed where there is one, none is shorter, and naming them is enough."""
    kept, now = settled(some)
    asked = {**kept, "new": new}
    projects, where = ({name: one[part] for name, one in asked.items()} for part in range(2))
    done = place(projects, FREE, where, now)
    least = fewest(kept, now, new)
    movers = movers_in(done)
    assert {name: one for name, one in done.places.items() if name != "new"} == now
    if least:
        assert [one.code for one in done.problems] == ["needs-moves"]
        assert len(movers) == least
        after = place(projects, FREE, where, now, moving=movers)
        assert after.problems == []
        assert {name for name in now if after.places[name] != now[name]} == {*movers}
    else:
        assert [one.code for one in done.problems] == ([] if least == 0 else ["no-gpu"])


@settings(max_examples=100)
@given(KEPT, st.lists(st.tuples(SOME, WHERE), min_size=2, max_size=3))
def test_moves_for_several_fit_together(some: list, new: list[tuple]) -> None:
    """All that is printed, done at once, leaves only those that fit nowhere."""
    kept, now = settled(some)
    asked = {**kept, **{f"new{place}": one for place, one in enumerate(new)}}
    projects, where = ({name: one[part] for name, one in asked.items()} for part in range(2))
    done = place(projects, FREE, where, now)
    after = place(projects, FREE, where, now, moving=movers_in(done))
    hopeless = {one.location[1] for one in done.problems if one.code != "needs-moves"}
    assert {one.location[1] for one in after.problems} == hopeless
    assert {name for name in now if after.places[name] != now[name]} == {*movers_in(done)}


def movers_in(done: Placing) -> list[str]:
    """Whoever the messages name after --move."""
    words = " ".join(one.hint for one in done.problems).split()
    return sorted({words[at + 1] for at, word in enumerate(words) if word == "--move"})
