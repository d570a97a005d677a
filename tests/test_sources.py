"""Environments in Git repositories: resolved by the lock, fetched once, by commit, and trusting nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from labform.cli import app, freeze
from labform.environments import Pip
from labform.freeze import Change, Changed, Package
from labform.loading import load
from labform.problems import LabformError
from labform.sources import cache, fetch, resolve

from tests.environments.golden import write
from tests.labs import one_project, stack_file

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
LAB = one_project('{kind: pip, git: "ssh://git@host/REPOSITORY", commit: main}')
IMAGE = ("--image", f"python:3.12-slim=python@sha256:{'a' * 64}")


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit behind an `ssh` that is a local program, and a cache of its own."""
    folder = tmp_path / "repository"
    folder.mkdir()
    write(folder, {"requirements.txt": "six==1.17.0\n", "run.sh": "#!/bin/sh\n"})
    (folder / "run.sh").chmod(0o755)
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def environment(repository: Path, commit: str = "main") -> Pip:
    """An environment in the repository."""
    return Pip.model_validate({"kind": "pip", "git": f"ssh://git@host{repository}", "commit": commit})


@pytest.fixture
def labform(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a command, which must succeed."""

    def run(*words: str) -> None:
        """One command, with its words."""
        monkeypatch.setattr(sys, "argv", ["labform", *words])
        with pytest.raises(SystemExit) as ended:
            app()
        assert not ended.value.code

    return run


def test_a_branch_is_locked_and_a_preview_reads_the_cache_alone(
    repository: Path, tmp_path: Path, labform: Callable[..., None]
) -> None:
    """`labform lock` writes the commit; the branch moves on, the lab does not; nor is the repository asked."""
    path = stack_file(tmp_path / "lab", LAB.replace("REPOSITORY", str(repository)[1:]))
    before = git(repository, "rev-parse", "HEAD")
    labform("lock", str(path), *IMAGE)
    first = load(path)
    assert list(first.lock.sources.values()) == [before]
    write(repository, {"requirements.txt": "six==1.16.0\n"})
    git(repository, "commit", "--quiet", "-am", "second")
    labform("lock", str(path), *IMAGE)
    assert load(path).recipes["thesis"].hash == first.recipes["thesis"].hash
    shutil.move(repository, tmp_path / "gone")
    assert load(path).recipes["thesis"].hash == first.recipes["thesis"].hash
    shutil.rmtree(cache())
    with pytest.raises(LabformError, match=r"was not fetched on this machine; run `labform fetch"):
        load(path)
    shutil.move(tmp_path / "gone", repository)
    labform("fetch", str(path))
    assert load(path).recipes["thesis"].hash == first.recipes["thesis"].hash


def test_who_comes_back_finds_his_commit(repository: Path, tmp_path: Path, labform: Callable[..., None]) -> None:
    """A retired project's branch stays at its commit, with the tags below it, on machines that fetched it or not."""
    path = stack_file(tmp_path / "lab", LAB.replace("REPOSITORY", str(repository)[1:]))
    labform("lock", str(path), *IMAGE)
    before = load(path)
    kept = before.lock.model_copy(update={"projects": {}})
    path.write_text(path.read_text().replace("    run:", "    state: retired\n    run:"))
    write(repository, {"requirements.txt": "six==1.16.0\n"})
    git(repository, "commit", "--quiet", "-am", "second")
    for words in (("--offline",), ("--upgrade",)):
        labform("lock", str(path), *words)
        assert load(path).lock == kept
        cache().rename(tmp_path / "elsewhere")
        assert load(path).lock == kept
        (tmp_path / "elsewhere").rename(cache())
    path.write_text(path.read_text().replace("    state: retired\n", ""))
    labform("lock", str(path), "--offline")
    assert load(path).recipes["thesis"].hash == before.recipes["thesis"].hash


def test_what_was_installed_by_hand_is_not_written_into_the_cache(
    repository: Path,
    tmp_path: Path,
    labform: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was fetched stands for its commit: the change is shown, and belongs into the repository."""
    path = stack_file(tmp_path / "lab", LAB.replace("REPOSITORY", str(repository)[1:]))
    labform("lock", str(path), *IMAGE)
    before = load(path).recipes["thesis"].hash
    six = Change("six", Package("six", "1.17.0"), Package("six", "1.16.0"))
    monkeypatch.setattr(freeze, "container_of", lambda *_: nullcontext())
    monkeypatch.setattr(freeze, "changed_by_hand", lambda _: Changed(python=[six]))
    labform("freeze", str(path), "thesis")
    with pytest.raises(AssertionError):
        labform("freeze", str(path), "thesis", "--write")
    out, error = capsys.readouterr()
    assert out.count("+six==1.16.0") == 2
    assert f"make it in ssh://git@host{repository}, then run: labform lock {path} --upgrade thesis" in error
    assert load(path).recipes["thesis"].hash == before


def test_a_commit_is_fetched_once_and_kept_as_it_was(repository: Path) -> None:
    """Modes are those of the commit, files cannot be written by mistake, and there is no repository in it."""
    commit = git(repository, "rev-parse", "HEAD")
    place = fetch(environment(repository, commit), commit)
    assert place == cache() / commit
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in place.iterdir()} == {
        "requirements.txt": "0o444",
        "run.sh": "0o555",
    }
    shutil.move(repository, repository.with_name("gone"))
    assert fetch(environment(repository, commit), commit) == place


def test_settings_of_the_machine_change_no_byte(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line ends, filters and hooks that somebody's settings have are not used."""
    write(repository, {".gitattributes": "*.txt filter=evil text\n"})
    git(repository, "add", "-A")
    git(repository, "commit", "--quiet", "-m", "attributes")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    (hooks / "post-checkout").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[core]\nautocrlf = true\nhooksPath = {hooks}\n[filter "evil"]\nsmudge = touch {tmp_path}/filtered; cat\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    commit = git(repository, "rev-parse", "HEAD")
    place = fetch(environment(repository), commit)
    assert (place / "requirements.txt").read_bytes() == b"six==1.17.0\n"
    assert not (tmp_path / "hooked").exists()
    assert not (tmp_path / "filtered").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({".gitmodules": '[submodule "a"]\npath = a\nurl = ../a\n'}, "has submodules, which are not fetched"),
        (
            {"weights.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"},
            "weights.bin is kept by Git LFS",
        ),
    ],
)
def test_what_would_be_missing_is_refused(files: dict[str, str], message: str, repository: Path) -> None:
    """No build silently lacks a submodule or a large file; nothing half-fetched is left."""
    write(repository, files)
    git(repository, "add", "-A")
    git(repository, "commit", "--quiet", "-m", "more")
    with pytest.raises(LabformError, match=message):
        fetch(environment(repository), git(repository, "rev-parse", "HEAD"))
    assert list(cache().iterdir()) == []


