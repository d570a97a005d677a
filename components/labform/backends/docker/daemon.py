"""Questions to a Docker daemon that the provider does not ask: what stands there already, and whose it is."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labform.hosts import THIS_MACHINE, Host
from labform.naming import LAB_LABEL, VOLUME_LABEL
from labform.problems import LabformError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

_LOADING = threading.Lock()


@contextmanager
def connected(host: str, address: str, *, timeout: int = 30) -> "Iterator[DockerClient]":
    """A client of a host's daemon; LabformError, with the host's name and what to do, if it does not answer.

    `timeout` is in seconds and holds for each request.
    """
    sdk = _sdk()
    from docker.errors import DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        client = sdk.DockerClient(
            base_url=address, version="auto", timeout=timeout, use_ssh_client=address.startswith("ssh://")
        )
    except DockerException as error:
        raise _unreachable(host, address) from error
    try:
        yield client
    except DockerException as error:
        raise LabformError(f"host {host}: {error}") from error
    except (RequestException, HTTPError) as error:
        # The SDK lets these through: a daemon that hangs, or a connection that breaks, after the first answer.
        raise _unreachable(host, address) from error
    finally:
        client.close()


def _sdk() -> Any:
    """Docker's SDK, which a preview does not need and which takes a fifth of a second to load.

    Its ssh transport imports paramiko, and never uses it where the `ssh` command is what connects: an empty module is
    enough then, unless this environment has the real one.
    """
    with _LOADING:
        if "docker" in sys.modules or find_spec("paramiko"):
            return import_module("docker")
        sys.modules["paramiko"] = ModuleType("paramiko")
        try:
            return import_module("docker")
        finally:
            del sys.modules["paramiko"]


def check_listening(host: str, address: str, *, daemon: str = "Docker", timeout: int = 5) -> None:
    """Raise LabformError unless something listens at a `unix://` or `tcp://` address; `timeout` is in seconds.

    `host` may be `builder`, the lab's; `daemon` is what the error calls it.
    """
    _asked(host, address, timeout, daemon=daemon)


def check_builder(address: str, *, timeout: int = 5) -> None:
    """Raise LabformError if a `unix://` or `tcp://` address of the builder is Podman's; `timeout` is in seconds.

    The plugin would build there without BuildKit, and hand on a digest that the registry does not have.
    """
    if "libpod-api-version:" in _asked("builder", address, timeout, "GET /_ping HTTP/1.0\r\n\r\n").lower():
        raise _no_builder()


def _no_builder() -> LabformError:
    reason = "whose Docker API has no BuildKit and asks no registry for a digest"
    return LabformError(f"builder: what answers there is Podman, {reason}; write builder: {{address: …}}, a Docker one")


def _asked(host: str, address: str, timeout: int, question: str = "", daemon: str = "Docker") -> str:
    """What an address answers to a question; LabformError unless somebody listens there."""
    parts = urlsplit(address)
    near = parts.scheme == "unix"
    with socket.socket(socket.AF_UNIX if near else socket.AF_INET) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect(parts.path if near else (parts.hostname or "", parts.port or 2375))
            probe.sendall(question.encode())
            return probe.recv(4096).decode(errors="replace") if question else ""
        except OSError as error:
            raise _unreachable(host, address, daemon) from error


def check_ssh(host: str, address: str, *, timeout: int) -> None:
    """Raise LabformError, with what ssh says, unless a host behind `ssh://` lets this user in without a question.

    `timeout` is in seconds. Docker's SDK would wait for minutes, or ask for a password.
    """
    if not address.startswith("ssh://"):
        return
    command = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={timeout}", "--", address, "true"]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=2 * timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unreachable(host, address) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LabformError(f"host {host}: {address} cannot be reached: {brief(said[-1]) if said else 'ssh failed'}")


def _unreachable(host: str, address: str, daemon: str = "Docker") -> LabformError:
    reason = "cannot be reached" if address.startswith("ssh://") else "does not answer"
    who, todo = {
        "builder": ("the builder", "start it, or correct builder.address"),
        THIS_MACHINE: (THIS_MACHINE, "start it: it asks registries and package sources, as BuildKit cannot"),
    }.get(host, (f"host {host}", f"start it, or correct runs_on.hosts.{host}.address"))
    return LabformError(f"{who}: the {daemon} daemon at {address} {reason}; {todo}")


@dataclass(frozen=True)
class Engine:
    """What answers at an address: `docker 20.10.24`, `podman 4.3.1`."""

    name: str
    version: str

    def __str__(self) -> str:
        """As people call it."""
        return f"{self.name.capitalize()} {self.version}"


def engine_of(client: "DockerClient") -> Engine:
    """Docker or Podman, which names itself among the components of its version."""
    said = client.version()
    podman = any(one.get("Name") == "Podman Engine" for one in said.get("Components") or [])
    return Engine("podman" if podman else "docker", str(said.get("Version", "")))


def found(collection: Any, name: str) -> Any | None:
    """The container or volume of a name, None if the daemon has none."""
    from docker.errors import NotFound

    try:
        return collection.get(name)
    except NotFound:
        return None


def stop(client: "DockerClient", container_id: str) -> None:
    """Stop a container, within the time that it is declared to need; one that is gone already is fine."""
    from docker.errors import NotFound

    if container := found(client.containers, container_id):
        with suppress(NotFound):
            container.stop(timeout=container.attrs["Config"].get("StopTimeout") or 10)


def name_image(client: "DockerClient", image: str) -> None:
    """Give an image that Podman has under other names this one, with the caller's login.

    Podman answers for a digest whatever the name before it, does not pull, and notes the name that it knows: a refresh
    would see another image.
    """
    held = found(client.images, image)
    if held is not None and "@" in image and image not in held.attrs["RepoDigests"]:
        client.images.pull(image)


def volumes_of(client: "DockerClient", lab: str) -> set[str]:
    """The ids of a lab's managed volumes that exist on a host."""
    volumes = client.volumes.list(filters={"label": f"{LAB_LABEL}={lab}"})
    return {(one.attrs.get("Labels") or {}).get(VOLUME_LABEL, "") for one in volumes}


