"""What the engine tests share: one sandbox for all, one lab for each."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import sandbox
import toolchain
from tests.engine.bench import PORTS, Bench
from tests.warm import warm_sandbox


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder runs the real engine."""
    for item in items:
        if "/engine/" in str(item.path):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def tools() -> toolchain.Toolchain:
    """The engine and the plugins; LABFORM_PLUGINS chooses official ones."""
    return toolchain.prepare()


@pytest.fixture(scope="session")
def box() -> Iterator[sandbox.Sandbox]:
    """A daemon, a registry and a base image of this run's own."""
    with warm_sandbox("test") as made:
        yield made


@pytest.fixture
def bench(tmp_path: Any, box: sandbox.Sandbox, tools: toolchain.Toolchain) -> Iterator[Bench]:
    """A lab with a name of its own; what it leaves on the daemon is removed."""
    made = Bench(tmp_path, box, tools, f"t{uuid.uuid4().hex[:6]}")
    yield made
    made.close()


@pytest.fixture
def lab(bench: Bench) -> dict[str, Any]:
    """The smallest useful lab: a service and its data, on the sandbox's base image."""
    command = ["python3", "-m", "http.server", "8000", "--directory", "/workspace"]
    return {
        "format": 1,
        "lab": bench.name,
        "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS}}},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"work": {"owner": "anna"}},
        "projects": {
            "web": {
                "owner": "anna",
                "environment": {"kind": "prebuilt", "image": "python:3.12-slim"},
                "mounts": {"work": "/workspace"},
                "service": {"kind": "command", "command": command, "port": 8000},
            }
        },
    }
