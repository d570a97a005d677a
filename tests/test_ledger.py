"""What a lock should say next: valid assignments stay, and data is never moved, renamed or forgotten."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.ledger import plan
from labform.lockfile import Lock, LockedBuild, LockedProject, LockedVolume
from labform.stack_file import LabArgs

from tests.labs import GPUS, hosts, lab, project

EMPTY = Lock(lab="test")
DIGEST = f"@sha256:{'a' * 64}"
HOME = {"home": {"owner": "anna"}}
TWO = hosts(a={"gpus": GPUS}, b={})


def volume(state: str = "created", **given: Any) -> LockedVolume:
    """A volume of the lock."""
    return LockedVolume.model_validate({"state": state, "host": "local", "owner": "anna", "uid": 10042, **given})


def locked(**volumes: LockedVolume) -> Lock:
    """A lock with volumes."""
    return Lock(lab="test", volumes=volumes)


def states(args: LabArgs, lock: Lock) -> dict[str, str]:
    """The state of each volume in the lock that should be."""
    return {key: one.state for key, one in plan(args, lock, {}).lock.volumes.items()}


def test_a_first_lock_has_everything() -> None:
    """Images, planned volumes with owner and uid, and placements."""
    args = lab(volumes=HOME, projects={"p": project(mounts={"home": "/home/lab"}, service={"kind": "jupyter"})})
    assert plan(args, EMPTY, {"b:1": f"b{DIGEST}", "a:1": f"a{DIGEST}"}).lock.model_dump(exclude_none=True) == {
        "format": 1,
        "lab": "test",
        "images": {"a:1": f"a{DIGEST}", "b:1": f"b{DIGEST}"},
        "sources": {},
        "apt": {},
        "volumes": {"home": {"state": "planned", "host": "local", "owner": "anna", "uid": 10042}},
        "projects": {"p": {"host": "local", "gpus": (), "port": 20000}},
        "builds": {},
    }


def test_what_was_built_is_kept_as_long_as_its_project() -> None:
    """A retired project's image too, so that it can come back as it was."""
    builds = {key: LockedBuild(recipe="0" * 16, image=f"r/{key}{DIGEST}") for key in ("p", "q", "gone")}
    args = lab(projects={"p": project(), "q": project(state="retired")})
    assert plan(args, Lock(lab="test", builds=builds), {}).lock.builds == {key: builds[key] for key in ("p", "q")}


def test_the_next_lock_of_the_same_lab_is_the_same() -> None:
    """A lock is a fixed point: nothing to write, nothing to review."""
    args = lab(runs_on=hosts(local={"gpus": GPUS}), volumes=HOME, projects={"p": project(gpus=2), "q": project(gpus=1)})
    first = plan(args, EMPTY, {}).lock
    assert plan(args, first, {}).lock == first


@pytest.mark.parametrize(
    ("sections", "before", "after"),
    [
        ({"volumes": HOME}, {}, {"home": "planned"}),
        ({"volumes": HOME}, {"home": "planned"}, {"home": "planned"}),
        ({"volumes": HOME}, {"home": "created"}, {"home": "created"}),
        ({"volumes": HOME}, {"home": "retired"}, {"home": "created"}),
        ({"retired": HOME}, {"home": "created"}, {"home": "retired"}),
        ({"retired": HOME}, {"home": "planned"}, {"home": "retired"}),
        ({}, {"home": "retired"}, {"home": "retired"}),
        ({}, {"home": "planned"}, {}),
        ({}, {"home": "created"}, {"home": "created"}),
    ],
)
def test_the_life_of_a_volume(sections: dict[str, Any], before: dict[str, str], after: dict[str, str]) -> None:
    """Planned until it exists, created while it holds data, retired for good: a tombstone; data is never forgotten."""
    assert states(lab(**sections), locked(**{key: volume(state) for key, state in before.items()})) == after


def test_dropped_data_is_refused_with_the_line_to_write() -> None:
    """A volume that is no longer declared is lost to nobody: the line under `retired:` is there to be copied."""
    problems = plan(lab(), locked(home=volume(), old=volume("retired"), new=volume("planned")), {}).problems
    assert [(one.code, one.message, one.hint) for one in problems] == [
        (
            "volume-dropped",
            "volume home of anna holds data and is no longer declared",
            "write retired: {home: {owner: anna, host: local}}",
        )
    ]


