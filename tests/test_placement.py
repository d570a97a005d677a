"""Who gets which GPU: each once, the same for the same lab, and nobody moves without a reason."""

from collections.abc import Mapping

import pytest
from labform.hosts import Host
from labform.placement import Placement, place, units
from labform.problems import Problem
from labform.project import ProjectArgs
from labform.resources import Limits

from tests.labs import GPUS, args, hosts, lab, placed
from tests.test_placement_properties import limits

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
    done = place(projects, on, {name: (where or {}).get(name, sorted(on)) for name in projects}, before or {})
    return done.places, done.problems


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
        ({"memory": ">=5Gi"}, placed("a", "MIG-0")),
        ({"memory": ">=6Gi"}, placed("b", "GPU-x")),
        ({"memory": ">=41Gi"}, placed("a", "GPU-h")),
        ({"memory": ">=1Gi", "count": 2}, placed("a", "GPU-a", "GPU-b")),
        ({"memory": ">=1Gi", "model": "H100-80GB"}, placed("a", "GPU-h")),
    ],
)
def test_a_request_gets_definite_ids(gpus: object, expected: Placement) -> None:
    """The host that fits tightest, and its first units: ids, never a count."""
    assert placing({"p": args(gpus=gpus)}) == ({"p": expected}, [])


