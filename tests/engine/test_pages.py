"""Pages of docs/ that need a lab that runs: every file, edit and command, on the real engine and daemon."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.engine.reader import reader_at, removed
from tests.npm import NEEDS_NPM, devcontainers
from tests.pages import FOLLOWED, TASKS, Reader, needs_engine
from toolchain import Toolchain

EDITORS = TASKS / "editors.md"
PAGES = [page for page in FOLLOWED if needs_engine(page) and page != EDITORS]


@pytest.fixture
def reader(tmp_path: Path, box: Sandbox, tools: Toolchain) -> Iterator[Reader]:
    """Somebody with the lab of the pages."""
    made = reader_at(tmp_path, box, tools, "ds01", "gpu1")
    made.follow(TASKS / "index.md")
    yield made
    removed(box, "ds01")


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_a_task_goes_as_shown_on_a_lab_that_runs(page: Path, reader: Reader) -> None:
    """From its top to its end."""
    reader.follow(page)


@NEEDS_NPM
def test_an_editor_attaches_as_shown(reader: Reader) -> None:
    """By the official command line of dev containers."""
    (reader.tools / "devcontainer").symlink_to(devcontainers())
    reader.follow(EDITORS)
