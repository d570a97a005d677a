"""The daemon a provider speaks to: its address, its client, its registry credentials."""

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.auth import AuthConfig, convert_to_hostname

from toolchain.docker_plugin import ssh
from toolchain.docker_plugin.errors import FAILURES
from toolchain.properties import Values
from toolchain.provider_errors import PluginError

DEFAULT_HOST = "unix:///var/run/docker.sock"
"""The address of a provider without one."""

_TIMEOUT = 1200
"""Seconds for one call, as the official container operations allow."""


@dataclass
class Daemon:
    """A configured daemon: `Daemon.configured({"host": "unix:///run/docker.sock"})`."""

    host: str = DEFAULT_HOST
    ssh_options: list[str] = field(default_factory=list)
    credentials: dict[str, Values] = field(default_factory=dict)
    """Username and password by registry host."""
    _client: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def configured(cls, config: Values) -> "Daemon":
        """Read the provider's configuration; a local daemon must answer, one behind ssh need not.

        So `disableDockerDaemonCheck` changes nothing here: nothing is checked before it is needed.
        Raises PluginError if it does not answer or a credentials file can't be read.
        """
        daemon = cls(
            host=config.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST,
            ssh_options=_structured(config.get("sshOpts")) or [],
        )
        if not daemon.host.startswith("ssh://"):
            try:
                daemon.client()
            except PluginError as error:
                # Two messages in one: the native half's, and what the other half would add.
                native = "docker native provider returned an unexpected error from Configure"
                reason = "failed to connect to any docker daemon"
                raise PluginError(f"{native}: {reason}: {error}") from error
        for entry in _structured(config.get("registryAuth")) or []:
            registry = convert_to_hostname(entry["address"])
            daemon.credentials[registry] = _credentials(registry, entry)
        return daemon

    @property
    def address(self) -> str:
        """The address that clients on this machine can use."""
        with self._lock:
            if self.host.startswith("ssh://"):
                self.host = ssh.forward(self.host, self.ssh_options)
            return self.host

    def client(self) -> Any:
        """Return a client, made and checked at the first call."""
        if self._client is None:
            self._client = self.ping()
        return self._client

    def ping(self) -> Any:
        """Return a new client to a daemon that answers; raises PluginError if it does not."""
        named = self.host
        try:
            return docker.APIClient(base_url=self.address, version="auto", timeout=_TIMEOUT)
        except FAILURES as error:
            hint = f"please make sure that {named} is reachable and has a  '_ping' endpoint"
            raise PluginError(f"Error pinging Docker server, {hint}. Error: {error}") from error

    def credentials_for(self, registry: str) -> Values | None:
        """Return the credentials of a registry, none if the provider has none for it."""
        found = self.credentials.get(registry)
        return found if found and found.get("username") else None


def _structured(value: Any) -> Any:
    """Return a configuration value that the SDK sends as JSON text."""
    if isinstance(value, str):
        return json.loads(value) if value else None
    return value


def _credentials(registry: str, entry: Values) -> Values:
    """Return username and password of one `registryAuth` entry."""
    if _structured(entry.get("authDisabled")):
        return {"username": "username", "password": "password"}
    username = entry.get("username") or os.environ.get("DOCKER_REGISTRY_USER")
    if username:
        password = entry.get("password") or os.environ.get("DOCKER_REGISTRY_PASS", "")
        return {"username": username, "password": password}
    text = entry.get("configFileContent") or _config_file(entry).read_text()
    auths = AuthConfig.load_config(None, json.loads(text))
    return auths.resolve_authconfig(registry) or {}


def _config_file(entry: Values) -> Path:
    """Return the Docker configuration file of an entry; raises PluginError without one."""
    named = entry.get("configFile") or os.environ.get("DOCKER_CONFIG") or "~/.docker/config.json"
    path = Path(named).expanduser()
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        prefix = "Error loading registry auth config: could not open config file from filePath"
        raise PluginError(f"{prefix}: {named}. Error: open {path}: no such file or directory")
    return path
