"""Which Pythons a lock's packages are for: markers, asked for every interpreter that a base may have."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

PLATFORM: Mapping[str, str] = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "platform_release": "",
    "platform_version": "",
}
"""What CPython says of itself in an image for linux/amd64 (PEP 508, environment markers)."""
_COMPARED = re.compile(r"python_(?:full_)?version\s*(?:[<>=!~]=?=?|not in|in)\s*['\"]([^'\"]+)['\"]")
_CHOSEN = re.compile(r"extra\s*(==|!=)\s*'((?:extra|group|project)-\d+-[^']+)'")
"""How uv writes in markers that one of several conflicting extras or groups is chosen."""


def installed(text: str) -> Requirement | None:
    """A requirement that an image's markers let through; None for another one, and for another text."""
    try:
        one = Requirement(text)
    except InvalidRequirement:
        return None
    return one if one.marker is None or one.marker.evaluate({**PLATFORM}) else None


def pythons(markers: Iterable[str], requires: SpecifierSet, declared: str = "") -> tuple[Version, ...]:
    """One Python of each range within which no marker changes, from the lowest on.

    `declared` is the one minor version that the base has, where that is known.
    """
    if declared:
        requires &= SpecifierSet(f"=={declared}.*")
    named = " ".join(_COMPARED.findall(" ".join({*markers}))).replace(",", " ").split()
    named += [one.version for one in requires]
    edges = {Version(declared or "3.8")}
    for text in named:
        version = Version(text.removesuffix(".*"))
        edges |= {version, Version(".".join(map(str, (*version.release[:-1], version.release[-1] + 1))))}
        # `>3.11` leaves out 3.11 itself, and no patch of it.
        edges |= {Version(f"{version}.1")} if len(version.release) == 2 else set()
    return tuple(edge for edge in sorted(edges) if requires.contains(edge, prereleases=True))


@lru_cache(maxsize=50_000)
def holds(marker: str, python: Version, chosen: frozenset[str] = frozenset(), extra: str = "") -> bool:
    """Whether a marker is true on a Python; `chosen` are uv's words for the extras and groups that are installed."""
    if not marker:
        return True

    def known(match: re.Match[str]) -> str:
        """The same comparison as one that is always true, or never."""
        return "os_name == 'posix'" if (match[2] in chosen) == (match[1] == "==") else "os_name == ''"

    full = ".".join(map(str, (*python.release, 0, 0)[:3]))
    minor = ".".join(full.split(".")[:2])
    versions = {"python_full_version": full, "python_version": minor, "implementation_version": full}
    return Marker(_CHOSEN.sub(known, marker)).evaluate({**PLATFORM, **versions, "extra": extra})


def marker_for(wanted: Collection[Version], every: tuple[Version, ...]) -> str:
    """The marker that is true on the wanted ones of all Pythons; empty for all of them."""
    parts: list[str] = []
    for place, python in enumerate(every):
        if python not in wanted or (place and every[place - 1] in wanted):
            continue
        end = next((one for one in every[place:] if one not in wanted), None)
        low = f"python_full_version >= '{python}'" if place else ""
        high = f"python_full_version < '{end}'" if end else ""
        parts.append(" and ".join(filter(None, (low, high))))
    return " or ".join(parts)
