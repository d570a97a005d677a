"""`labform build` with a stand-in `docker` that writes down what it is asked: what is built, pushed and refused."""

from pathlib import Path

import pytest
from labform.loading import read
from labform.lockfile import LockedBuild, write_lock
from labform.recipes import recipes_of

from tests.cli.conftest import Terminal
from tests.labs import project
from tests.plan.repository import FILE, PREBUILT, Repository, small

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab in the working directory, and the log of the stand-in; it fails for words that stand in `fails`."""
    made = Repository(tmp_path / "clone")
    made.write(small())
    log, fails, tool = tmp_path / "log", tmp_path / "fails", tmp_path / "bin" / "docker"
    fails.write_text("manifest")
    tool.parent.mkdir()
    loop = f'for word in $(cat {fails}); do [[ "$*" == *$word* ]] && exit 1; done'
    tool.write_text(f'#!/bin/bash\necho "$@" >> {log}\n{loop}\nexit 0\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    monkeypatch.chdir(made.folder)
    return log


def test_build_and_push(docker: Path, labform: Terminal) -> None:
    """A line for each project; every image is asked for, built under its recipe's hash, and pushed."""
    code, out, _ = labform("build", "--push", str(FILE))
    assert code == 0
    assert [line.rpartition(": ")[2] for line in out.splitlines()] == ["pushed", "pushed"]
    words = [line.split()[2] for line in docker.read_text().splitlines()]
    assert words == ["manifest", "build", "push"] * 2


def test_what_the_registry_has_is_not_built(docker: Path, labform: Terminal) -> None:
    """It is asked for, and that is all."""
    (docker.parent / "fails").write_text("")
    assert labform("build", "--push", str(FILE))[1].count("is in the registry") == 2
    assert "build" not in docker.read_text()


def test_a_build_that_fails(docker: Path, labform: Terminal) -> None:
    """The others are built, and the exit code says it."""
    (docker.parent / "fails").write_text("manifest unit/paper")
    code, out, error = labform("build", "--push", str(FILE))
    assert (code, error) == (1, "stacks/lab.yaml: error[build] failed: paper\n")
    assert "pushed" in out


def test_what_buildkit_builds_is_left_to_an_up(docker: Path, labform: Terminal) -> None:
    """It is refused at its field, and docker is asked for nothing."""
    Repository(docker.parent / "clone").write(small(builder={"engine": "buildkit"}))
    code, out, error = labform("build", "--push", str(FILE))
    assert (code, out, docker.exists()) == (1, "", False)
    assert error.startswith("stacks/lab.yaml:")
    assert "error[no-build] builder.engine: a BuildKit daemon's images are built by `pulumi up`" in error


def test_bases_are_built_before_what_stands_on_them(docker: Path, labform: Terminal) -> None:
    """A base and the base below it, once for two projects; each build is told where its base is."""
    (docker.parent / "clone" / "own").mkdir()
    (docker.parent / "clone" / "own" / "Dockerfile").write_text("ARG BASE\nFROM $BASE\n")
    above = {"kind": "dockerfile", "directory": "../own", "base": "sci-tools"}
    bases = {"sci-tools": {"environment": {**above, "base": "os"}}, "os": {"environment": PREBUILT}}
    lab = small(bases=bases, projects={name: project(environment=above) for name in ("a", "b")})
    Repository(docker.parent / "clone").write(lab)
    code, out, _ = labform("build", "--push", str(FILE))
    tags = {line.partition(": ")[0]: line.split(": ")[1] for line in out.splitlines()}
    assert (code, list(tags)) == (0, ["bases/os", "bases/sci-tools", "a", "b"])
    assert tags["bases/os"].startswith("registry.invalid/unit/bases/os:")
    builds = [line for line in docker.read_text().splitlines() if " build " in line]
    assert [line.count("--build-arg") for line in builds] == [0, 1, 1, 1]
    assert f"--build-arg LABFORM_BASE_OS={tags['bases/os']} " in builds[1]
    assert all(f"--build-arg LABFORM_BASE_SCI_TOOLS={tags['bases/sci-tools']} " in line for line in builds[2:])


def test_what_is_pinned_is_not_built(docker: Path, labform: Terminal) -> None:
    """It runs the image that the lock has; neither it nor its base is asked for."""
    repository = Repository(docker.parent / "clone")
    lab = small()
    repository.write(lab)
    draft = read(FILE)
    recipe = recipes_of(draft).recipes["paper"].hash
    built = LockedBuild(recipe=recipe, image=f"registry.invalid/unit/paper@sha256:{'d' * 64}")
    write_lock(draft.lock_path, draft.lock.model_copy(update={"builds": {"paper": built}}))
    lab["projects"]["paper"]["pinned"] = True
    repository.write(lab, lock=False)
    code, out, _ = labform("build", "--push", str(FILE))
    assert (code, [line.partition(":")[0] for line in out.splitlines()]) == (0, ["thesis"])
    assert "paper" not in docker.read_text()