@pytest.mark.parametrize(
    ("gpus", "message"),
    [
        (7, "asks for 7 GPUs, a has 5; one host must have all"),
        ({"model": "V100"}, "no V100 on a, b; there is: 1g.5gb, A100-40GB, H100-80GB"),
        ({"mig": "3g.20gb"}, "no 3g.20gb on a, b; there is: 1g.5gb, A100-40GB, H100-80GB"),
        (
            {"uuid": "GPU-m"},
            (
                "GPU-m is split into MIG instances and not given whole; "
                "its instances: MIG-0 (1g.5gb), MIG-1 (1g.5gb), MIG-2 (1g.5gb)"
            ),
        ),
        (
            {"mig": "1g.5gb", "model": "H100-80GB"},
            "no H100-80GB 1g.5gb on a, b; there is: 1g.5gb, A100-40GB, H100-80GB",
        ),
        ({"uuid": "MIG-9"}, 'no MIG-9 on a, b; did you mean "MIG-2"?'),
        ({"model": "H100-90GB"}, 'no H100-90GB on a, b; did you mean "H100-80GB"?'),
        ({"memory": ">=141Gi"}, "no GPU with >=141Gi on a, b; there is: 1g.5gb 5Gi, A100-40GB 40Gi, H100-80GB 80Gi"),
        (
            {"memory": ">=41Gi", "model": "A100-40GB"},
            "no A100-40GB with >=41Gi on a, b; there is: 1g.5gb 5Gi, A100-40GB 40Gi, H100-80GB 80Gi",
        ),
        ({"memory": ">=80Gi", "count": 2}, "asks for 2 GPUs with >=80Gi, a has 1; one host must have all"),
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
    held = "GPU-a by late (anna), GPU-b by late (anna)"
    message = f"projects.big.gpus: asks for 4 GPUs, free: 3 of 5 on a, 1 of 1 on b; held: {held}"
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


MERGED = {
    "gpus": ({"gpus": 1}, placed("a", "GPU-a"), "GPU-a"),
    "service": ({"service": JUPYTER}, placed("a", port=20001), "port 20001 of a"),
}


@pytest.mark.parametrize("field", MERGED)
def test_two_locked_on_the_same_are_refused(field: str) -> None:
    """A lock that was merged gives something to two: nobody but people knows which of the two is deployed."""
    given, place_of_both, what = MERGED[field]
    _, problems = placing({"p": args(**given), "q": args(**given)}, dict.fromkeys("pq", place_of_both))
    assert [str(one) for one in problems] == [
        (
            f"error[lock-conflict] projects.q.{field}: the lock gives {what} to p (anna) and to q (anna), as two locks "
            "that were merged; run `labform lock` with --move q or --move p, whichever is not deployed: it gets another"
        )
    ]


@pytest.mark.parametrize("field", MERGED)
@pytest.mark.parametrize(("moving", "stays"), [("p", "q"), ("q", "p")])
def test_who_is_named_gets_another(field: str, moving: str, stays: str) -> None:
    """Of two that the lock gives the same, the one that is named moves and the other keeps it."""
    given, place_of_both, what = MERGED[field]
    projects = {"p": args(**given), "q": args(**given)}
    done = place(projects, HOSTS, {key: ["a"] for key in "pq"}, dict.fromkeys("pq", place_of_both), moving=[moving])
    assert (done.places[stays], done.problems) == (place_of_both, [])
    assert done.places[moving] != place_of_both
    assert done.ended == {moving: f"{what} is given to {stays}"}


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
        "error[port-taken] projects.q.service.host_port: port 20000 of a is held by p (anna); free: 20001"
    ]


def test_a_range_that_is_full_is_said() -> None:
    """The fifth service of a host with four ports."""
    projects = {f"p{number}": args(service=JUPYTER) for number in range(5)}
    _, problems = placing(projects, on={"a": HOSTS["a"]})
    assert [str(one) for one in problems] == [
        "error[no-port] projects.p4.service: no port of 20000-20003 is free on a; write a wider ports: for the host"
    ]


def test_busy_ports_are_left_to_those_who_have_them() -> None:
    """A port that something else holds is given to no new service; one that the lock gave is kept."""
    projects = {name: args(service=JUPYTER) for name in ("old", "new")}
    before = {"old": placed("a", port=20000)}
    where = {name: ["a"] for name in projects}
    places = place(projects, HOSTS, where, before, {"a": [20000, 20001]}).places
    assert {name: one.port for name, one in places.items()} == {"new": 20002, "old": 20000}


def mixed(**hosts_of: list[dict[str, object]]) -> Mapping[str, Host]:
    """Hosts with these GPUs."""
    return lab(runs_on=hosts(**{name: {"gpus": gpus} for name, gpus in hosts_of.items()})).hosts


def gpu(uuid: str, model: str = "A100-40GB", *profiles: str, **more: object) -> dict[str, object]:
    """A GPU, with instances of these profiles."""
    instances = [{"uuid": f"MIG-{uuid}-{place}", "profile": one} for place, one in enumerate(profiles)]
    return {"uuid": f"GPU-{uuid}", "model": model, **({"mig": instances} if instances else {}), **more}


SLICED = mixed(
    a=[
        gpu("a", "A100-40GB", "3g.20gb", "2g.10gb", "1g.5gb"),
        gpu("b", "A100-80GB", "1g.10gb+me", "1g.10gb"),
        gpu("c", "H100-80GB"),
        gpu("d", "Unheard-Of"),
        gpu("e", "Unheard-Of", memory="48Gi"),
    ]
)


@pytest.mark.parametrize(
    ("memory", "unit"),
    [
        (">=1Gi", "MIG-a-2"),
        (">=5Gi", "MIG-a-2"),
        (">=6Gi", "MIG-b-1"),
        (">=10Gi", "MIG-b-1"),
        (">=10240Mi", "MIG-b-1"),
        (">=10.5Gi", "MIG-a-0"),
        (">=20Gi", "MIG-a-0"),
        (">=21Gi", "GPU-e"),
        (">=48Gi", "GPU-e"),
        (">=49Gi", "GPU-c"),
        (">=80Gi", "GPU-c"),
    ],
)
def test_memory_is_served_by_the_smallest_that_is_enough(memory: str, unit: str) -> None:
    """Instances before GPUs, few compute slices before many, without media engines before with."""
    places, problems = placing({"p": args(gpus={"memory": memory})}, on=SLICED)
    assert (places["p"].gpus, problems) == ((unit,), [])


def test_the_next_larger_serves_when_the_smallest_is_held() -> None:
    """Three that need 10Gi: the plain instance, the one with media engines, then the one with more compute."""
    projects = {name: args(gpus={"memory": ">=10Gi"}) for name in "pqr"}
    places, _ = placing(projects, on=SLICED)
    assert [places[name].gpus for name in "pqr"] == [("MIG-b-1",), ("MIG-b-0",), ("MIG-a-1",)]


def test_an_instance_is_exactly_of_its_profile() -> None:
    """`mig:` is no lower bound: a larger instance that is free serves nobody who named a smaller one."""
    _, problems = placing({"p": args(gpus={"mig": "1g.10gb"}), "q": args(gpus={"mig": "1g.10gb"})}, on=SLICED)
    assert [str(one) for one in problems] == [
        "error[no-gpu] projects.q.gpus: asks for 1 x 1g.10gb, free: 0 of 1 on a; held: MIG-b-1 by p (anna)"
    ]


def test_a_model_of_one_size_may_be_written_short() -> None:
    """`H200` and `H200-141GB` are one model."""
    on = mixed(a=[gpu("a", "H200-141GB"), gpu("b", "A100-40GB")])
    assert placing({"p": args(gpus={"model": "H200"})}, on=on)[0]["p"].gpus == ("GPU-a",)


def test_two_gpus_are_of_one_model_where_that_can_be() -> None:
    """A job over two GPUs waits for the slower one: a host with a pair comes before one with the smaller first."""
    on = mixed(a=[gpu("a"), gpu("b", "H100-80GB")], b=[gpu("c", "H100-80GB"), gpu("d", "H100-80GB"), gpu("e")])
    assert placing({"p": args(gpus=2)}, on=on)[0]["p"] == placed("b", "GPU-c", "GPU-d")
    assert placing({"p": args(gpus=2)}, on={"a": on["a"]})[0]["p"] == placed("a", "GPU-a", "GPU-b")


def test_the_last_large_block_is_broken_up_last() -> None:
    """One GPU comes from the host that has one left, so that four stay together."""
    on = mixed(a=[gpu(one) for one in "abcd"], b=[gpu("e"), gpu("f")])
    places, _ = placing({"p": args(gpus=1), "q": args(gpus=1), "r": args(gpus=1)}, on=on)
    assert [places[name].host for name in "pqr"] == ["b", "b", "a"]


def test_instances_come_from_the_gpu_that_is_used_already() -> None:
    """A GPU whose instances are all free stays so: its layout can still be changed."""
    on = mixed(a=[gpu("a", "A100-40GB", "1g.5gb", "1g.5gb"), gpu("b", "A100-40GB", "1g.5gb", "1g.5gb")])
    projects = {name: args(gpus={"mig": "1g.5gb"}) for name in "pq"}
    places, _ = placing(projects, {"p": placed("a", "MIG-b-0")}, on=on)
    assert places["q"].gpus == ("MIG-b-1",)


SMALL = lab(runs_on=hosts(a={"cpus": 4, "memory": "8Gi", "gpus": [gpu("a")]}, b={"cpus": 8, "memory": "4Gi"})).hosts


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (limits(9, 1), "no-room: asks for 9 CPUs and 1Gi of memory; a has 2 of 4 CPUs free, b has 8 of 8 CPUs free"),
        (limits(1, 9), "no-room: asks for 1 CPUs and 9Gi of memory; a has 3Gi of 8Gi memory free, b has 4Gi of 4Gi"),
        (limits(3, 6), "no-room: asks for 3 CPUs and 6Gi of memory; a has 2 of 4 CPUs and 3Gi of 8Gi memory free"),
        (limits(8, 4), ""),
        (limits(2, 3), ""),
    ],
)
def test_cpus_and_memory_are_summed_by_host(needs: Limits, said: str) -> None:
    """What is asked beside what is held; the holders are named with their owners and what is shared memory."""
    projects = {"old": args(), "new": args()}
    before = {"old": placed("a")}
    where = {key: ["a", "b"] for key in projects}
    fits = {"old": limits(2, 5), "new": needs}
    done = place(projects, SMALL, where, before, limits=fits)
    shown = [f"{one.code}: {one.message}" for one in done.problems]
    assert len(shown) == bool(said)
    assert all(one.startswith(said) for one in shown)
    if said:
        assert "old (anna) " in done.problems[0].hint


