"""A file is written whole or not at all, and stays what it was otherwise."""

import os
from pathlib import Path

import pytest
from labform.atomic_file import write_whole


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_a_file_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    """Whoever could read it can, and nobody else; nothing is left beside it."""
    path = tmp_path / "lab.yaml"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, b"new\r\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new\r\n", mode)
    assert [one.name for one in tmp_path.iterdir()] == ["lab.yaml"]


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    """By the umask, not by that of a temporary file."""
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "lab.lock", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "lab.lock").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is written: a stack file may be kept elsewhere."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "lab.yaml").write_text("old")
    link = tmp_path / "lab.yaml"
    link.symlink_to("kept/lab.yaml")
    write_whole(link, b"new")
    assert (link.is_symlink(), (tmp_path / "kept" / "lab.yaml").read_bytes()) == (True, b"new")


def test_a_write_that_fails_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses nothing, and leaves nothing."""
    path = tmp_path / "lab.yaml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)
