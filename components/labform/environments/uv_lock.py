"""A uv.lock as data: what it installs for one choice of extras and groups. Pure; uv itself is not asked."""

import posixpath
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from labform.environments.locked import LockedPackage, archived, file_name
from labform.environments.markers import holds, marker_for, pythons
from labform.problems import LabformError, suggestion

_Package = Mapping[str, Any]
FORMAT = 1
"""The version of uv.lock that is read (uv: crates/uv-resolver/src/lock/mod.rs, VERSION)."""


@dataclass(frozen=True)
class Selection:
    """What is asked of a lock."""

    package: str
    """The member of the workspace, by its normalised name."""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    python: str = ""
    """The one minor version, where it is known."""

    @cached_property
    def chosen(self) -> frozenset[str]:
        """The choice in the words of uv's markers."""
        size = len(self.package)
        return frozenset(
            [f"project-{size}-{self.package}"]
            + [f"extra-{size}-{self.package}-{one}" for one in self.extras]
            + [f"group-{size}-{self.package}-{one}" for one in self.groups]
        )


@dataclass(frozen=True)
class UvLock:
    """A lock that was read; LabformError for what cannot be one."""

    document: Mapping[str, Any]
    _by_name: dict[str, list[_Package]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "UvLock":
        """The lock in a text; LabformError says what is wrong with it."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise LabformError(f"is cut short or is not TOML: {error}") from None
        if document.get("version") != FORMAT:
            raise LabformError(f"has format {document.get('version')!r}, and {FORMAT} is read")
        packages = document.get("package", [])
        if not isinstance(packages, list) or not all(isinstance(one, dict) and "name" in one for one in packages):
            raise LabformError("names a package without a name")
        lock = cls(document)
        for one in packages:
            lock._by_name.setdefault(str(one["name"]), []).append(one)
        return lock

    @property
    def requires_python(self) -> SpecifierSet:
        """The Pythons it was made for."""
        return SpecifierSet(str(self.document.get("requires-python", "")))

    def members(self) -> dict[str, _Package]:
        """The packages that are folders of the workspace, by name."""
        named = (self.document.get("manifest") or {}).get("members", [])
        every = {one["name"]: one for one in self.document.get("package", []) if folder_of(one) is not None}
        return {name: one for name, one in every.items() if name in named or folder_of(one) == "."}

    def root(self) -> str | None:
        """The package whose folder is the lock's own, if there is one."""
        return next((name for name, one in self.members().items() if folder_of(one) == "."), None)

    def packages(self, selection: Selection) -> tuple[LockedPackage, ...]:
        """Everything that is installed for a selection, its own package aside; LabformError for what cannot be."""
        every = pythons(self._markers(), self.requires_python, selection.python)
        if not every:
            raise LabformError(f"is for Python {self.requires_python}, and python: is {selection.python}")
        wanted: dict[int, set[Version]] = {}
        found: dict[int, _Package] = {}
        for python in every:
            for one in self._reached(selection, python):
                wanted.setdefault(id(one), set()).add(python)
                found[id(one)] = one
        return tuple(_locked(one, marker_for(wanted[key], every)) for key, one in found.items())

    def _markers(self) -> Iterator[str]:
        for one in self.document.get("package", []):
            for edges in _edge_lists(one):
                yield from (edge["marker"] for edge in edges if "marker" in edge)

    def _reached(self, selection: Selection, python: Version) -> list[_Package]:
        """The packages of one Python, depth first from the selection's own."""
        root = self._only(selection.package)
        seen: dict[tuple[int, str], _Package] = {}
        groups = root.get("dev-dependencies") or {}
        extras = root.get("optional-dependencies") or {}
        edges = [*root.get("dependencies", [])]
        edges += [edge for name in selection.groups for edge in groups.get(name, [])]
        edges += [edge for name in selection.extras for edge in extras.get(name, [])]
        todo = list(self._followed(edges, python, selection.chosen))
        while todo:
            package, extra = todo.pop()
            if (key := (id(package), extra)) not in seen:
                seen[key] = package
                optional = package.get("optional-dependencies") or {}
                edges = optional.get(extra, []) if extra else package.get("dependencies", [])
                todo += self._followed(edges, python, selection.chosen)
        return [one for one in {id(one): one for one in seen.values()}.values() if one is not root]

    def _followed(
        self, edges: Iterable[Mapping[str, Any]], python: Version, chosen: frozenset[str]
    ) -> Iterator[tuple[_Package, str]]:
        for edge in edges:
            if holds(edge.get("marker", ""), python, chosen):
                package = self._only(edge["name"], edge)
                yield package, ""
                yield from ((package, extra) for extra in edge.get("extra", []))

    def _only(self, name: str, edge: Mapping[str, Any] | None = None) -> _Package:
        wanted = {key: value for key, value in (edge or {}).items() if key in ("version", "source")}
        fitting = [one for one in self._by_name.get(name, []) if all(one.get(k) == v for k, v in wanted.items())]
        if len(fitting) != 1:
            hint = "" if self._by_name.get(name) else f"; {suggestion(name, self._by_name)}"
            raise LabformError(f"has {len(fitting)} packages {name} where one is meant{hint}")
        return fitting[0]


def _edge_lists(package: _Package) -> Iterator[list[Mapping[str, Any]]]:
    yield package.get("dependencies", [])
    for section in ("optional-dependencies", "dev-dependencies"):
        yield from (package.get(section) or {}).values()


def folder_of(package: _Package) -> str | None:
    """The folder of a package of the lab, relative to the lock; None for one from elsewhere."""
    source = package.get("source", {})
    return next((str(source[key]) for key in ("virtual", "editable", "directory") if key in source), None)


def _locked(package: _Package, marker: str) -> LockedPackage:
    """A package of the lock in the words of a pylock.toml."""
    name, source = str(package["name"]), package.get("source", {})
    table = {"name": name, **{key: package[key] for key in ("version",) if key in package}}
    table |= {"marker": marker} if marker else {}
    if "git" in source:
        return LockedPackage(name, {**table, "vcs": _repository(str(source["git"]))}, "source")
    if (folder := folder_of(package)) is not None:
        return LockedPackage(name, {**table, "directory": {"path": folder, "editable": "editable" in source}}, "local")
    registry = str(source.get("registry", ""))
    beside = "" if "://" in registry else registry
    files = [_file(one, beside) for one in package.get("wheels", [])]
    if "url" in source or ("path" in source):
        return _direct(name, table, source, [*files, *(_file(one) for one in [package.get("sdist")] if one)])
    if "registry" not in source:
        raise LabformError(f"has {name} from a source that labform does not know: {', '.join(source) or 'none'}")
    if not beside:
        table["index"] = registry
    if "sdist" in package:
        table["sdist"] = _file(package["sdist"], beside)
    if locked := archived(name, table, files):
        return locked
    raise LabformError(f"has neither a wheel of {name} for linux/amd64 nor its source")


def _file(entry: Mapping[str, Any], beside: str = "") -> dict[str, Any]:
    """A file in the words of a pylock.toml; one of a local index lies in its folder, and its own bytes are its hash."""
    algorithm, _, value = str(entry.get("hash", "")).partition(":")
    if not value and "path" not in entry:
        raise LabformError(f"has no hash of {file_name(entry)}")
    kept = {key: entry[key] for key in ("url", "path", "size") if key in entry}
    kept |= {"path": posixpath.join(beside, entry["path"])} if "path" in entry else {}
    return {**kept, "hashes": {algorithm: value}} if value else kept


def _direct(
    name: str, table: Mapping[str, Any], source: Mapping[str, Any], files: list[dict[str, Any]]
) -> LockedPackage:
    if not files:
        raise LabformError(f"has no hash of {name}")
    place = {key: source[key] for key in ("url", "path", "subdirectory") if key in source}
    archive = {**files[0], **place}
    # A direct archive is a wheel or a source by its name; either way nobody else's index names it.
    kind: Literal["wheel", "source"] = "wheel" if file_name(archive).endswith(".whl") else "source"
    size = files[0].get("size")
    return LockedPackage(name, {**table, "archive": archive}, kind, size, file_name(archive).endswith("-any.whl"))


def _repository(address: str) -> dict[str, str]:
    """`https://host/repo?rev=main&subdirectory=x#commit` in the words of a pylock.toml."""
    url = urlsplit(address)
    asked = {key: values[0] for key, values in parse_qs(url.query).items()}
    revision = next((asked[key] for key in ("rev", "tag", "branch") if key in asked), None)
    found = {"type": "git", "url": url._replace(query="", fragment="").geturl(), "commit-id": url.fragment}
    found |= {"requested-revision": revision} if revision else {}
    return {**found, "subdirectory": asked["subdirectory"]} if "subdirectory" in asked else found
