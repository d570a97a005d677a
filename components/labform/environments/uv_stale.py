"""Whether a uv.lock is older than the pyproject.toml files it was made from: what each says, compared. No network."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from labform.environments.markers import PLATFORM
from labform.environments.uv_lock import UvLock, folder_of
from labform.environments.uv_project import Table, settings
from labform.problems import LabformError

_SYSTEMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
_PYTHONS = tuple(Version(f"3.{minor}.{patch}") for minor in range(8, 21) for patch in (0, 3, 9))
"""Where two markers are compared: as good as everywhere, since hardly any names a patch."""
_PLACES = ("git", "url", "path", "directory", "editable", "virtual", "index")
"""Where a requirement may come from, in the words of uv.lock."""


@dataclass(frozen=True)
class _Asked:
    """A requirement, as both files can say it."""

    section: str
    """`dependencies`, or the extra's or group's own name with its kind."""
    name: str
    extras: frozenset[str]
    versions: str
    place: str
    truth: tuple[bool, ...]
    """Its marker's value on every system and Python."""

    def __str__(self) -> str:
        """The requirement without what its marker says."""
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"{self.name}{extras}{self.versions}{f' from {self.place}' if self.place else ''}"


def stale(lock: UvLock, projects: Mapping[str, Table], others: Mapping[str, Table] | None = None) -> list[str]:
    """What the lock does not know, a line each; empty for a lock that is up to date.

    `projects` holds the content of each member's pyproject.toml by its folder relative to the lock, `others` that of
    each other folder that packages come from. Raises LabformError for a pyproject.toml that no tool reads.
    """
    root = projects.get(".", {})
    folders = {folder_of(one): one for one in lock.members().values()}
    # The root of a workspace need not be a project.
    new = [one for one in sorted(projects) if one not in folders and "project" in projects[one]]
    found = [f"{folder} is new in the workspace" for folder in new]
    found += [f"{folder} is no part of the workspace any more" for folder in folders if folder not in projects]
    found += _python(lock, projects)
    for folder in sorted(set(projects) & {one for one in folders if one}):
        if "project" in projects[folder]:
            found += _of_member(lock, folders[folder], folder, projects[folder], root)
    for folder, project in sorted((others or {}).items()):
        found += _of_other(lock, folder, project)
    for key, section in (("override-dependencies", "overrides"), ("constraint-dependencies", "constraints")):
        said = {_asked(section, one) for one in settings(root).get(key, [])}
        known = {_entry(section, one) for one in (lock.document.get("manifest") or {}).get(section, [])}
        found += _differences("pyproject.toml", said, known)
    return found


def _of_member(lock: UvLock, package: Table, folder: str, project: Table, root: Table) -> Iterator[str]:
    if "dependencies" in project["project"].get("dynamic", []):
        return
    where = "pyproject.toml" if folder == "." else f"{folder}/pyproject.toml"
    names = {one["name"]: folder_of(one) or "." for one in lock.members().values()}
    apart = _apart(project, root)
    said = {one for one in _declared(project, root, folder, names) if one.name not in apart}
    known = {one for one in _known(package) if one.name not in apart}
    yield from _differences(where, said, known)
    if settings(project).get("package", "build-system" in project) and "virtual" in package.get("source", {}):
        yield f"{where} is a package, and the lock has only what it needs"


def _of_other(lock: UvLock, folder: str, project: Table) -> Iterator[str]:
    """What is new in a folder that is no member: its groups are installed by nobody."""
    dynamic = project["project"].get("dynamic", [])
    if "dependencies" in dynamic or "optional-dependencies" in dynamic:
        return
    every = {folder_of(one): one for one in lock.document["package"]}
    names = {one["name"]: place for place, one in every.items() if place}
    said = {one for one in _declared(project, {}, folder, names) if not one.section.startswith("group ")}
    known = {one for one in _known(every[folder]) if not one.section.startswith("group ")}
    # Where a package comes from may also be said by a workspace elsewhere, which the folder is in.
    placed = {one.name for one in said if one.place} ^ {one.name for one in known if one.place}
    apart = _apart(project) | placed & {one.name for one in said} & {one.name for one in known}
    both = ({one for one in some if one.name not in apart} for some in (said, known))
    yield from _differences(f"{folder}/pyproject.toml", *both)


