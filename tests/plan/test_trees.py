"""The files of a commit: what is laid out, what is left out, and that nothing of it runs."""

import os
import subprocess
from pathlib import Path

import pytest
from labform.plan import trees
from labform.plan.trees import tree_of
from labform.problems import LabformError

from tests.plan.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository."""
    return Repository(tmp_path / "clone")


def test_files_as_they_are(repository: Repository) -> None:
    """Contents, the one mode bit that counts, names with spaces, and links that stay inside."""
    (repository.folder / "a b").mkdir()
    (repository.folder / "a b" / "ä.txt").write_bytes(b"\0\xff\n")
    (repository.folder / "run").write_text("x")
    (repository.folder / "run").chmod(0o755)
    (repository.folder / "a b" / "link").symlink_to("../run")
    commit = repository.commit()
    with tree_of(repository.folder, "HEAD") as tree:
        assert (tree.folder / "a b" / "ä.txt").read_bytes() == b"\0\xff\n"
        assert os.access(tree.folder / "run", os.X_OK)
        assert (tree.folder / "a b" / "link").read_text() == "x"
        assert (tree.left_out, tree.commit) == ((), commit)
    assert not tree.folder.exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "a/../../outside", "/proc/self/environ"])
def test_a_link_out_is_left_out(repository: Repository, target: str) -> None:
    """It is named, and nothing is read through it."""
    (repository.folder / "link").symlink_to(target)
    repository.commit()
    with tree_of(repository.folder, "HEAD") as tree:
        assert not (tree.folder / "link").is_symlink()
        assert tree.left_out == ("link: a link out of the repository",)


def test_a_chain_of_links_out_is_left_out(repository: Repository) -> None:
    """Each step stays inside by its words; together they do not."""
    (repository.folder / "deep" / "er").mkdir(parents=True)
    (repository.folder / "deep" / "er" / "file").write_text("x")
    (repository.folder / "a").symlink_to("deep/er")
    (repository.folder / "b").symlink_to("a/../../..")
    repository.commit()
    with tree_of(repository.folder, "HEAD") as tree:
        found = [one for one in tree.folder.rglob("*") if not one.resolve().is_relative_to(tree.folder)]
        assert found == []
        assert tree.left_out


def test_a_tree_made_by_hand_writes_nothing_outside(repository: Repository, tmp_path: Path) -> None:
    """Names that no checkout would make."""
    blob = subprocess.run(
        ["git", "-C", str(repository.folder), "hash-object", "-w", "--stdin"],
        input=b"evil", capture_output=True, check=True,
    ).stdout.strip().decode()  # fmt: skip
    names = ["../escaped", ".git/config", "/absolute", "a/../../b"]
    listing = b"".join(b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob) for name in sorted(names))
    made = subprocess.run(
        ["git", "-C", str(repository.folder), "hash-object", "-w", "--literally", "-t", "tree", "--stdin"],
        input=listing, capture_output=True, check=True,
    ).stdout.strip().decode()  # fmt: skip
    commit = repository.git("commit-tree", made, "-m", "a").strip()
    with tree_of(repository.folder, commit) as tree:
        assert sorted(one.name for one in tree.folder.rglob("*")) == [".git"]
        assert len(tree.left_out) == len(names)


def test_nothing_of_the_commit_is_run(repository: Repository, tmp_path: Path) -> None:
    """No hook, no filter, no attribute that hides a file or rewrites one."""
    mark = tmp_path / "ran"
    hooks = repository.folder / ".git" / "hooks"
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    (repository.folder / ".gitattributes").write_text("hidden export-ignore\nsubst export-subst\nf filter=evil\n")
    (repository.folder / "hidden").write_text("seen")
    (repository.folder / "subst").write_text("$Format:%H$")
    (repository.folder / "f").write_text("x")
    repository.commit()
    mark.unlink(missing_ok=True)
    repository.git("config", "filter.evil.smudge", f"touch {mark}; cat")
    with tree_of(repository.folder, "HEAD") as tree:
        assert (tree.folder / "hidden").read_text() == "seen"
        assert (tree.folder / "subst").read_text() == "$Format:%H$"
    assert not mark.exists()


def test_a_huge_file_is_stood_in_for(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its identity, so that a change is still seen; where the other side is the working tree, it is read in full."""
    monkeypatch.setattr(trees, "MAX_FILE", 100)
    (repository.folder / "big").write_text("x" * 1000)
    repository.commit()
    with tree_of(repository.folder, "HEAD") as tree:
        assert (tree.folder / "big").read_text().startswith("labform: content ")
    with tree_of(repository.folder, "HEAD", bounded=False) as tree:
        assert len((tree.folder / "big").read_text()) == 1000


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 1), ("MAX_TOTAL", 10)])
def test_a_commit_that_is_too_large_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """Before anything is laid out, with its size."""
    monkeypatch.setattr(trees, limit, value)
    for name in "ab":
        (repository.folder / name).write_text("x" * 100)
    repository.commit()
    with pytest.raises(LabformError, match=r"error\[too-large\] HEAD has 2 files"), tree_of(repository.folder, "HEAD"):
        pass


@pytest.mark.parametrize("ref", ["nope", "--help", "--output=/tmp/x", "HEAD:a", ""])
def test_a_name_that_is_no_commit(repository: Repository, ref: str) -> None:
    """It is said to be none, never taken as an option."""
    repository.commit()
    with pytest.raises(LabformError, match="no commit"), tree_of(repository.folder, ref):
        pass
