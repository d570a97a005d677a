"""Debian's packages through apt as this machine has it set up, without changing the machine."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .commands import run
from .errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """One entry of the host's apt sources."""

    address: str
    suite: str
    component: str


def download(packages: Sequence[str], into: Path) -> list[Path]:
    """Download the packages, and what they depend on that the host lacks; nothing is installed."""
    options = ["install", "--download-only", "--reinstall", "--no-install-recommends", "--yes"]
    run(_apt(into, *options, *packages), doing=f"download {', '.join(packages)} with apt")
    return sorted((into / "archives").glob("*.deb"))


def refresh(into: Path) -> None:
    """Fetch the host's package lists into a folder of our own: the host's may be empty or stale."""
    if shutil.which("apt-get") is None:
        raise SandboxError(
            "no Docker daemon answers, and the fallback needs apt-get (Debian): "
            "install Docker, or point DOCKER_HOST to a daemon"
        )
    for folder in ("lists", "archives"):
        (into / folder / "partial").mkdir(parents=True, exist_ok=True)
    run(_apt(into, "update"), doing="apt-get update")


def download_of(suite: str, packages: Sequence[str], into: Path) -> list[Path]:
    """Download these packages alone, as another suite of the host's Debian mirror has them (after `refresh`)."""
    own = next(one for one in repositories(into) if one.suite == release("VERSION_CODENAME"))
    sources, there = into / "sources.list", into / suite
    sources.write_text(f"deb {own.address} {suite} {own.component}\n")
    there.mkdir()
    options = [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-", "Acquire::Languages=none"]
    chosen = [word for option in options for word in ("-o", option)]
    run(_apt(into, "update", *chosen), doing=f"apt-get update for {suite}")
    run(_apt(into, "download", *chosen, *packages), doing=f"download {', '.join(packages)} of {suite}", cwd=there)
    return sorted(there.glob("*.deb"))


def repositories(lists: Path) -> list[Repository]:
    """The distribution's own repositories, as the host's apt reaches them (after `refresh`)."""
    wanted = "$(ORIGIN)|$(IDENTIFIER)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    output = run(_apt(lists, "indextargets", "--format", wanted), doing="read apt's sources")
    rows = [line.split("|") for line in output.splitlines()]
    found = [Repository(*row[2:]) for row in rows if row[0].lower() == release("ID") and row[1] == "Packages"]
    if not any(repository.suite == release("VERSION_CODENAME") for repository in found):
        raise SandboxError(f"apt's sources name no {release('VERSION_CODENAME')}: add Debian's main repository")
    return list(dict.fromkeys(found))


def proxies() -> dict[str, str]:
    """The proxies of apt as the variables that other programs read."""
    listing = run(["apt-config", "dump", "Acquire"], doing="read apt's settings")
    rows = [line.rstrip(";").partition(" ") for line in listing.splitlines()]
    found = {name: value.strip('"') for name, _, value in rows}
    names = {"http_proxy": "Acquire::http::Proxy", "https_proxy": "Acquire::https::Proxy"}
    return {name: found[key] for name, key in names.items() if found.get(key)}


def fields(archive: Path) -> tuple[str, str]:
    """Name and upstream version of a package file."""
    shown: list[str | Path] = ["dpkg-deb", "--show", "--showformat", "${Package} ${Version}", archive]
    name, version = run(shown, doing=f"read {archive.name}").split()
    return name, upstream(version)


def upstream(version: str) -> str:
    """`1:20.10.24+dfsg1-1+deb12u1` -> `20.10.24`: without epoch, repacking and Debian's revision."""
    return version.rpartition(":")[2].partition("-")[0].partition("+")[0].partition("~")[0]


def architecture() -> str:
    """Debian's name of this machine's architecture."""
    return run(["dpkg", "--print-architecture"], doing="ask dpkg for the architecture").strip()


@cache
def release(field: str) -> str:
    """A field of the host's /etc/os-release."""
    return platform.freedesktop_os_release().get(field, "")


def _apt(state: Path, *words: str) -> list[str]:
    settings = state / "apt.conf"
    settings.write_text(_SETTINGS.format(state=state))
    return ["apt-get", "--config-file", str(settings), "--quiet", *words]


_SETTINGS = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State::lists "{state}/lists";
Dir::Cache "{state}";
Dir::Cache::archives "{state}/archives";
Debug::NoLocking "1";
APT::Sandbox::User "root";
"""
"""The host's hooks are cleared: they tidy the system's own caches, which are not ours to touch."""
