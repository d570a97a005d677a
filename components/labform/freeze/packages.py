"""Packages as an interpreter or a Debian system lists them, and what differs between two such lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from labform.problems import Problem

PROJECT = "file:///opt/project"
"""Where a project's own files are in its image; a path below it is known when the image is built."""


@dataclass(frozen=True)
class Package:
    """One installed package.

    `url` is where it came from, as a direct reference (PEP 440) writes it, None for one from an index; `requested` is
    False for what only another package needs.
    """

    name: str
    version: str
    url: str | None = None
    editable: bool = False
    requested: bool = True

    @property
    def source(self) -> str:
        """What follows the name in a requirement: `==1.0`, or ` @ git+https://…@commit`."""
        return f" @ {self.url}" if self.url else f"=={self.version}"

    @property
    def local(self) -> bool:
        """Whether it comes from a folder of the container."""
        return bool(self.url and self.url.startswith("file:"))

    @property
    def path(self) -> str | None:
        """Its folder relative to the project's; None where it is no part of the project."""
        if self.url == PROJECT:
            return "."
        return f".{self.url.removeprefix(PROJECT)}" if self.url and self.url.startswith(f"{PROJECT}/") else None


@dataclass(frozen=True)
class Change:
    """A package that was added, removed, or is there in another version or from another source."""

    name: str
    """The name in its normal form."""
    old: Package | None
    new: Package | None

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        """What happened to it."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    def __str__(self) -> str:
        """`six 1.16.0 -> 1.17.0`."""
        old, new = _text(self.old), _text(self.new)
        return f"{self.name} {old} -> {new}" if old and new else f"{self.name} {new}" if new else f"{self.name} removed"


def _text(package: Package | None) -> str:
    return "" if package is None else package.url or package.version


def python_packages(report: Mapping[str, Any]) -> dict[str, Package]:
    """The packages of a `pip inspect` report, by normalised name; not those that conda has put there.

    The format is version 1 of pip's inspect report with PEP 610 direct references.
    """
    packages = [_package(one) for one in report["installed"] if one.get("installer") != "conda"]
    return {canonicalize_name(one.name): one for one in packages}


def _package(entry: Mapping[str, Any]) -> Package:
    metadata, direct = entry["metadata"], entry.get("direct_url") or {}
    return Package(
        metadata["name"],
        metadata["version"],
        url=_url(direct) if direct else None,
        editable=bool((direct.get("dir_info") or {}).get("editable")),
        requested=bool(entry.get("requested")),
    )


def _url(direct: Mapping[str, Any]) -> str:
    url = str(direct["url"])
    if vcs := direct.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    fragments = [f"subdirectory={direct['subdirectory']}"] if direct.get("subdirectory") else []
    fragments += [f"{key}={value}" for key, value in sorted(_hashes(direct).items())]
    return url + (f"#{'&'.join(fragments)}" if fragments else "")


def _hashes(direct: Mapping[str, Any]) -> dict[str, str]:
    return dict((direct.get("archive_info") or {}).get("hashes") or {})


_DPKG = re.compile(r"^(?P<state>ii|hi) +(?P<name>[a-z0-9][a-z0-9+.-]*)(:[a-z0-9-]+)? +(?P<version>\S+)$")
DPKG_QUERY = ("dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Package} ${Version}\\n")
"""The command whose output `debian_packages` reads."""

MANUAL_QUERY = ("apt-mark", "showmanual")
"""The command that tells which of them somebody asked for; the others came with those."""


def debian_packages(listing: str, manual: str | None = None) -> dict[str, Package]:
    """The installed packages of DPKG_QUERY's output, by name; `manual` names those that somebody asked for, if known.

    It is the output of `apt-mark showmanual`.
    """
    found = (_DPKG.match(line.strip()) for line in listing.splitlines())
    asked = None if manual is None else {line.partition(":")[0] for line in manual.split()}
    return {
        one["name"]: Package(one["name"], one["version"], requested=asked is None or one["name"] in asked)
        for one in found
        if one
    }


_CONDA = re.compile(r"^(?P<name>[a-z0-9_][a-z0-9_.-]*)-(?P<version>[^-\s]+)-[^-\s]+\.json$")
CONDA_QUERY = ("sh", "-c", 'ls "${CONDA_PREFIX:-/opt/env}/conda-meta"')
"""The command whose output `conda_packages` reads: conda keeps a file for each package, `name-version-build.json`."""


def conda_packages(listing: str) -> dict[str, Package]:
    """The conda packages of CONDA_QUERY's output, by name."""
    found = (_CONDA.match(line) for line in listing.splitlines())
    return {one["name"]: Package(one["name"], one["version"]) for one in found if one}


def changes(before: Mapping[str, Package], after: Mapping[str, Package]) -> list[Change]:
    """What differs between two lists, in the order of names; who asked for a package is no difference."""
    names = sorted({*before, *after})
    pairs = [Change(name, before.get(name), after.get(name)) for name in names]
    return [one for one in pairs if _identity(one.old) != _identity(one.new)]


def _identity(package: Package | None) -> tuple[str | None, ...]:
    if package is None:
        return ()
    # A folder's version is that of its files, which are declared by themselves.
    return (None if package.local else package.version, package.url, str(package.editable))


def refusal(change: Change, *, declared: bool) -> Problem | None:
    """Why a project's files cannot say a change: a folder that no build sees, or a removal of what they do not name."""
    if change.new and change.new.local and change.new.path is None:
        hint = "copy it into the project and name it in files:, or install it from git by commit"
        return Problem((change.name,), "not-in-image", f"is installed from {change.new.url}, which no build sees", hint)
    if change.new is None and not declared:
        hint = "remove what needs it, or install it again"
        return Problem((change.name,), "not-declared", "was removed, and the project's files do not name it", hint)
    return None


def parsed(text: str) -> Requirement | None:
    """A requirement (PEP 508), None for any other text."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def pinned(requirement: Requirement, package: Package) -> str:
    """A requirement for exactly this package; its spelling, extras and marker stay."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    source = "" if package.local else package.source
    # A marker needs a blank before its semicolon after a URL: without one it would be part of it.
    marker = f"{' ' if package.url else ''}; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{source}{marker}"
