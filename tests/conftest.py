"""What holds for every test: no network, and the same examples at each run; and the program that many tests run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_socket
from hypothesis import HealthCheck, settings

from tests.fake_cluster import FakeCluster, fake_cluster

if TYPE_CHECKING:
    from tests.fakes import Recording
    from tests.program import Program

settings.register_profile(
    "labform", database=None, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("labform")

OPEN = ("engine", "sandbox", "needs_docker", "enable_socket")
"""Marks of tests that talk to daemons and registries."""
LOOPBACK = ("test_fakes", "sandbox", "toolchain", "plan", "ci", "policy")
"""Files and folders of tests that run real servers of their own."""


def _runs_servers(item: pytest.Item) -> bool:
    module = getattr(item, "module", None)
    used = {getattr(value, "__module__", None) for value in vars(module).values()} if module else set()
    return "tests.fakes" in used or not {item.path.stem, item.path.parent.name}.isdisjoint(LOOPBACK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close what a test has no business with; pytest-socket opens it again afterwards."""
    if any(item.get_closest_marker(mark) for mark in OPEN):
        return
    if _runs_servers(item):
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket()


@pytest.fixture(scope="module")
def program() -> "Iterator[Program]":
    """The real program in a folder of its own, one for each module that runs it."""
    from tests.fake_daemon import fake_daemon
    from tests.program import Program

    with tempfile.TemporaryDirectory() as folder, fake_daemon(Path(folder)) as daemon:
        yield Program(Path(folder), daemon)


@pytest.fixture(scope="module")
def recording(request: pytest.FixtureRequest, program: "Program") -> "Recording":
    """What the module's LAB registers."""
    return program.recording(request.module.LAB)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """An empty cluster, which the kubeconfig names."""
    with fake_cluster(tmp_path) as made:
        # The client reads KUBECONFIG when it is imported.
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
        yield made
