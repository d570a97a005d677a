"""`labform freeze`: which files it writes, and how; what a container has is given."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from labform.cli import freeze
from labform.freeze import Change, Changed, Package

from tests.cli.conftest import Terminal
from tests.labs import one_project, stack_file

LAB = one_project("{kind: pip, directory: ../thesis}")
SIX = Change("six", Package("six", "1.16.0"), Package("six", "1.17.0"))


@pytest.fixture
def thesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> tuple[Path, Path]:
    """A stack file, and the requirements of a project in whose container six was upgraded."""
    monkeypatch.setattr(freeze, "container_of", lambda *_: nullcontext())
    monkeypatch.setattr(freeze, "changed_by_hand", lambda _: Changed(python=[SIX]))
    (tmp_path / "Pulumi.yaml").write_text("")
    requirements = tmp_path / "thesis" / "requirements.txt"
    requirements.parent.mkdir()
    requirements.write_text("six==1.16.0\n")
    stack = stack_file(tmp_path / "stacks", LAB)
    assert labform("lock", str(stack), "--image", f"python:3.12-slim=python@sha256:{'a' * 64}")[0] == 0
    return stack, requirements


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"six==1.16.0\n", b"six==1.17.0\n"),
        (b"\xef\xbb\xbfsix==1.16.0\r\n", b"\xef\xbb\xbfsix==1.17.0\r\n"),
        ("\ufeffsix==1.16.0\r\n".encode("utf-16-le"), "\ufeffsix==1.17.0\r\n".encode("utf-16-le")),
        ("\ufeffsix==1.16.0\n".encode("utf-16-be"), "\ufeffsix==1.17.0\n".encode("utf-16-be")),
        (b"# caf\xe9\nsix==1.16.0 # caf\xe9\n", b"# caf\xe9\nsix==1.17.0 # caf\xe9\n"),
    ],
    ids=["utf-8", "mark", "utf-16", "utf-16 of the other order", "latin-1"],
)
def test_a_file_keeps_its_encoding(before: bytes, after: bytes, thesis: tuple[Path, Path], labform: Terminal) -> None:
    """What the recipe reads is edited, byte for byte; without --write it is only shown."""
    stack, requirements = thesis
    requirements.write_bytes(before)
    shown = labform("freeze", str(stack), "thesis")
    assert (shown[0], shown[2]) == (0, "")
    assert "+six==1.17.0" in shown[1]
    assert requirements.read_bytes() == before
    assert labform("freeze", str(stack), "thesis", "--write") == shown
    assert requirements.read_bytes() == after