def _apart(*projects: Table) -> set[str]:
    """The packages that come from one place or another, as a marker says: only uv can tell what that makes of them."""
    conditions = {"marker", "extra", "group"}
    sources = [item for one in projects for item in settings(one).get("sources", {}).items()]
    return {canonicalize_name(name) for name, one in sources if isinstance(one, list) or conditions & {*one}}


def _differences(where: str, said: set[_Asked], known: set[_Asked]) -> list[str]:
    lines = sorted(f"{where} asks for {one} in {one.section}" for one in said - known)
    still = {(one.section, one.name) for one in said}
    gone = {(one.section, one.name) for one in known - said} - {(one.section, one.name) for one in said - known}
    lines += [f"{where} does not ask for {name} in {section} any more" for section, name in sorted(gone - still)]
    return lines + [f"{where} has fewer lines for {name} in {section}" for section, name in sorted(gone & still)]


def _python(lock: UvLock, projects: Mapping[str, Table]) -> Iterator[str]:
    said = [one["project"].get("requires-python", "") for one in projects.values() if "project" in one]
    if not any(said):
        # uv then takes the Python that it was run with as the lowest.
        return
    try:
        wanted = SpecifierSet(",".join(filter(None, said)))
    except ValueError:
        raise LabformError(f"requires-python: {', '.join(said)} is no set of versions") from None
    every = _PYTHONS + tuple(Version(one.version.removesuffix(".*")) for one in (*wanted, *lock.requires_python))
    if any(wanted.contains(one) != lock.requires_python.contains(one) for one in every):
        yield f"requires-python is {wanted or 'not set'}, and the lock has {lock.requires_python}"


def _declared(project: Table, root: Table, folder: str, members: Mapping[str, str]) -> Iterator[_Asked]:
    head, sources = project["project"], {**settings(root).get("sources", {}), **settings(project).get("sources", {})}
    places: dict[str, Any] = {canonicalize_name(name): one for name, one in sources.items()}
    indexes = {
        one.get("name"): one.get("url")
        for one in [*settings(root).get("index", []), *settings(project).get("index", [])]
    }

    def asked(section: str, texts: Iterable[str]) -> Iterator[_Asked]:
        """The requirements of a section, each from where the sources say."""
        for text in texts:
            one = _asked(section, text)
            yield _sourced(one, places.get(one.name), folder, members, indexes)

    yield from asked("dependencies", head.get("dependencies", []))
    for extra, texts in head.get("optional-dependencies", {}).items():
        yield from asked(f"extra {canonicalize_name(extra)}", texts)
    groups: dict[str, list[Any]] = {
        canonicalize_name(name): one for name, one in project.get("dependency-groups", {}).items()
    }
    limits = _limits(project)
    for group in groups:
        yield from asked(f"group {group}", _group_lines(groups, limits, group))
    yield from asked("group dev", settings(project).get("dev-dependencies", []))


def _limits(project: Table) -> dict[str, SpecifierSet]:
    """The Pythons that each group is for, of those that say so."""
    found: dict[str, SpecifierSet] = {}
    for name, one in settings(project).get("dependency-groups", {}).items():
        try:
            found[canonicalize_name(name)] = SpecifierSet(one.get("requires-python", ""))
        except (AttributeError, ValueError):
            raise LabformError(f"tool.uv.dependency-groups: {name} gives no set of versions") from None
    return found


def _group_lines(
    groups: Mapping[str, list[Any]], limits: Mapping[str, SpecifierSet], name: str, above: tuple[str, ...] = ()
) -> Iterator[str]:
    """The requirements of a dependency group with those it includes; LabformError for a circle or an unknown group."""
    if name in above:
        raise LabformError(f"dependency-groups: {' -> '.join([*above, name])} includes itself")
    if name not in groups:
        raise LabformError(f"dependency-groups: {above[-1] if above else 'nobody'} includes {name}, which is none")
    for one in groups[name]:
        lines: Iterable[str] = [one] if isinstance(one, str) else []
        if isinstance(one, dict) and "include-group" in one:
            lines = _group_lines(groups, limits, canonicalize_name(one["include-group"]), (*above, name))
        yield from (_limited(line, limits.get(name, ())) for line in lines)


def _limited(text: str, pythons: Iterable[Specifier]) -> str:
    """A requirement for the Pythons that `tool.uv.dependency-groups` gives its group."""
    limits = [f"python_full_version {one.operator} '{one.version}'" for one in pythons]
    asked, _, marker = text.partition(";")
    markers = [*([f"({marker})"] if marker else []), *limits]
    return f"{asked} ; {' and '.join(markers)}" if limits else text


