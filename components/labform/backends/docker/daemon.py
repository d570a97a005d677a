"""Questions to a Docker daemon that the provider does not ask: what stands there already, and whose it is."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from labform.hosts import Host
from labform.naming import LAB_LABEL, VOLUME_LABEL
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


def volumes_of(client: docker.DockerClient, lab: str) -> set[str]:
    """The ids of a lab's managed volumes that exist on a host."""
    found = client.volumes.list(filters={"label": f"{LAB_LABEL}={lab}"})
    return {(one.attrs.get("Labels") or {}).get(VOLUME_LABEL, "") for one in found}


def port_holders(client: docker.DockerClient) -> dict[int, dict[str, Any]]:
    """The published ports of a host, and the container (as the API lists it) that has each."""
    return {
        int(entry["PublicPort"]): one
        for one in client.api.containers()
        for entry in one["Ports"] or []
        if "PublicPort" in entry
    }


def busy_ports(client: docker.DockerClient, host: Host, lab: str) -> set[int]:
    """Ports of a host's range that something outside the lab has; of other programs only where the host is this one."""
    holders = port_holders(client)
    others = {port for port, one in holders.items() if (one.get("Labels") or {}).get(LAB_LABEL) != lab}
    if host.remote:
        return others
    return others | {port for port in host.port_range if port not in holders and bound("127.0.0.1", port)}


def bound(address: str, port: int) -> bool:
    """Whether something on this machine listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False


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
