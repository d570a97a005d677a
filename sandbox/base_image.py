"""The image that environments start from: the official one where it can be pulled, else one of our own."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from . import debian, host_settings, image, rootfs
from .credentials import USERNAME, password_at
from .errors import SandboxError
from .layout import cache_directory

if TYPE_CHECKING:
    from .registry import Registry
    from .toolset import Progress, Toolset

OFFICIAL = "python:3.12-slim"
REPOSITORY = "base/python"

ASK_LIMIT = 5
"""Seconds to wait for the official image's registry."""

ASK_AGAIN = 24 * 3600
"""Seconds for which its answer is remembered."""


def obtain(host: str, registry: Registry, tools: Toolset, progress: Progress) -> str:
    """The base's reference by digest in our registry, pulled to the daemon so that builds start at once."""
    client = docker.DockerClient(base_url=host, timeout=600)
    try:
        if official_answers(host):
            return _mirrored(client, registry, progress)
        reference = made(registry, tools, progress)
        progress("pulling the base image to the daemon: a few seconds, once")
        client.images.pull(reference, auth_config=_account(registry))
        return reference
    finally:
        client.close()


def made(registry: Registry, tools: Toolset, progress: Progress) -> str:
    """Push our own base, from the cached layer and this host's settings, and return its reference."""
    base = rootfs.layer(tools, progress)
    cache_directory().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_directory()) as scratch:
        debian.refresh(Path(scratch))
        settings = host_settings.read(debian.repositories(Path(scratch)))
        over = image.layer_of_files(settings.files, Path(scratch))
        environment = {"PATH": _PATH, "LANG": "C.UTF-8", **settings.environment}
        config = {
            "architecture": debian.architecture(),
            "env": [f"{name}={value}" for name, value in sorted(environment.items())],
            "command": ["python3"],
        }
        digest = image.push(registry, REPOSITORY, base.labels["python"], [base, over], config)
    return f"{registry.address}/{REPOSITORY}@{digest}"


def official_answers(host: str) -> bool:
    """Whether the official image can be had, asked with a short time limit and at most once a day."""
    note = cache_directory() / "official-base.json"
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.get("image") == OFFICIAL and time.time() - known["asked"] < ASK_AGAIN:
        return bool(known["answers"])
    client = docker.APIClient(base_url=host, timeout=ASK_LIMIT)
    try:
        found = bool(client.inspect_distribution(OFFICIAL))  # type: ignore[no-untyped-call]
    except (DockerException, OSError):
        found = False
    finally:
        client.close()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"image": OFFICIAL, "answers": found, "asked": time.time()}))
    return found


def _mirrored(client: docker.DockerClient, registry: Registry, progress: Progress) -> str:
    progress(f"pulling the official {OFFICIAL}")
    found = client.images.pull(OFFICIAL)
    name, tag = f"{registry.address}/{REPOSITORY}", OFFICIAL.rpartition(":")[2].removesuffix("-slim")
    found.tag(name, tag)
    for line in client.images.push(name, tag, auth_config=_account(registry), stream=True, decode=True):
        if "error" in line:
            raise SandboxError(f"push {OFFICIAL} to our registry: {line['error']}")
    found.reload()
    return next(str(digest) for digest in found.attrs["RepoDigests"] if digest.startswith(f"{name}@"))


def _account(registry: Registry) -> dict[str, str]:
    return {"username": USERNAME, "password": password_at(registry.password_file)}


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
