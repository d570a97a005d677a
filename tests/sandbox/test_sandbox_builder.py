"""The BuildKit daemon: it starts once, keeps its cache over a stop, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import SandboxError, builder, daemon
from sandbox.builder.lifecycle import running
from sandbox.layout import layout_of
from sandbox.leftovers import CGROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]
REGISTRY = "127.0.0.1:5000"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder for one builder."""
    yield tmp_path / "builder"
    if (tmp_path / "builder" / "buildkitd.toml").exists():
        builder.remove(tmp_path / "builder")


def test_it_starts_once_and_leaves_nothing(root: Path) -> None:
    """A second start finds the first; a stop keeps the cache; after the removal nothing of it is there."""
    first = builder.start(root, registry=REGISTRY)
    process = running(layout_of(root))
    assert daemon.listens(first.address.removeprefix("unix://"))
    assert builder.start(root, registry=REGISTRY) == first
    assert running(layout_of(root)) == process
    builder.stop(root)
    assert running(layout_of(root)) is None
    assert any((root / "data").iterdir())
    assert builder.start(root, registry=REGISTRY) == first
    builder.remove(root)
    place = layout_of(root)
    assert (running(place), root.exists(), place.run.exists()) == (None, False, False)
    assert not [*CGROUPS.glob(f"*/{place.cgroup}"), *CGROUPS.glob(place.cgroup)]


def test_a_folder_of_something_else_is_left_alone(root: Path) -> None:
    """Only a builder's folder is deleted; none is nothing to do."""
    builder.remove(root)
    root.mkdir()
    (root / "thesis.pdf").touch()
    with pytest.raises(SandboxError, match="is not a builder"):
        builder.remove(root)
    assert (root / "thesis.pdf").exists()
