"""The pyproject.toml files that a uv.lock is made from, as data."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labform.environments.recipe import RecipeError, Site
from labform.environments.uv_lock import UvLock, folder_of
from labform.problems import Problem

Table = Mapping[str, Any]
_TABLES = (
    *("project", "project.optional-dependencies", "dependency-groups", "tool", "tool.uv", "tool.uv.sources"),
    *("tool.uv.workspace", "tool.uv.dependency-groups"),
)
_LISTS = (
    *("project.dependencies", "project.dynamic", "tool.uv.index", "tool.uv.dev-dependencies", "tool.uv.find-links"),
    *("tool.uv.constraint-dependencies", "tool.uv.override-dependencies", "tool.uv.extra-index-url"),
    *("tool.uv.workspace.members", "tool.uv.workspace.exclude"),
)


def read_project(folder: Path, name: str) -> Table:
    """A folder's pyproject.toml; RecipeError, which calls it by `name`, for one that no tool reads."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError([Problem(("directory",), "pyproject", f"{name} is not TOML: {error}")]) from None
    for keys, kind, word in ((_TABLES, dict, "table"), (_LISTS, list, "list")):
        if wrong := next((key for key in keys if not isinstance(_at(project, key, kind()), kind)), ""):
            raise RecipeError([Problem(("directory",), "pyproject", f"{name}: {wrong}: expected a {word}")])
    return project


def _at(project: Table, key: str, default: Any) -> Any:
    """The value of a dotted key; the default where a part of it is not there, or is no table."""
    value: Any = project
    for part in key.split("."):
        value = value.get(part, default) if isinstance(value, dict) else default
    return value


def settings(project: Table) -> dict[str, Any]:
    """What it says to uv."""
    return dict(project.get("tool", {}).get("uv", {}))


def members(folder: Path, lock: UvLock, root: Table) -> dict[str, Table]:
    """The pyproject.toml of each folder that is, or by the lock was, a member of the workspace."""
    workspace = settings(root).get("workspace", {})
    globs, without = workspace.get("members", []), workspace.get("exclude", [])
    excluded = {path for pattern in without for path in folder.glob(pattern)}
    found = {path for pattern in globs for path in folder.glob(pattern)} - excluded
    if globs:
        found |= {folder / (folder_of(one) or ".") for one in lock.members().values()}
    names = {path.relative_to(folder).as_posix() for path in found if (path / "pyproject.toml").is_file()} - {"."}
    return {".": root, **{name: read_project(folder / name, f"{name}/pyproject.toml") for name in sorted(names)}}


def beside(folder: Path, lock: UvLock, site: Site) -> dict[str, Table]:
    """The pyproject.toml of each folder of the lab that a package comes from and that is no member."""
    every = {folder_of(one) for one in lock.document.get("package", [])}
    places = sorted(filter(None, every - {folder_of(one) for one in lock.members().values()}))
    inside = [one for one in places if (folder / one).resolve().is_relative_to(site.root.resolve())]
    there = [one for one in inside if (folder / one / "pyproject.toml").is_file()]
    found = {one: read_project(folder / one, f"{one}/pyproject.toml") for one in there}
    return {one: table for one, table in found.items() if "project" in table}


def addresses(project: Table) -> Iterator[tuple[str, bool]]:
    """Every address that pyproject.toml names, and whether it always asks for a login."""
    given = settings(project)
    for index in given.get("index", []):
        yield str(index.get("url", "")), index.get("authenticate") == "always"
    yield from ((str(given[key]), False) for key in ("index-url",) if key in given)
    yield from ((str(one), False) for key in ("extra-index-url", "find-links") for one in given.get(key, []))
    for source in given.get("sources", {}).values():
        for one in source if isinstance(source, list) else [source]:
            yield from ((str(one[key]), False) for key in ("git", "url") if key in one)
