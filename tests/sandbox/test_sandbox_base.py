"""The base image: what it carries, and the official one where that can be had."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sandbox_traces import Docker, client_of

from sandbox import Sandbox, base_image, ports, processes, registry, toolset

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


@pytest.fixture
def open_registry(tmp_path: Path) -> Iterator[str]:
    """A registry without a password, as a public one is."""
    port = next(port for port in reversed(registry.PORTS) if ports.holder_of(port) is None)
    blobs = {"filesystem": {"rootdirectory": str(tmp_path / "blobs")}}
    config = tmp_path / "open.yml"
    config.write_text(json.dumps({"version": 0.1, "storage": blobs, "http": {"addr": f"127.0.0.1:{port}"}}))
    program = toolset.obtain(lambda line: None).program("docker-registry")
    processes.launch([program, "serve", config], env=os.environ, log=tmp_path / "log")

    def process() -> processes.Process | None:
        return processes.daemon_of("docker-registry", config)

    assert processes.await_answer(lambda: ports.holder_of(port) is not None, process, within=10)
    yield f"127.0.0.1:{port}"
    processes.end([found for found in [process()] if found], patience=5)


def test_the_base_has_what_builds_need(box: Sandbox, docker: Docker) -> None:
    """Python under both names, venv, pip, git and ssh are there, in UTF-8."""
    script = "python -m venv --help; pip --version; git --version; ssh -V 2>&1; curl -V; echo $LANG"
    assert docker("run", "--rm", box.base_reference, "sh", "-ec", script).endswith("C.UTF-8")


def test_the_base_is_tagged_with_its_python(box: Sandbox, docker: Docker) -> None:
    """The tag for people names the version that runs."""
    repository = box.base_reference.partition("@")[0]
    found = registry.Registry(box.registry_address, box.registry_password_file)
    with found.session as session:
        (tag,) = session.get(found.url("base/python/tags/list"), timeout=5).json()["tags"]
    docker("pull", f"{repository}:{tag}")
    assert docker("run", "--rm", f"{repository}:{tag}", "python", "-V").startswith(f"Python {tag}.")


def test_the_base_carries_the_hosts_certificates(box: Sandbox, docker: Docker) -> None:
    """Programs in a build trust what the host trusts, whichever variable they read."""
    printed = docker("run", "--rm", box.base_reference, "sh", "-c", 'wc -c < "$SSL_CERT_FILE"; env')
    bundle = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    assert int(printed.splitlines()[0]) == bundle.stat().st_size
    assert "REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt" in printed.splitlines()


def test_the_official_image_is_taken_where_it_answers(
    box: Sandbox,
    docker: Docker,
    other_box: Sandbox,
    open_registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pulled, pushed to our registry and returned by digest; asked once, then remembered."""
    official = f"{open_registry}/official/python:3.12-slim"
    docker("tag", box.base_reference, official)
    docker("push", official)
    docker("rmi", official)
    monkeypatch.setattr(base_image, "OFFICIAL", official)
    tools = toolset.obtain(lambda line: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = registry.Registry(other_box.registry_address, other_box.registry_password_file)
    reference = base_image.obtain(other_box.docker_host, target, tools, lambda line: None)
    assert reference.startswith(f"{other_box.registry_address}/base/python@sha256:")
    assert "Python 3" in client_of(other_box)("run", "--rm", reference, "python", "-V")
    assert json.loads((tmp_path / "labform/sandbox/official-base.json").read_text())["answers"] is True


def test_an_official_image_out_of_reach_is_not_asked_for_again(
    other_box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer holds for a day: no start waits for a time-out twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(base_image, "OFFICIAL", "127.0.0.1:1/python:3.12-slim")
    assert not base_image.official_answers(other_box.docker_host)
    assert not base_image.official_answers("unix:///run/labform-tests/never-asked.sock")
