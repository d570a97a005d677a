"""Containers: made, started, waited for, limited, stopped and removed."""

import io
import tarfile
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

from docker.auth import resolve_repository_name
from docker.errors import APIError, ImageNotFound, NotFound
from docker.utils import parse_repository_tag

from toolchain.docker_plugin.container_config import create_body, endpoint, resources
from toolchain.docker_plugin.container_state import read_back
from toolchain.docker_plugin.daemon import Daemon
from toolchain.docker_plugin.errors import FAILURES, said
from toolchain.properties import Values
from toolchain.provider_errors import PluginError

UPDATED = (
    "restart",
    "maxRetryCount",
    "cpuShares",
    "memory",
    "memoryReservation",
    "cpuSet",
    "memorySwap",
)
"""What an update changes on the daemon; any other edit in place changes the state alone."""


def create(daemon: Daemon, planned: Values) -> str:
    """Make a container, without starting it, and return its id; pulls a missing image."""
    client = daemon.client()
    try:
        _find_image(daemon, planned["image"])
    except FAILURES as error:
        image = planned["image"]
        failure = f"unable to pull image {image}: {said(error)}"
        raise PluginError(f"Unable to create container with image {image}: {failure}") from error
    if "" in (planned["command"] or []):
        raise PluginError("values for command may not be empty")
    try:
        made = client.create_container_from_config(create_body(planned), planned["name"])
    except FAILURES as error:
        raise PluginError(f"Unable to create container: {said(error)}") from error
    return str(made["Id"])


def finish(client: Any, container: str, planned: Values) -> Values:
    """Connect, fill and start a new container; return what it left behind.

    Raises PluginError; the container is there all the same, created or started.
    """
    _connect(client, container, planned)
    for upload in planned["uploads"]:
        try:
            client.put_archive(container, "/", _archive(upload))
        except FAILURES as error:
            raise PluginError(f"Unable to upload volume content: {said(error)}") from error
    if planned["start"]:
        _start(client, container)
        if planned["wait"]:
            _wait_until_healthy(client, container, planned["waitTimeout"])
    if not planned["attach"]:
        return {}
    client.wait(container)
    return {"containerLogs": client.logs(container).decode()} if planned["logs"] else {}


def read(client: Any, container: str, state: Values) -> Values | None:
    """Return what the daemon knows about a container, None if it is gone."""
    if all(known["Id"] != container for known in client.containers(all=True)):
        return None
    return read_back(client.inspect_container(container), state)


def update(client: Any, container: str, olds: Values, planned: Values) -> None:
    """Start a container that must run again, and change its limits."""
    if planned["mustRun"] and olds["mustRun"] is False and planned["start"]:
        _start(client, container)
    if any((olds.get(name) or 0) != (planned[name] or 0) for name in UPDATED):
        try:
            client.update_container(container, **resources(planned))
        except FAILURES as error:
            raise PluginError(f"Unable to update a container: {said(error)}") from error


def delete(client: Any, container: str, state: Values) -> None:
    """Stop and remove a container; without grace it is killed at once."""
    try:
        if not state.get("attach"):
            client.stop(container, timeout=state.get("destroyGraceSeconds") or 0)
        client.remove_container(container, v=state.get("removeVolumes") is not False, force=True)
    except NotFound:
        return
    except APIError as error:
        if "is already in progress" not in str(error):
            raise PluginError(f"Error deleting container {container}: {said(error)}") from error


def _find_image(daemon: Daemon, image: str) -> None:
    """Make sure that the daemon has an image."""
    client = daemon.client()
    try:
        client.inspect_image(image)
    except ImageNotFound:
        repository, tag = parse_repository_tag(image)
        registry, _ = resolve_repository_name(repository)
        credentials = daemon.credentials_for(registry) or {}
        for message in client.pull(repository, tag or "latest", auth_config=credentials, stream=True, decode=True):
            if "error" in message:
                raise PluginError(f"unable to pull image {image}: {message['error']}") from None


def _connect(client: Any, container: str, planned: Values) -> None:
    """Connect a container to its networks instead of the default one."""
    if not planned["networksAdvanced"]:
        return
    try:
        client.disconnect_container_from_network(container, "bridge")
    except APIError as error:
        if "is not connected to the network bridge" not in str(error):
            raise PluginError(f"Unable to disconnect the default network: {said(error)}") from error
    for network in planned["networksAdvanced"]:
        try:
            client.connect_container_to_network(container, network["name"], **endpoint(network))
        except FAILURES as error:
            problem = f"Unable to connect to network '{network['name']}'"
            raise PluginError(f"{problem}: {said(error)}") from error


def _archive(upload: Values) -> bytes:
    """Pack one file to upload."""
    sources = [upload[name] for name in ("content", "contentBase64", "source") if upload[name]]
    if len(sources) != 1:
        rule = "one of" if not sources else "only one of"
        must = "must be set" if not sources else "can be set"
        names = "'content', 'content_base64', or 'source'"
        raise PluginError(f"error with upload content: {rule} {names} {must}")
    content = upload["content"].encode() or b64decode(upload["contentBase64"])
    content = content or Path(upload["source"]).read_bytes()
    member = tarfile.TarInfo(upload["file"])
    member.size, member.mtime = len(content), int(time.time())
    member.mode = 0o744 if upload["executable"] else 0o644
    if upload["permissions"]:
        member.mode = int(upload["permissions"], 8)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _start(client: Any, container: str) -> None:
    """Start a container."""
    try:
        client.start(container)
    except FAILURES as error:
        raise PluginError(f"Unable to start container: {said(error)}") from error


def _wait_until_healthy(client: Any, container: str, seconds: float) -> None:
    """Wait for the health check to pass; the container stays if it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        health = client.inspect_container(container)["State"].get("Health")
        if health is None:
            raise PluginError(
                "you have supplied a 'wait' argument, but the container does not have a healthcheck"
                " defined. Please remove the 'wait' argument or add a 'healthcheck' attribute"
            )
        if health["Status"] == "healthy":
            return
        time.sleep(1)
    raise PluginError("container failed to be in healthy state")
