"""Both backends: no field of a project is ignored by one of them, and docs/backends.md says what each becomes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from labform.project import ProjectArgs

from tests import parity
from tests.engine.declarable import declarable
from tests.engine.every_field import SECRETS
from tests.fake_daemon import fake_daemon
from tests.program import Program

pytestmark = pytest.mark.enable_socket

PAGE = Path(__file__).parents[1] / "docs" / "backends.md"
IMAGES = frozenset({"Conda", "Detected", "Devcontainer", "Dockerfile", "Pip", "Pixi", "Prebuilt", "Uv"})
"""Ways to describe an image, which no backend looks into."""
BEFORE = {"ProjectArgs.environment", "ProjectArgs.pinned", "ProjectArgs.requires",
          "Requirements.cuda", "Requirements.compute_capability"}  # fmt: skip
"""What is decided before a backend is asked: which image, and whether GPUs can run it, which `scheduling` asks too."""


@pytest.fixture(scope="module")
def table() -> Iterator[list[parity.Row]]:
    """The table, from four runs of the real program."""
    with tempfile.TemporaryDirectory() as folder, fake_daemon(Path(folder)) as daemon:
        program = Program(Path(folder), daemon)
        secrets = {"labform:lab-secret": "one", **{f"labform:{key}": value for key, value in SECRETS.items()}}
        yield parity.rows(lambda lab: program.recording(lab, secrets=secrets))


def test_no_backend_ignores_a_field(table: list[parity.Row]) -> None:
    """An edit of a field changes what is registered, or is refused, or is said to do something else."""
    ignored = {
        (backend, row.field)
        for row in table
        for backend in ("docker", "kubernetes")
        if not row.places[backend] and backend not in row.refused
    }
    assert ignored == set(parity.ELSEWHERE)


def test_no_field_is_forgotten(table: list[parity.Row]) -> None:
    """The table has every field of a project that a backend sees."""
    fields = {one for one in declarable(ProjectArgs) if one.split(".")[0] not in IMAGES}
    assert fields - {row.field for row in table} == BEFORE


def test_the_page_is_fresh(table: list[parity.Row]) -> None:
    """`LABFORM_WRITE_EXPECTED=1` with this test writes it."""
    text = parity.page(table)
    if os.environ.get("LABFORM_WRITE_EXPECTED"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
