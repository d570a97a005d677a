"""A registry with a password on a port of 127.0.0.1 that stays the same as long as the root exists."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from . import credentials, ports, processes
from .errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

    from .layout import Layout
    from .processes import Process
    from .toolset import Toolset

PORTS = range(20000, 30000)
"""Below the ports that the kernel hands out by itself, so that a stopped registry's is not taken by chance."""

START_LIMIT = 15.0


@dataclass(frozen=True)
class Registry:
    """A registry that answers, and the way in."""

    address: str
    password_file: Path

    @property
    def session(self) -> requests.Session:
        """HTTP with the password; settings of the environment (proxies, netrc) stay out."""
        session = requests.Session()
        session.trust_env = False
        session.auth = (credentials.USERNAME, credentials.password_at(self.password_file))
        return session

    def url(self, path: str) -> str:
        """The full address of a path below /v2/."""
        return f"http://{self.address}/v2/{path}"


def start(layout: Layout, tools: Toolset) -> Registry:
    """Start the registry, or find it running; it answers with the password when this returns."""
    found = _known(layout) or _configure(layout)
    if answers(found):
        return found
    port = int(found.address.rpartition(":")[2])
    if holder := ports.holder_of(port):
        raise SandboxError(
            f"the registry's port {found.address} is held by {holder}: end that, or delete "
            f"{layout.registry / 'port'} to take another port (images are then addressed anew)"
        )
    log = layout.logs / "registry.log"
    command: list[str | Path] = [tools.program("docker-registry"), "serve", layout.registry / "config.yml"]
    processes.launch(command, env=os.environ, log=log)
    if not processes.await_answer(lambda: answers(found), lambda: running(layout), within=START_LIMIT):
        raise SandboxError(f"the registry did not start: see {log}")
    return found


def running(layout: Layout) -> Process | None:
    """The registry of this root, if it runs."""
    return processes.daemon_of("docker-registry", layout.registry / "config.yml")


def stop(layout: Layout) -> None:
    """End the registry; its blobs, port and password stay."""
    if process := running(layout):
        processes.end([process], patience=5)


def answers(registry: Registry) -> bool:
    """Whether a registry answers there and takes our password (so it is ours)."""
    try:
        with registry.session as session:
            return bool(session.get(registry.url(""), timeout=2).ok)
    except requests.RequestException:
        return False


def _known(layout: Layout) -> Registry | None:
    port = layout.registry / "port"
    if not (port.exists() and (layout.registry / "config.yml").exists()):
        return None
    return Registry(f"127.0.0.1:{port.read_text().strip()}", layout.registry / "password")


def _configure(layout: Layout) -> Registry:
    password_file = layout.registry / "password"
    password = credentials.password_at(password_file)
    port = ports.free(layout, PORTS, "registry")
    address = f"127.0.0.1:{port}"
    credentials.write_private(layout.registry / "htpasswd", credentials.htpasswd(password))
    credentials.write_private(layout.registry / "config.yml", _settings(layout, address))
    config = credentials.docker_config(address, password)
    credentials.write_private(layout.docker_config / "config.json", config)
    (layout.registry / "port").write_text(f"{port}\n")
    return Registry(address, password_file)


def _settings(layout: Layout, address: str) -> str:
    blobs = layout.registry / "blobs"
    settings = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(blobs)}, "delete": {"enabled": True}},
        "http": {"addr": address, "secret": secrets.token_hex(16)},
        "auth": {"htpasswd": {"realm": "labform", "path": str(layout.registry / "htpasswd")}},
    }
    # JSON is YAML; the registry reads it as such.
    return json.dumps(settings, indent=2)
