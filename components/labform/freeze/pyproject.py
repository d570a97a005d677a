"""Changes written into a uv project's pyproject.toml: its comments and layout stay; `uv lock` does the rest."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, parsed, pinned, refusal
from labform.problems import Problem


def edit_pyprojects(texts: Mapping[str, str], changed: Iterable[Change]) -> tuple[dict[str, str], list[Problem]]:
    """The pyproject.toml of a workspace, and after it that of the member that is installed, if one is.

    What the member names, and what was asked for by hand, is the member's; uv reads constraints at the root alone.
    """
    every, (root, *member) = [*changed], texts
    if not member:
        text, problems = edit_pyproject(texts[root], every)
        return {root: text}, problems
    document = tomlkit.parse(texts[member[0]])
    own = [one for one in every if one.new is None or one.new.requested or any(_places(document, one.name))]
    text, problems = edit_pyproject(texts[member[0]], own, posixpath.dirname(member[0]))
    limits, more = edit_pyproject(texts[root], [one for one in every if one not in own])
    return {root: limits, member[0]: text}, [*problems, *more]


def edit_pyproject(text: str, changed: Iterable[Change], folder: str = "") -> tuple[str, list[Problem]]:
    """The file with the changes, and a problem for each change that it cannot say.

    What the project depends on is pinned where it stands; what was asked for by hand joins `project.dependencies`;
    what only other packages need is pinned by uv's `constraint-dependencies`. `folder` is where the file is, as seen
    from the environment's own.
    """
    document, problems = tomlkit.parse(text), []
    for change in changed:
        places = list(_places(document, change.name))
        constraints = document.get("tool", {}).get("uv", {}).get("constraint-dependencies")
        if problem := refusal(change, declared=any(listed is not constraints for listed, _ in places)):
            problems.append(problem)
        elif change.new is None:
            for listed, index in reversed(places):
                del listed[index]
        else:
            _write(document, places, change, change.new)
            _write_source(document, change.new, folder)
    return tomlkit.dumps(document), problems


def _write(document: Any, places: list[tuple[Any, int]], change: Change, package: Package) -> None:
    own = document.get("project", {}).get("dependencies")
    asked = any(listed is own and not Requirement(listed[index]).marker for listed, index in places)
    for listed, index in places:
        listed[index] = pinned(Requirement(listed[index]), package).replace('"', "'")
    added = package.name if package.local else f"{package.name}{package.source}"
    # What the image lacks is not installed by an extra or a group that is not chosen, nor by a constraint.
    if package.requested and not (asked if change.old is None else places):
        _append(_table(document, "project"), "dependencies", added)
    elif not places:
        _append(_table(document, "tool", "uv"), "constraint-dependencies", added)


def _write_source(document: Any, package: Package, folder: str) -> None:
    """Give a package its folder as a source, and take away the one that it does not come from any more."""
    sources = _table(document, "tool", "uv", "sources") if package.path else _sources(document)
    for key in [key for key in sources if canonicalize_name(key) == canonicalize_name(package.name)]:
        if package.url or not _of_index(sources[key]):
            del sources[key]
    if package.path:
        entry = tomlkit.inline_table()
        path = posixpath.relpath(package.path, folder) if folder else package.path
        entry.update({"path": path} | ({"editable": True} if package.editable else {}))
        sources[package.name] = entry


def _of_index(source: Any) -> bool:
    """Whether a source says no more than which index has a package: that holds for its other versions too."""
    return all("index" in one for one in (source if isinstance(source, list) else [source]))


def _sources(document: Any) -> MutableMapping[str, Any]:
    return document.get("tool", {}).get("uv", {}).get("sources", {})  # type: ignore[no-any-return]


def _places(document: Any, name: str) -> Iterator[tuple[Any, int]]:
    """Where the project names a package: dependencies, extras, groups, constraints; with the position in each list."""
    project, uv = document.get("project", {}), document.get("tool", {}).get("uv", {})
    lists = [project.get("dependencies"), uv.get("constraint-dependencies"), uv.get("dev-dependencies")]
    lists += [*project.get("optional-dependencies", {}).values(), *document.get("dependency-groups", {}).values()]
    for listed in lists:
        yield from ((listed, index) for index, entry in enumerate(listed or ()) if _name(entry) == name)


def _name(entry: object) -> str | None:
    requirement = parsed(entry) if isinstance(entry, str) else None
    return canonicalize_name(requirement.name) if requirement else None


def _table(document: Any, *names: str) -> MutableMapping[str, Any]:
    for name in names:
        if name not in document:
            document[name] = tomlkit.table()
        document = document[name]
    return document  # type: ignore[no-any-return]


def _append(table: MutableMapping[str, Any], key: str, entry: str) -> None:
    if key not in table:
        table[key] = tomlkit.array().multiline(multiline=True)
    table[key].append(entry)
