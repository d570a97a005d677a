"""A minimal Debian with Python as one image layer, made by debootstrap, the same bytes for the same packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.once import made_once

from . import debian
from .commands import run
from .errors import SandboxError
from .image import Layer, pack
from .layout import cache_directory

if TYPE_CHECKING:
    from .toolset import Progress, Toolset

PACKAGES = (
    "ca-certificates",
    "curl",
    "git",
    "openssh-client",
    "python3",
    "python3-pip",
    "python3-venv",
)
REVISION = "2"
"""Part of the cache's key: raised when the content changes."""

EPOCH = "1700000000"
"""The one date of everything inside, so that equal content is an equal digest."""

SPACE = 2 * 1024**3
"""Bytes needed while it is made."""

UNWANTED = (
    "dev/*",
    "proc/*",
    "sys/*",
    "run/*",
    "tmp/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/apt/lists/*",
    "var/lib/dpkg/*-old",
    "var/log/*",
    "etc/*-",
    "etc/hostname",
    "etc/resolv.conf",
    "usr/share/doc/*/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*/*",
    "**/__pycache__",
)
SLIM = """path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
"""
"""Packages that a build installs later stay slim too."""


def layer(tools: Toolset, progress: Progress) -> Layer:
    """The layer from the cache, or made now: a minute, once per cache."""
    suite = debian.release("VERSION_CODENAME")
    key = hashlib.sha256(" ".join([suite, debian.architecture(), REVISION, *PACKAGES]).encode()).hexdigest()[:12]
    directory = cache_directory() / f"rootfs-{suite}-{key}"
    if not directory.is_dir():
        progress("making the base image with debootstrap: about 70 seconds, once")
    made_once(directory, lambda target: _make(target, suite, tools))
    return Layer.read(directory)


def python_version(directory: Path) -> str:
    """`3.11`, from the interpreter's library in an unpacked root."""
    return next(path.name for path in sorted(directory.glob("usr/lib/python3.*"))).removeprefix("python")


def _make(target: Path, suite: str, tools: Toolset) -> None:
    if shutil.disk_usage(target).free < SPACE:
        raise SandboxError(f"not enough space in {target.parent} for the base image: 2 GB are needed")
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        root = Path(scratch) / "root"
        debian.refresh(Path(scratch))
        mirror = next(entry for entry in debian.repositories(Path(scratch)) if entry.suite == suite)
        include = f"--include={','.join(PACKAGES)}"
        run(
            ["sh", tools.program("debootstrap"), "--variant=minbase", include, suite, root, mirror.address],
            doing="make the base image with debootstrap",
            env={**debian.proxies(), **tools.environment, "SOURCE_DATE_EPOCH": EPOCH},
        )
        _tidy(root)
        pack(_tar(root), target, labels={"python": python_version(root)})


def _tidy(root: Path) -> None:
    for pattern in UNWANTED:
        for path in list(root.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != "copyright":
                path.unlink(missing_ok=True)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "etc/dpkg/dpkg.cfg.d/labform").write_text(SLIM)
    _same_days(root / "etc/shadow")


def _same_days(shadow: Path) -> None:
    """The day on which an account was made is written down; it would make every day's image differ."""
    rows = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join([*row[:2], "19675", *row[3:]]) + "\n" for row in rows))


def _tar(root: Path) -> subprocess.Popen[bytes]:
    fixed = ["--sort=name", f"--mtime=@{EPOCH}", "--numeric-owner", "--format=gnu"]
    return subprocess.Popen(["tar", *fixed, "--directory", str(root), "--create", "."], stdout=subprocess.PIPE)
