"""What the environments of a lab need of its lock: versions of Debian packages, and the same on every clone."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from labform.environments.debian import AptNeed
from labform.loading import load, plan_of, read
from labform.lockfile import Lock, LockedApt, write_lock
from labform.problems import ProblemsError
from labform.recipes import recipes_of

from tests.environments.golden import write
from tests.labs import stack_file

LAB = """\
format: 1
lab: test
runs_on: {kind: docker, hosts: {local: {gpus: [{uuid: GPU-a, model: A100-40GB}]}}}
bases:
  python: {image: "python:3.12-slim"}
  tools: {environment: {kind: pip, directory: tools, base: python, apt: [bc, less=608-2]}}
defaults: {base: python}
people: {anna: {uid: 10042}}
projects:
  a: {owner: anna, environment: {kind: pip, directory: a, base: tools, apt: [git]}, gpus: 1, run: {command: [a]}}
  b: {owner: anna, environment: {kind: dockerfile, directory: b, apt: [git]}, run: {command: [a]}}
  c: {owner: anna, environment: {kind: pip, directory: a, apt: [less=608-2]}, run: {command: [a]}}
"""
DIGEST = f"@sha256:{'a' * 64}"
APT = {
    "a": LockedApt(image="python:3.12-slim", packages={"git": "1:2.39.5-0"}),
    "b": LockedApt(image="debian:12", packages={"git": "1:2.39.2-1"}),
    "bases/tools": LockedApt(image="python:3.12-slim", packages={"bc": "1.07.1-3"}),
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A lab with its lock, in a repository."""
    files = {"tools/requirements.txt": "six==1.17.0\n", "a/requirements.txt": "six==1.17.0\n"}
    write(tmp_path, {**files, "b/Dockerfile": "FROM debian:12 AS first\nFROM first\nRUN true\n"})
    path = stack_file(tmp_path, LAB)
    locked(path, **APT)
    return path


def locked(path: Path, **apt: LockedApt) -> None:
    """Write a lock with these versions."""
    draft = read(path)
    images = {tag: f"{tag.partition(':')[0]}{DIGEST}" for tag in ("python:3.12-slim", "debian:12")}
    draft = replace(draft, lock=draft.lock.model_copy(update={"images": images}))
    write_lock(path.with_suffix(".lock"), plan_of(draft, recipes_of(draft)).lock.model_copy(update={"apt": apt}))


def refused(path: Path) -> list[str]:
    """What loading a lab says."""
    with pytest.raises(ProblemsError) as error:
        load(path)
    return str(error.value).splitlines()


def test_packages_without_a_version_need_one(lab: Path) -> None:
    """Asked of the image at the bottom: of stages, of bases; a version that is written needs no lock."""
    assert recipes_of(read(lab)).apt == {
        "a": AptNeed("python:3.12-slim", frozenset({"git"})),
        "b": AptNeed("debian:12", frozenset({"git"})),
        "bases/tools": AptNeed("python:3.12-slim", frozenset({"bc"})),
    }


def test_locked_versions_are_installed(lab: Path) -> None:
    """Each project's own, and a base's."""
    recipes = load(lab).recipes
    assert " git=1:2.39.5-0 " in recipes["a"].dockerfile
    assert " git=1:2.39.2-1 " in recipes["b"].dockerfile
    assert " bc=1.07.1-3 less=608-2 " in recipes["a"].bases["tools"].dockerfile
    assert " less=608-2 " in recipes["c"].dockerfile


@pytest.mark.parametrize(
    ("entry", "locked_apt", "said"),
    [
        ("a", None, "projects.a.environment.apt: is not in the lock"),
        (
            "b",
            LockedApt(image="debian:11", packages={"git": "1"}),
            "projects.b.environment.apt: the lock has image debian:11, now debian:12",
        ),
        (
            "b",
            LockedApt(image="debian:12", packages={"curl": "1"}),
            "projects.b.environment.apt: the lock has packages [curl=1], now [git]",
        ),
        ("bases/tools", None, "bases.tools.environment.apt: is not in the lock"),
        ("c", LockedApt(image="debian:12", packages={"x1": "1"}), "projects.c.environment.apt: the lock has it still"),
    ],
)
def test_a_stale_entry_is_refused(lab: Path, entry: str, locked_apt: LockedApt | None, said: str) -> None:
    """Missing, of another image, of other packages, or not needed: one line at its place, with the command."""
    apt = {key: one for key, one in {**APT, entry: locked_apt}.items() if one}
    locked(lab, **apt)
    (line,) = refused(lab)
    assert line.endswith(f"error[stale-lock] {said}; run `labform lock {lab}`")


def test_who_comes_back_finds_the_versions(lab: Path) -> None:
    """A retired project's stay in the lock, and those of a base that only it stood on."""
    lab.write_text(LAB.replace("gpus: 1, run: {command: [a]}", "run: {command: [a]}, state: retired", 1))
    locked(lab, **APT)
    assert load(lab).lock.apt == APT


@pytest.mark.parametrize("readable", [True, False])
def test_who_comes_back_finds_the_image_at_the_bottom(lab: Path, *, readable: bool) -> None:
    """A retired project's tags stay, with those of the base that only it stood on, and though its files are gone."""
    lab.write_text("".join(line for line in LAB.splitlines(keepends=True) if not line.startswith(("  b:", "  c:"))))
    lab.write_text(lab.read_text().replace("base: tools, apt: [git]", "base: tools"))
    locked(lab, **{name: one for name, one in APT.items() if name == "bases/tools"})
    before = load(lab).lock.images
    lab.write_text(lab.read_text().replace("gpus: 1, ", "state: retired, "))
    if not readable:
        shutil.rmtree(lab.parent / "a")
    draft = read(lab)
    assert plan_of(draft, recipes_of(draft)).lock.images == before == {"python:3.12-slim": f"python{DIGEST}"}


def test_other_versions_rebuild_who_has_them_alone(lab: Path) -> None:
    """A base's are those of who stands on it."""
    before = {name: one.hash for name, one in load(lab).recipes.items()}
    for entry, changed in (("a", {"a"}), ("b", {"b"}), ("bases/tools", {"a"})):
        packages = dict.fromkeys(APT[entry].packages, "9")
        locked(lab, **{**APT, entry: APT[entry].model_copy(update={"packages": packages})})
        after = {name: one.hash for name, one in load(lab).recipes.items()}
        assert {name for name in before if before[name] != after[name]} == changed, entry


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_another_clone_has_the_same_references(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A lock made here gives there, by another umask and at another path, the same images, GPUs and recipes."""
    folder, other = lab.parent, tmp_path_factory.mktemp("elsewhere") / "a clone"
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "a"]):
        subprocess.run(["git", "-C", folder, *settings, *words], check=True)
    before = os.umask(0o077)
    try:
        subprocess.run(["git", "clone", "--quiet", folder, other], check=True)
    finally:
        os.umask(before)
    here, there = load(lab), load(other / lab.name)
    assert here.lock == there.lock
    assert {name: one.hash for name, one in here.recipes.items()} == {
        name: one.hash for name, one in there.recipes.items()
    }
    assert {name: one.text for name, one in here.recipes.items()} == {
        name: one.text for name, one in there.recipes.items()
    }
    assert all(DIGEST in one.dockerfile or one.bases for one in there.recipes.values())
    made = recipes_of(there)
    assert plan_of(there, made).lock.model_copy(update={"apt": there.lock.apt}) == there.lock


def test_a_lock_without_versions_is_a_lock() -> None:
    """A lab without Debian packages has no section for them."""
    assert Lock(lab="x").model_dump(exclude_defaults=True) == {"lab": "x"}
