"""Changes written into a uv project's pyproject.toml: its comments and layout stay; `uv lock` does the rest."""

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, parsed, pinned, refusal
from labform.problems import Problem


def edit_pyproject(text: str, changed: Iterable[Change]) -> tuple[str, list[Problem]]:
    """The file with the changes, and a problem for each change that it cannot say.

    What the project depends on is pinned where it stands; what was asked for by hand joins `project.dependencies`;
    what only other packages need is pinned by uv's `constraint-dependencies`.
    """
    document, problems = tomlkit.parse(text), []
    for change in changed:
        places = list(_places(document, change.name))
        if problem := refusal(change, declared=bool(places)):
            problems.append(problem)
        elif change.new is None:
            for listed, index in reversed(places):
                del listed[index]
        else:
            _write(document, places, change.new)
    return tomlkit.dumps(document), problems


def _write(document: Any, places: list[tuple[Any, int]], package: Package) -> None:
    for listed, index in places:
        listed[index] = pinned(Requirement(listed[index]), package).replace('"', "'")
    added = package.name if package.local else f"{package.name}{package.source}"
    if not places and package.requested:
        _append(_table(document, "project"), "dependencies", added)
    elif not places:
        _append(_table(document, "tool", "uv"), "constraint-dependencies", added)
    sources = _table(document, "tool", "uv", "sources") if package.path else _sources(document)
    for key in [key for key in sources if canonicalize_name(key) == canonicalize_name(package.name)]:
        del sources[key]
    if package.path:
        entry = tomlkit.inline_table()
        entry.update({"path": package.path} | ({"editable": True} if package.editable else {}))
        sources[package.name] = entry


def _sources(document: Any) -> MutableMapping[str, Any]:
    return document.get("tool", {}).get("uv", {}).get("sources", {})  # type: ignore[no-any-return]


def _places(document: Any, name: str) -> Iterator[tuple[Any, int]]:
    """Where the project names a package: dependencies, extras, groups, constraints; with the position in each list."""
    project, uv = document.get("project", {}), document.get("tool", {}).get("uv", {})
    lists = [project.get("dependencies"), uv.get("constraint-dependencies")]
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