def test_names_stand_for_commits(repository: Path) -> None:
    """A branch, an annotated tag and a full hash; a name that is nothing, a short hash and both at once are refused."""
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "one")
    assert [resolve(environment(repository, name)) for name in ("main", "v1", commit)] == [commit] * 3
    git(repository, "branch", "v1")
    for name, message in (
        ("v1", "a branch and a tag v1; write the commit"),
        ("mian", 'has no "mian"; no branch and no tag has this name'),
        (commit[:8], "a commit is written with all its 40 digits"),
    ):
        with pytest.raises(LabformError, match=message):
            resolve(environment(repository, name))


def test_a_commit_that_no_branch_has_is_said(repository: Path) -> None:
    """A hash of another repository is no commit of this one."""
    with pytest.raises(LabformError, match=r"has no commit a{40}"):
        fetch(environment(repository, "a" * 40), "a" * 40)


def test_a_repository_that_is_not_there_is_one_line(repository: Path) -> None:
    """Git's last word, without a traceback."""
    with pytest.raises(LabformError, match="error\\[git\\] ssh://git@host/nowhere: fatal: ") as error:
        resolve(Pip.model_validate({"kind": "pip", "git": "ssh://git@host/nowhere", "commit": "main"}))
    assert "\n" not in str(error.value)
    assert os.environ["XDG_CACHE_HOME"] not in str(error.value)
