"""Where everything of one sandbox lies. Nothing is read or written here."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

RUN_DIRECTORY = Path("/run/labform")
"""What must not survive a reboot; short, because a Unix socket's path may have 107 characters only."""


def cache_directory() -> Path:
    """The folder that all sandboxes of this user share: extracted packages and the base image's layers."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "labform" / "sandbox"


def default_root() -> Path:
    """The dev lab's sandbox, used where no other folder is named."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "labform" / "sandbox"


@dataclass(frozen=True)
class Layout:
    """The paths and names of the sandbox at `root`; two roots never share one of them."""

    root: Path

    @property
    def key(self) -> str:
        """Eight characters that stand for the root in names of things outside of it."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def run(self) -> Path:
        """Sockets and the daemon's exec root; gone after `stop` and after a reboot."""
        return RUN_DIRECTORY / self.key

    @property
    def bridge(self) -> str:
        """The name of the bridge, within the kernel's 15 characters."""
        return f"lf-{self.key}"

    @property
    def cgroup(self) -> str:
        """The parent of all containers' control groups, relative to a hierarchy's mount."""
        return f"labform-{self.key}"

    @property
    def socket(self) -> Path:
        """Where the daemon listens."""
        return self.run / "docker.sock"

    @property
    def data(self) -> Path:
        """The daemon's data root: images, containers, volumes."""
        return self.root / "data"

    @property
    def cdi(self) -> Path:
        """Where a later Docker looks for CDI specifications; it sees at once what is written there."""
        return self.root / "cdi"

    @property
    def registry(self) -> Path:
        """The registry's blobs, password, port and configuration."""
        return self.root / "registry"

    @property
    def docker_config(self) -> Path:
        """A DOCKER_CONFIG that knows the registry's password."""
        return self.root / "docker-config"

    @property
    def logs(self) -> Path:
        """What the daemon and the registry print."""
        return self.root / "logs"

    @property
    def state(self) -> Path:
        """What `start` found out and later calls reuse, as JSON."""
        return self.root / "sandbox.json"

    @property
    def lock(self) -> Path:
        """Held while the sandbox starts or stops; outside of the root, so that `remove` can hold it too."""
        return cache_directory() / "locks" / self.key


def layout_of(root: Path) -> Layout:
    """The layout of a root given in any spelling."""
    return Layout(Path(root).expanduser().resolve())
