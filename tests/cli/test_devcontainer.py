"""`labform devcontainer`: the locked image, written where nobody else's file is."""

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.labs import IMAGE, stack_file

TEXT = f"""
format: 1
lab: test
runs_on: {{kind: docker, hosts: {{local: {{}}}}}}
people: {{anna: {{uid: 10042}}}}
projects:
  thesis: {{owner: anna, environment: {{kind: prebuilt, image: "{IMAGE}"}}, run: {{command: [x]}}}}
"""
BUILT = f"registry.example.org/test/thesis@sha256:{'b' * 64}"


@pytest.fixture
def path(tmp_path: Path, labform: Terminal) -> Path:
    """A lab with its lock, in which nothing is built."""
    made = stack_file(tmp_path / "stacks", TEXT)
    assert labform("lock", str(made), "--offline")[0] == 0
    return made


def built(path: Path, recipe: str) -> None:
    """Say in the lock that an image was built."""
    lock = path.with_suffix(".lock")
    lock.write_text(f"{lock.read_text()}builds:\n  thesis: {{recipe: {recipe}, image: '{BUILT}'}}\n")


def test_the_locked_image_is_written_once_and_again(path: Path, labform: Terminal, tmp_path: Path) -> None:
    """Over a file of its own only."""
    recipe = labform("check", str(path))[1].split()[2].rstrip(",")
    built(path, recipe)
    place = tmp_path / ".devcontainer/devcontainer.json"
    for _ in range(2):
        assert labform("devcontainer", str(path), "thesis", "--to", str(tmp_path)) == (0, f"{place}: {BUILT}\n", "")
    assert place.read_text() == labform("devcontainer", str(path), "thesis")[1]
    place.write_text("{}")
    code, _, errors = labform("devcontainer", str(path), "thesis", "--to", str(tmp_path))
    assert (code, place.read_text()) == (1, "{}")
    assert "error[exists]" in errors
    assert [one.name for one in place.parent.iterdir()] == ["devcontainer.json"]


def test_without_an_image_nothing_is_written(path: Path, labform: Terminal, tmp_path: Path) -> None:
    """None was built, or one of another environment; no such project, no such folder."""
    for known in ((), ("0" * 16,)):
        for one in known:
            built(path, one)
        assert "error[not-built] thesis: " in labform("devcontainer", str(path), "thesis", "--to", str(tmp_path))[2]
    assert "error[unknown-project]" in labform("devcontainer", str(path), "thesi")[2]
    assert not (tmp_path / ".devcontainer").exists()
