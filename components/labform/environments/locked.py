"""Locked packages, and their partition into layers: pure, and stable when one package is added or upgraded.

A package's layer depends on its own name, size and kind alone, never on its neighbours. So one more package, or another
version of one, changes one layer, and every other keeps its digest: it is neither built, pushed nor pulled again.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labform.problems import LabformError

_HEAVY, _LARGE = 64 * 1024**2, 4 * 1024**2
"""Bytes of a wheel. 64 MiB: CUDA and frameworks, which change least and cost most. 4 MiB: NumPy's order of size."""
_BUCKETS = {"heavy": 3, "large": 6, "small": 4}
"""How many layers packages of a size share. With what else an image has there are at most 20 layers above its base;
overlay2 allows 128 in all (moby: daemon/graphdriver/overlay2, maxDepth)."""
_WHEEL = re.compile(r"-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl$")


@dataclass(frozen=True)
class Layer:
    """Packages that are installed together, without a look at any other."""

    name: str
    packages: tuple["LockedPackage", ...]

    @property
    def needs_system(self) -> bool:
        """Whether it builds something, which may need the Debian packages."""
        return self.name in ("source", "local")

    @property
    def pylock(self) -> str:
        """The layer as a lock file of its own (PEP 751)."""
        head = 'lock-version = "1.0"\ncreated-by = "labform"\n'
        return head + "".join(f"\n[[packages]]\n{_toml_lines(one.table)}" for one in self.packages)


@dataclass(frozen=True)
class LockedPackage:
    """One package at one version, with where its files are and their hashes."""

    name: str
    """The normalised name."""
    table: Mapping[str, Any]
    """Its entry of `[[packages]]` in a pylock.toml (PEP 751)."""
    kind: Literal["wheel", "source", "local"]
    """`wheel`: unpacked; `source`: built from an archive or a repository; `local`: built from a folder of the lab."""
    size: int | None = None
    """Bytes of its largest wheel that fits; None where the lock does not say."""
    pure: bool = False
    """Whether one of its wheels is for any machine: without a size, what is compiled counts as large."""

    @property
    def layer(self) -> str:
        """The layer it belongs to."""
        if self.kind != "wheel":
            return self.kind
        size = self.size if self.size is not None else 0 if self.pure else _LARGE
        weight = "heavy" if size >= _HEAVY else "large" if size >= _LARGE else "small"
        return f"{weight}-{bucket(self.name, _BUCKETS[weight])}"


def bucket(name: str, count: int) -> int:
    """A number below `count` that a name has on every machine and in every version."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % count


def layers(packages: Iterable[LockedPackage]) -> tuple[Layer, ...]:
    """The layers that have packages, what changes least first; the packages of each in the order of their names."""
    found: dict[str, list[LockedPackage]] = {}
    for package in sorted(packages, key=lambda one: (one.name, str(one.table.get("version", "")))):
        found.setdefault(package.layer, []).append(package)
    order = [f"{weight}-{number}" for weight, count in _BUCKETS.items() for number in range(count)]
    return tuple(Layer(name, tuple(found[name])) for name in (*order, "source", "local") if name in found)


def wheel_fits(filename: str) -> bool:
    """Whether a wheel can run on Linux with glibc on x86-64; LabformError if it is no wheel's name."""
    match = _WHEEL.search(filename)
    if match is None:
        raise LabformError(f"{filename} is not a wheel's name")
    platforms = match["platform"].split(".")
    return any(
        one == "any" or (one.endswith("_x86_64") and one.startswith(("linux", "manylinux"))) for one in platforms
    )


def archived(name: str, table: Mapping[str, Any], wheels: Sequence[Mapping[str, Any]]) -> LockedPackage | None:
    """A package from an index, of the wheels that fit and its source; None if it has neither.

    `table` is its entry without `wheels`; each of `wheels` is an entry of it.
    """
    fitting = [one for one in wheels if wheel_fits(file_name(one))]
    if not fitting and "sdist" not in table:
        return None
    if not fitting:
        return LockedPackage(name, table, "source")
    sizes = [int(one["size"]) for one in fitting if "size" in one]
    pure = any(file_name(one).endswith("-any.whl") for one in fitting)
    return LockedPackage(name, {**table, "wheels": fitting}, "wheel", max(sizes, default=None), pure)


def file_name(file: Mapping[str, Any]) -> str:
    """The name of an archive: given, or the end of its path or address."""
    place = str(file.get("name") or file.get("path") or file.get("url") or "")
    return place.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]


def _toml_lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: object) -> str:
    """A value on one line; a hundred times as fast as a writer that keeps layouts, and locks have thousands."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + "".join(f"\n    {_toml(one)}," for one in value) + "\n]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