def test_data_that_becomes_a_directory_is_dropped_data() -> None:
    """The same id for another kind of volume would hide what the first one holds."""
    args = lab(runs_on=hosts(local={"host_paths": ["/data"]}), volumes={"home": {"path": "/data/anna"}})
    assert [(one.code, one.location) for one in plan(args, locked(home=volume()), {}).problems] == [
        ("volume-dropped", ("volumes", "home"))
    ]


@pytest.mark.parametrize("section", ["volumes", "retired"])
@pytest.mark.parametrize("state", ["created", "retired"])
@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ({"owner": "anna", "host": "b"}, ("host",)),
        ({"owner": "berta", "host": "a"}, ("owner",)),
        ({"owner": "carla", "host": "a"}, ()),
    ],
)
def test_moved_data_is_refused_with_the_way(
    section: str, state: str, declared: dict[str, str], field: tuple[str, ...]
) -> None:
    """An edit of host, owner or uid would leave the data behind: each is a problem at its place."""
    people = {"anna": {"uid": 10042}, "berta": {"uid": 10042}, "carla": {"uid": 10077}}
    owner = "carla" if declared["owner"] == "carla" else "anna"
    args = lab(runs_on=TWO, people=people, **{section: {"home": declared}})
    problems = plan(args, locked(home=volume(state, host="a", owner=owner)), {}).problems
    assert [(one.code, one.location) for one in problems] == [("volume-moved", (section, "home", *field))]
    assert problems[0].hint == "declare a new volume, mount both, copy, then move this one to retired:"


def test_a_volume_that_is_only_planned_may_still_move() -> None:
    """There is no data yet."""
    args = lab(runs_on=TWO, volumes={"home": {"owner": "anna", "host": "b"}})
    made = plan(args, locked(home=volume("planned", host="a")), {})
    assert (made.lock.volumes["home"].host, made.problems) == ("b", ())


def test_a_renamed_project_takes_no_data_with_it() -> None:
    """Volumes have ids of their own: another name for a project touches none."""
    before = plan(lab(volumes=HOME, projects={"p": project(mounts={"home": "/data"})}), EMPTY, {}).lock
    after = plan(lab(volumes=HOME, projects={"q": project(mounts={"home": "/data"})}), before, {})
    assert (after.lock.volumes, after.problems) == (before.volumes, ())


def test_a_retired_project_frees_what_it_had() -> None:
    """Its GPUs go to whoever asks next; its volume stays."""
    gpu = hosts(local={"gpus": GPUS[:1]})
    before = plan(lab(runs_on=gpu, volumes=HOME, projects={"p": project(gpus=1)}), EMPTY, {}).lock
    both = {"p": project(gpus=1, state="retired"), "q": project(gpus=1)}
    after = plan(lab(runs_on=gpu, volumes=HOME, projects=both), before, {})
    assert after.lock.projects == {"q": LockedProject(host="local", gpus=("GPU-a",))}
    assert (after.lock.volumes, after.problems) == (before.volumes, ())


def test_what_does_not_fit_a_host_is_a_problem() -> None:
    """Capacity is judged where projects are placed."""
    args = lab(runs_on=hosts(local={"cpus": 1}), projects={"p": project(resources={"cpus": 2})})
    assert [one.code for one in plan(args, EMPTY, {}).problems] == ["no-room"]


IDS = st.sampled_from(["a", "b", "c"])


@given(st.dictionaries(IDS, st.sampled_from(["planned", "created", "retired"])), st.sets(IDS), st.sets(IDS))
def test_no_data_is_ever_forgotten(before: dict[str, str], declared: set[str], retired: set[str]) -> None:
    """Whatever is declared, data that exists stays in the lock, and dropping it is refused."""
    owned = {"owner": "anna"}
    args = lab(volumes=dict.fromkeys(declared, owned), retired=dict.fromkeys(retired - declared, owned))
    made = plan(args, locked(**{key: volume(state) for key, state in before.items()}), {})
    data = {key for key, state in before.items() if state != "planned"}
    dropped = {key for key, state in before.items() if state == "created"} - declared - retired
    assert data <= {*made.lock.volumes}
    assert len(made.problems) == len(dropped)


