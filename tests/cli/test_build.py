"""`labform build` with a stand-in `docker` that writes down what it is asked: what is built, pushed and refused."""

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.plan.repository import FILE, Repository, small

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