def _asked(section: str, text: object) -> _Asked:
    try:
        one = Requirement(str(text))
    except InvalidRequirement:
        raise LabformError(f'{section}: "{text}" is no requirement') from None
    place = f"url {one.url}" if one.url else ""
    if one.url and one.url.startswith("git+"):
        url = urlsplit(one.url.removeprefix("git+"))
        path, _, revision = url.path.partition("@")
        place = f"git {url._replace(path=path, fragment='').geturl()}@{revision}"
    versions = "" if place else _canonical(one.specifier)
    return _Asked(section, canonicalize_name(one.name), _names(one.extras), versions, place, _truth(one.marker))


def _sourced(asked: _Asked, source: Any, folder: str, members: Mapping[str, str], indexes: Mapping[Any, Any]) -> _Asked:
    """The requirement with the place that `[tool.uv.sources]` gives it; a place for some markers is not compared."""
    if not isinstance(source, dict) or "marker" in source:
        return asked
    given = {"place": asked.place, "versions": asked.versions}
    if source.get("workspace"):
        given = {"place": f"folder {members.get(asked.name, '?')}", "versions": ""}
    elif "path" in source:
        given = {"place": f"folder {posixpath.normpath(posixpath.join(folder, source['path']))}", "versions": ""}
    elif "git" in source:
        revision = next((source[key] for key in ("rev", "tag", "branch") if key in source), "")
        given = {"place": f"git {source['git']}@{revision}", "versions": ""}
    elif "url" in source:
        given = {"place": f"url {source['url']}", "versions": ""}
    elif source.get("index") in indexes:
        given["place"] = f"index {str(indexes[source['index']]).rstrip('/')}"
    return _Asked(asked.section, asked.name, asked.extras, given["versions"], given["place"], asked.truth)


def _known(package: Table) -> Iterator[_Asked]:
    """What the lock says its package asked for when it was made."""
    metadata = package.get("metadata") or {}
    for entry in metadata.get("requires-dist", []):
        marker, extra = _split(str(entry.get("marker", "")))
        yield _entry(f"extra {canonicalize_name(extra)}" if extra else "dependencies", {**entry, "marker": marker})
    for group, entries in (metadata.get("requires-dev") or {}).items():
        yield from (_entry(f"group {canonicalize_name(group)}", entry) for entry in entries)


def _split(marker: str) -> tuple[str, str]:
    """A marker without the extra that it ends with, and the extra: how uv.lock writes optional dependencies."""
    rest, _, extra = marker.rpartition("extra == ")
    if not extra or " " in extra or (rest and not rest.endswith(" and ")):
        return marker, ""
    return rest.removesuffix(" and "), extra.strip("'\"")


def _entry(section: str, entry: Table) -> _Asked:
    key = next((one for one in _PLACES if one in entry), None)
    value = _place(key, str(entry[key])) if key else ""
    kind = key if key in ("git", "url", "index") else "folder"
    place = f"{kind} {value}" if key else ""
    versions = "" if key and key != "index" else _canonical(SpecifierSet(str(entry.get("specifier", ""))))
    marker = Requirement(f"x; {entry['marker']}").marker if entry.get("marker") else None
    return _Asked(
        section, canonicalize_name(entry["name"]), _names(entry.get("extras", [])), versions, place, _truth(marker)
    )


def _place(key: str, value: str) -> str:
    if key != "git":
        return value.rstrip("/") if key == "index" else value
    url = urlsplit(value)
    asked = {name: given[0] for name, given in parse_qs(url.query).items()}
    revision = next((asked[name] for name in ("rev", "tag", "branch") if name in asked), "")
    return f"{url._replace(query='', fragment='').geturl()}@{revision}"


def _names(extras: Iterable[str]) -> frozenset[str]:
    return frozenset(canonicalize_name(one) for one in extras)


def _canonical(versions: SpecifierSet) -> str:
    return ",".join(sorted(str(one).replace(" ", "") for one in versions))


@lru_cache(maxsize=10_000)
def _truth(marker: Marker | None) -> tuple[bool, ...]:
    if marker is None:
        return ()
    found = []
    for system, name, kind in _SYSTEMS:
        here = {**PLATFORM, "sys_platform": system, "platform_system": name, "os_name": kind, "extra": ""}
        for python in _PYTHONS:
            minor = ".".join(map(str, python.release[:2]))
            found.append(marker.evaluate({**here, "python_full_version": str(python), "python_version": minor}))
    return tuple(found) if not all(found) else ()
