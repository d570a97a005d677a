"""git as labform runs it: about the repository that is named, without a question."""

import shutil
import subprocess
from pathlib import Path

import pytest
from labform.git import git
from labform.problems import LabformError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


def test_a_hooks_repository_is_not_taken_for_the_named_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook runs with the variables of its own repository."""
    for name in ("a", "b"):
        subprocess.run(["git", "init", "--quiet", tmp_path / name], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "b" / ".git"))
    assert git("-C", tmp_path / "a", "rev-parse", "--show-toplevel").stdout == f"{tmp_path / 'a'}\n"


def test_names_of_files_are_any_bytes(tmp_path: Path) -> None:
    """What git prints is read as a file system's names are."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    Path(tmp_path / "x\udcff").touch()
    said = git("-C", tmp_path, "ls-files", "--others", "-z").stdout
    assert said == "x\udcff\0"


def test_without_git_there_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody sees a traceback for a program that is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabformError, match="there is no git on this machine; install it"):
        git("--version")
