"""A forge, and a lab's repository."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci.forge import Forge, serving
from tests.plan.repository import Repository, small


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Where comments go."""
    with serving() as made:
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A lab's repository with a program, on main."""
    made = Repository(tmp_path / "origin")
    (made.folder / "__main__.py").write_text("print('the program of the base')\n")
    made.write(small())
    made.commit()
    return made