def port_holders(client: "DockerClient") -> dict[int, dict[str, Any]]:
    """The published ports of a host, and the container (as the API lists it) that has each."""
    return {
        int(entry["PublicPort"]): one
        for one in client.api.containers()
        for entry in one["Ports"] or []
        if "PublicPort" in entry
    }


def busy_ports(client: "DockerClient", host: Host, lab: str) -> set[int]:
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


def registry_digest(client: "DockerClient", tag: str) -> str:
    """`name@sha256:…` of what a tag stands for in its registry now, asked by a daemon with the caller's login."""
    from docker.errors import APIError

    try:
        digest = client.images.get_registry_data(tag).id
    except APIError as error:
        if engine_of(client).name == "podman":
            raise _no_builder() from error
        raise LabformError(f"{tag}: its registry does not say what it stands for ({error.explanation})") from error
    name = tag.rsplit(":", 1)[0] if ":" in tag.rsplit("/", 1)[-1] else tag
    return f"{name}@{digest}"


def digests_of(client: "DockerClient") -> dict[str, list[str]]:
    """The references by digest under which a daemon pushed or pulled each of the tags that it has."""
    return {tag: one.get("RepoDigests") or [] for one in client.api.images() for tag in one.get("RepoTags") or ()}


def built(client: "DockerClient", repository: str, tag: str, *, pushed: bool) -> str | None:
    """The reference by digest of an image that was built and pushed, or its id where it was not; None without one."""
    from docker.errors import APIError, ImageNotFound

    try:
        if not pushed:
            return str(client.images.get(f"{repository}:{tag}").id)
        return f"{repository}@{client.images.get_registry_data(f'{repository}:{tag}').id}"
    except (APIError, ImageNotFound):
        return None


def cuda_version(client: "DockerClient", image: str) -> str | None:
    """What an image that the daemon has says in CUDA_VERSION, as NVIDIA's own images and all built on them do."""
    held = found(client.images, image)
    variables = (held.attrs["Config"].get("Env") or []) if held else []
    said = next((one.partition("=")[2] for one in variables if one.startswith("CUDA_VERSION=")), "")
    return said if re.match(r"\d+\.\d+", said) else None


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
