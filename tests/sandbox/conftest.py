"""Sandboxes that tests share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from sandbox_traces import Docker, client_of

import sandbox
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_DAEMON = "unix:///run/labform-tests/absent.sock"
"""Set as DOCKER_HOST, so that an installed daemon is not taken instead of a private one."""


@pytest.fixture(scope="session", autouse=True)
def no_installed_daemon() -> Iterator[None]:
    """Every test starts as on a machine without Docker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", NO_DAEMON)
        yield


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the sandbox that most tests share."""
    yield from _removed_later(tmp_path_factory.mktemp("box") / "root")


@pytest.fixture(scope="session")
def other_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a second sandbox beside the first."""
    yield from _removed_later(tmp_path_factory.mktemp("other") / "root")


@pytest.fixture
def box(root: Path) -> Sandbox:
    """The shared sandbox, running whatever a test before did to it."""
    return sandbox.start(root, name="tests")


@pytest.fixture
def other_box(other_root: Path) -> Sandbox:
    """The second sandbox, running."""
    return sandbox.start(other_root, name="tests-other")


@pytest.fixture
def docker(box: Sandbox) -> Docker:
    """The Docker client on the shared sandbox; a failing command fails the test with what it said."""
    return client_of(box)


def _removed_later(root: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can start a Docker daemon")
    yield root
    sandbox.remove(root)
