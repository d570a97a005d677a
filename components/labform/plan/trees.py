"""The files of a commit as a folder, for comparing two sides of a change.

Nothing is checked out and nothing of the commit runs: no hook, no filter, no attribute of its own. Sizes are bounded,
and a link is made only where it stays inside.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from labform.git import git
from labform.problems import LabformError, brief

MAX_FILES = 50_000
MAX_TOTAL = 1024**3
MAX_FILE = 64 * 1024**2
"""What is read of one commit: files, bytes together, and bytes of one file. A larger file is stood in for."""


@dataclass(frozen=True)
class Tree:
    """The files of one side: where they lie, and what was left out of them."""

    folder: Path
    left_out: tuple[str, ...] = ()
    commit: str = ""


@dataclass(frozen=True)
class _Entry:
    """One file of a commit, as `git ls-tree` lists it."""

    mode: str
    object_id: str
    size: int
    name: str


@contextmanager
def tree_of(repository: Path, ref: str, *, bounded: bool = True) -> Iterator[Tree]:
    """The files of a commit in a folder that is gone afterwards.

    With `bounded`, each file above MAX_FILE is a short text that names its content, which is enough to see whether it
    changed. Raises LabformError for a commit that is not there or is larger than what is read.
    """
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    if not commit:
        raise LabformError(f'error[git] no commit "{brief(ref)}"; fetch it, or name another with --base')
    entries = [one for one in _entries(repository, commit) if one.mode != "160000"]
    total = sum(one.size for one in entries if not bounded or one.size <= MAX_FILE)
    if len(entries) > MAX_FILES or total > MAX_TOTAL:
        what = f"{len(entries)} files, {total / 1024**2:.0f} MiB"
        raise LabformError(f"error[too-large] {brief(ref)} has {what}: more than is read ({MAX_FILES}, 1 GiB)")
    with TemporaryDirectory(prefix="labform-") as made:
        folder = Path(made).resolve()
        left_out = _write(repository, folder, entries, MAX_FILE if bounded else MAX_TOTAL)
        # The root of a lab is found by this mark, as in the clone.
        (folder / ".git").touch()
        yield Tree(folder, tuple(left_out), commit)


def repository_of(folder: Path) -> Path:
    """The top of the repository that a folder is in; LabformError if it is in none."""
    top = _git(folder, "rev-parse", "--show-toplevel").strip()
    if not top:
        raise LabformError("error[git] this folder is in no git repository; a plan compares two commits")
    return Path(top)


def _git(folder: Path, *words: str) -> str:
    """What git prints; empty if it fails."""
    done = git("-C", folder, *words)
    return done.stdout if done.returncode == 0 else ""


def _entries(repository: Path, commit: str) -> Iterator[_Entry]:
    for line in _git(repository, "ls-tree", "-r", "-z", "--long", "--full-tree", commit).split("\0"):
        if line:
            about, _, name = line.partition("\t")
            mode, _, object_id, size = about.split()
            yield _Entry(mode, object_id, int(size) if size.isdigit() else 0, name)


def _write(repository: Path, folder: Path, entries: list[_Entry], largest: int) -> list[str]:
    """Lay out the files, links last; return what was left out, in words."""
    left_out = [f"{brief(one.name)}: not a plain path" for one in entries if not _plain(one.name)]
    kept = [one for one in entries if _plain(one.name)]
    process = subprocess.Popen(
        ["git", "-C", str(repository), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None  # noqa: S101  it was asked for
    assert process.stdout is not None  # noqa: S101
    links: list[tuple[Path, str, str]] = []
    with process:
        for one in kept:
            place = folder / one.name
            place.parent.mkdir(parents=True, exist_ok=True)
            if one.size > largest:
                place.write_text(f"labform: content {one.object_id}\n")
                continue
            content = _content(process.stdin, process.stdout, one)
            if one.mode == "120000":
                links.append((place, content.decode("utf-8", "surrogateescape"), one.name))
                continue
            place.write_bytes(content)
            place.chmod(0o755 if one.mode == "100755" else 0o644)
        process.stdin.close()
    return left_out + [said for link in links if (said := _link(folder, *link))]


def _content(asked: IO[bytes], given: IO[bytes], entry: _Entry) -> bytes:
    asked.write(f"{entry.object_id}\n".encode())
    asked.flush()
    head = given.readline().split()
    if len(head) != 3:
        raise LabformError(f"error[git] {brief(entry.name)} is not in this clone; fetch it in full")
    content = given.read(int(head[2]))
    given.read(1)
    return content


def _link(folder: Path, place: Path, target: str, name: str) -> str:
    """Make a link that stays inside; say of any other why there is none."""
    if "\0" in target or target.startswith("/"):
        return f"{brief(name)}: a link out of the repository"
    # By name alone, so that no other link of the same commit is followed on the way.
    reached = Path(os.path.normpath(place.parent / target))
    if not reached.is_relative_to(folder) or not place.parent.resolve().is_relative_to(folder):
        return f"{brief(name)}: a link out of the repository"
    place.symlink_to(target)
    if not place.resolve().is_relative_to(folder):
        place.unlink()
        return f"{brief(name)}: a link out of the repository"
    return ""


def _plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    inside = bool(parts) and not name.startswith("/") and not {"..", "."} & set(name.split("/"))
    return inside and all(part.lower() != ".git" for part in parts)
