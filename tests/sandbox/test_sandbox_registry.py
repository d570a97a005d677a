"""The registry: a password, a port that stays, and images that come back by digest."""

from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING

import pytest
import requests

import sandbox
from sandbox import Sandbox, SandboxError, registry
from sandbox.layout import layout_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox_traces import Docker

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]


def test_push_and_pull_with_the_password(box: Sandbox, docker: Docker) -> None:
    """DOCKER_CONFIG alone lets the client push an image, and pull it by its digest."""
    name = f"{box.registry_address}/team/thing:1"
    docker("tag", box.base_reference, name)
    docker("push", name)
    digest = docker("inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", name)
    reference = next(line for line in digest.splitlines() if "/team/thing@" in line)
    docker("rmi", name)
    assert "Digest: sha256:" in docker("pull", reference)


def test_without_the_password_nothing_is_served(box: Sandbox, docker: Docker, tmp_path: Path) -> None:
    """A client without the config can't pull, and the API answers 401."""
    refused = docker("pull", f"{box.registry_address}/base/python:3.11", env={"DOCKER_CONFIG": str(tmp_path)}, ok=False)
    assert "no basic auth credentials" in refused
    assert requests.get(f"http://{box.registry_address}/v2/", timeout=5).status_code == 401


def test_a_manifest_can_be_deleted(box: Sandbox, docker: Docker) -> None:
    """Deletes are enabled, for whoever prunes old images."""
    name = f"{box.registry_address}/team/old:1"
    docker("tag", box.base_reference, name)
    digest = next(word for word in docker("push", name).split() if word.startswith("sha256:"))
    found = registry.Registry(box.registry_address, box.registry_password_file)
    with found.session as session:
        assert session.delete(found.url(f"team/old/manifests/{digest}"), timeout=5).status_code == 202


def test_secrets_are_for_the_owner_only(box: Sandbox) -> None:
    """Password, hash and docker config have mode 0600."""
    files = [
        box.registry_password_file,
        box.registry_password_file.with_name("htpasswd"),
        box.docker_config / "config.json",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_address_survives_a_restart(box: Sandbox, root: Path) -> None:
    """Stopped and started, the registry has its port, its password and its images."""
    password = box.registry_password_file.read_text()
    sandbox.stop(root)
    again = sandbox.start(root, name="tests")
    assert (again.registry_address, again.base_reference) == (box.registry_address, box.base_reference)
    assert again.registry_password_file.read_text() == password


def test_a_taken_port_is_an_error_that_names_the_holder(box: Sandbox, root: Path) -> None:
    """The port is part of image references: it is never changed silently."""
    sandbox.stop(root)
    address = ("127.0.0.1", int(box.registry_address.rpartition(":")[2]))
    refusal = rf"{box.registry_address} is held by pid \d+ .*delete"
    with socket.create_server(address), pytest.raises(SandboxError, match=refusal):
        sandbox.start(root, name="tests")
    assert sandbox.start(root, name="tests").registry_address == box.registry_address


def test_a_killed_registry_is_started_again(box: Sandbox, root: Path) -> None:
    """`start` checks the registry's health, not only the daemon's."""
    registry.stop(layout_of(root))
    assert not sandbox.status(root).running
    sandbox.start(root, name="tests")
    assert sandbox.status(root).running
