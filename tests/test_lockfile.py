"""The lock as a file: stable, reviewable, written whole or not at all."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.lock_changes import differences
from labform.lockfile import HEADER, Lock, LockedProject, LockedVolume, flow, lock_text, write_lock
from labform.yaml_tree import parse

DIGEST = f"python@sha256:{'a' * 64}"
FULL = Lock(
    lab="ds01",
    images={"python:3.12-slim": DIGEST},
    volumes={
        "work": LockedVolume(state="retired", host="gpu1", owner="anna", uid=10042),
        "home": LockedVolume(state="created", host="gpu1", owner="anna", uid=10042),
    },
    projects={
        "thesis": LockedProject(host="gpu1", gpus=("GPU-a", "GPU-b"), port=20000),
        "night": LockedProject(host="gpu1"),
    },
)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)


def back(text: str) -> Lock:
    """A lock from its text, as loading reads it."""
    return Lock.model_validate_json(json.dumps(parse(text).value))


def test_a_lock_is_one_line_per_entry_in_the_order_of_names() -> None:
    """Two branches that add a project each conflict nowhere else; a review sees what moves."""
    assert lock_text(FULL) == (
        f"{HEADER}format: 1\nlab: ds01\n"
        f"images:\n  python:3.12-slim: {DIGEST}\n"
        "volumes:\n"
        "  home: {state: created, host: gpu1, owner: anna, uid: 10042}\n"
        "  work: {state: retired, host: gpu1, owner: anna, uid: 10042}\n"
        "projects:\n"
        "  night: {host: gpu1}\n"
        "  thesis: {host: gpu1, gpus: [GPU-a, GPU-b], port: 20000}\n"
    )


def test_an_empty_lock_has_no_sections() -> None:
    """A lab without anything is two lines and a header."""
    assert lock_text(Lock(lab="ds01")) == f"{HEADER}format: 1\nlab: ds01\n"


def test_a_lock_is_read_as_it_was_written() -> None:
    """Nothing is lost on the way through the file."""
    assert back(lock_text(FULL)) == FULL


@given(
    st.dictionaries(NAMES, st.builds(LockedProject, host=NAMES, port=st.none() | st.integers(1, 65535)), max_size=4),
    st.dictionaries(
        NAMES, st.builds(LockedVolume, state=st.just("created"), owner=NAMES, uid=st.integers(0, 10**9)), max_size=4
    ),
)
def test_no_name_changes_on_its_way_through_the_file(
    projects: dict[str, LockedProject], volumes: dict[str, LockedVolume]
) -> None:
    """People and hosts may be called `1e3`, `null`, `y` or `0`."""
    lock = Lock(lab="x", projects=projects, volumes=volumes)
    assert back(lock_text(lock)) == lock


@pytest.mark.parametrize("owner", ["2026", "1e3", "12e4", "0", "12", "null", "true", "yes", "on", "010", "0x1f", "1-2"])
def test_a_name_that_looks_like_another_value_is_quoted(owner: str) -> None:
    """PyYAML and YAML 1.2 do not agree about numbers: the file is read as the latter."""
    lock = Lock(lab=owner, volumes={owner: LockedVolume(state="planned", owner=owner, uid=1)})
    assert back(lock_text(lock)) == lock


OTHERS = ["y", "N", "1e-4", "5E5", "1.5e3", "-1e-3", "+.5e1", "089", "0o17", "0O17", "0X1F", "0B1", "1_0e3", "1.", "~"]


@pytest.mark.parametrize("text", [*OTHERS, "012", "no", "1:30", "2026-01-01", ".inf"])
def test_text_that_others_take_for_a_value_is_quoted(text: str) -> None:
    """A number or a truth value to kubectl, though it is text to PyYAML."""
    assert flow(text) == f"'{text}'"


def test_other_text_is_not_quoted() -> None:
    """What nobody takes for something else."""
    plain = ["1.2.3", "0a1b", "1e", "e3", "yes-no", "GPU-1", "v1", "089abcdef0123456"]
    assert [flow(one) for one in plain] == plain


def test_a_lock_is_written_once(tmp_path: Path) -> None:
    """What says that already is not touched; a folder that is missing is made."""
    path = tmp_path / "stacks" / "ds01.lock"
    assert write_lock(path, FULL)
    os.utime(path, (1, 1))
    assert not write_lock(path, FULL)
    assert path.stat().st_mtime == 1
    assert write_lock(path, Lock(lab="ds01"))
    assert [one.name for one in path.parent.iterdir()] == ["ds01.lock"]


def test_a_write_that_fails_leaves_the_old_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new text is put beside and moved: no reader ever sees half a lock."""
    path = tmp_path / "ds01.lock"
    write_lock(path, FULL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_lock(path, Lock(lab="ds01"))
    assert path.read_text() == lock_text(FULL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": 2},
        {"lab": "A"},
        {"images": {"a:1": "a:2"}},
        {"volumes": {"v": {"state": "gone", "owner": "a", "uid": 1}}},
        {"projects": {"p": {"host": "h", "gpus": ["0"]}}},
        {"projects": {"p": {"host": "h", "port": 0}}},
        {"project": {}},
    ],
)
def test_an_edited_lock_is_refused(wrong: dict[str, object]) -> None:
    """A lock is strict: an index of a GPU, a tag as a digest and unknown keys are errors."""
    with pytest.raises(ValueError, match="validation error"):
        Lock.model_validate_json(json.dumps({"lab": "x", **wrong}))


def test_differences_are_judged_by_entry() -> None:
    """Missing, other and needless entries are told apart, and what is equal is not named."""
    wanted = FULL.model_copy(
        update={
            "images": {"python:3.13-slim": DIGEST},
            "volumes": {**FULL.volumes, "new": FULL.volumes["home"]},
            "projects": {"thesis": LockedProject(host="gpu2")},
        }
    )
    assert [str(one) for one in differences(FULL, wanted, "labform lock x", {"thesis": "because"})] == [
        "error[stale-lock] python:3.12-slim: the lock has it still; run `labform lock x`",
        "error[stale-lock] python:3.13-slim: is not in the lock; run `labform lock x`",
        "error[stale-lock] volumes.new: is not in the lock; run `labform lock x`",
        "error[stale-lock] projects.night: the lock has it still; run `labform lock x`",
        (
            "error[stale-lock] projects.thesis: the lock has host gpu1, now gpu2, gpus [GPU-a, GPU-b], now [], "
            "port 20000, now none: because; run `labform lock x`"
        ),
    ]
    assert differences(FULL, FULL, "labform lock x", {}) == []


def test_a_lock_knows_its_placements() -> None:
    """What was assigned is where the next placing starts."""
    place = FULL.placements()["thesis"]
    assert (place.host, place.gpus, place.port) == ("gpu1", ("GPU-a", "GPU-b"), 20000)
