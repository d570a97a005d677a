"""Questions to a Docker daemon that the provider does not ask: what stands there already, and whose it is."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

from labform.problems import LabformError


@contextmanager
def connected(host: str, address: str, *, timeout: int = 30) -> Iterator[docker.DockerClient]:
    """A client of a host's daemon; LabformError, with the host's name and what to do, if it does not answer.

    `timeout` is in seconds and holds for each request.
    """
    try:
        client = docker.DockerClient(
            base_url=address, version="auto", timeout=timeout, use_ssh_client=address.startswith("ssh://")
        )
    except DockerException as error:
        reason = "cannot be reached" if address.startswith("ssh://") else "does not answer"
        raise LabformError(
            f"host {host}: the Docker daemon at {address} {reason}; start it, or correct runs_on.hosts.{host}.address"
        ) from error
    try:
        yield client
    finally:
        client.close()


def registry_digest(client: docker.DockerClient, tag: str) -> str:
    """`name@sha256:…` of what a tag stands for in its registry now, asked by a daemon with the caller's login."""
    try:
        found = client.images.get_registry_data(tag)
    except DockerException as error:
        raise LabformError(f"{tag}: its registry does not say what it stands for ({error})") from error
    name = tag.rsplit(":", 1)[0] if ":" in tag.rsplit("/", 1)[-1] else tag
    return f"{name}@{found.id}"


def check_login(registry: str) -> None:
    """Raise LabformError unless whoever runs this has logged in to a registry, by `docker login`.

    Without it the provider refuses every operation on every host, deletes too.
    """
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        config = {}
    known = {*config.get("auths", {}), *config.get("credHelpers", {})}
    if registry not in known and not config.get("credsStore"):
        raise LabformError(
            f"hosts pull from {registry} with your login, and there is none; run: docker login {registry}"
        )