CLUSTER = {"kind": "kubernetes", "nodes": {"a": {"count": 1, "product": "A100-40GB", "gpus": 2}}}
CLAIM = {"home": {"owner": "anna", "size": "10Gi"}}


def in_cluster(
    volumes: dict[str, Any] = CLAIM, people: dict[str, Any] | None = None, retired: Any = None, **more: Any
) -> LabArgs:
    """A lab on a cluster with one claim."""
    runs_on = {**CLUSTER, **more}
    given = {"people": people} if people else {}
    return lab(runs_on=runs_on, registry={"address": "r"}, volumes=volumes, retired=retired or {}, **given)


def test_a_claim_is_locked_with_all_that_cannot_change() -> None:
    """Namespace, class, access and size stand in the lock, and no project has a host there."""
    found = plan(in_cluster(storage_classes={"volumes": "fast"}), EMPTY, {})
    assert found.problems == ()
    assert found.lock.volumes["home"].model_dump(exclude_none=True) == {
        "state": "planned", "namespace": "test-anna", "storage_class": "fast", "access": "ReadWriteOnce",
        "size": "10Gi", "owner": "anna", "uid": 10042,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        ({"namespace": "other"}, "volume-moved", "undo the edit"),
        ({"volumes": {"home": {"owner": "anna", "size": "5Gi"}}}, "volume-shrunk", "10Gi"),
        ({"volumes": {"home": {"owner": "ben", "size": "10Gi"}}}, "volume-moved", "kubectl cp"),
        ({"people": {"anna": {"uid": 20000}, "ben": {"uid": 10044}}}, "volume-moved", "uid"),
        ({"volumes": {}}, "volume-dropped", "size: 10Gi"),
        ({"volumes": {"home": {"claim": "home", "owner": "anna"}}}, "volume-dropped", "another id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_edit_that_would_leave_a_claim_behind_is_refused(edit: dict[str, Any], code: str, said: str) -> None:
    """Each with the way that keeps the data; nothing is left to the engine's protection."""
    people = {"anna": {"uid": 10042}, "ben": {"uid": 10044}}
    lock = plan(in_cluster(people=people), EMPTY, {}).lock
    created = {key: one.model_copy(update={"state": "created"}) for key, one in lock.volumes.items()}
    given = {"people": people, **edit}
    problems = plan(in_cluster(**given), lock.model_copy(update={"volumes": created}), {}).problems
    assert code in {problem.code for problem in problems}
    assert any(said in f"{problem.message} {problem.hint} {problem.location}" for problem in problems)


def test_another_class_is_for_new_volumes() -> None:
    """Each step of a migration passes: the class, a new volume beside the old one, the old one retired."""
    lock = plan(in_cluster(storage_classes={"volumes": "slow"}), EMPTY, {}).lock
    lock = lock.model_copy(update={"volumes": {"home": lock.volumes["home"].model_copy(update={"state": "created"})}})
    faster = {"storage_classes": {"volumes": "fast", "access": "ReadWriteMany"}}
    new = {"new": CLAIM["home"]}
    for volumes, retired in ((CLAIM, {}), ({**CLAIM, **new}, {}), (new, CLAIM)):
        found = plan(in_cluster(volumes=volumes, retired=retired, **faster), lock, {})
        assert found.problems == ()
        made = {key: (one.storage_class, one.access) for key, one in found.lock.volumes.items()}
        assert made == {
            "home": ("slow", "ReadWriteOnce"),
            **dict.fromkeys({*volumes} - {"home"}, ("fast", "ReadWriteMany")),
        }


def test_a_claim_may_grow() -> None:
    """The lock follows."""
    lock = plan(in_cluster(), EMPTY, {}).lock
    grown = plan(in_cluster(volumes={"home": {"owner": "anna", "size": "20Gi"}}), lock, {})
    assert grown.problems == ()
    assert grown.lock.volumes["home"].size == 20 * 1024**3