def test_projects_that_have_grown_beyond_their_host_are_refused() -> None:
    """The lock keeps everybody where they are; what they now ask for together is more than there is."""
    projects = {"p": args(), "q": args()}
    grown = {"p": limits(3, 2), "q": limits(2, 7)}
    done = place(projects, SMALL, {key: ["a"] for key in "pq"}, dict.fromkeys("pq", placed("a")), limits=grown)
    assert [str(one) for one in done.problems] == [
        "error[over-commit] runs_on.hosts.a.cpus: 5 CPUs asked of 4: p (anna) 3, q (anna) 2",
        (
            "error[over-commit] runs_on.hosts.a.memory: 9Gi asked of 8Gi: "
            "q (anna) 7Gi (1Gi of it shared), p (anna) 2Gi (1Gi of it shared)"
        ),
    ]


@pytest.mark.parametrize(
    ("kept", "given", "reason"),
    [
        (placed("gone", "GPU-a"), {"gpus": 1}, "the lab has no host gone"),
        (placed("b", "GPU-x"), {"gpus": 1}, "its volumes and host: allow a"),
        (placed("a", "GPU-x"), {"gpus": 1}, "GPU-x is not a device of a"),
        (placed("a", "GPU-a"), {"gpus": 2}, "asks for 2 GPUs, the lock gives 1"),
        (placed("a", "GPU-a"), {}, "asks for no GPU, the lock gives 1"),
        (placed("a", "GPU-a"), {"gpus": {"model": "H100-80GB"}}, "asks for 1 x H100-80GB, GPU-a is A100-40GB"),
        (placed("a", "MIG-0"), {"gpus": {"memory": ">=40Gi"}}, "asks for 1 GPU with >=40Gi, MIG-0 is 1g.5gb"),
        (placed("a"), {"service": JUPYTER}, "it has no port yet"),
        (placed("a", port=20000), {}, "port 20000 is no longer asked for"),
        (placed("a", port=9999), {"service": JUPYTER}, "port 9999 is outside 20000-20003 of a"),
        (
            placed("a", port=20000),
            {"service": {**JUPYTER, "host_port": 1024}},
            "asks for port 1024, the lock gives 20000",
        ),
    ],
)
def test_why_the_lock_no_longer_holds_is_said(kept: Placement, given: dict[str, object], reason: str) -> None:
    """One reason for each entry that ends."""
    assert place({"p": args(**given)}, HOSTS, {"p": ["a"]}, {"p": kept}).ended == {"p": reason}
