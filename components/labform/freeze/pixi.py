"""Changes written into a pixi workspace's manifest: its comments and layout stay; `pixi lock` does the rest."""

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import tomlkit
from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, refusal
from labform.problems import Problem

_CONDA, _PYPI = "dependencies", "pypi-dependencies"


def edit_pixi(text: str, conda: Iterable[Change], pypi: Iterable[Change]) -> tuple[str, list[Problem]]:
    """The manifest, `pixi.toml` or a pyproject.toml, with the changes, and a problem for each that it cannot say.

    What the workspace names is pinned wherever it stands; what was added joins its own tables.
    """
    document, problems = tomlkit.parse(text), []
    workspace = document["tool"]["pixi"] if "tool" in document and "pixi" in document["tool"] else document
    for changed, kind in ((conda, _CONDA), (pypi, _PYPI)):
        for change in changed:
            tables = [one for one in _tables(workspace, kind) if _key(one, change.name)]
            if problem := refusal(change, declared=bool(tables)):
                problems.append(problem)
                continue
            # What the image lacks may be named in a feature that its environment does not have.
            if change.new and (change.old is None or not tables):
                tables.append(_own(workspace, kind))
            for table in tables:
                _write(table, kind, change)
    return tomlkit.dumps(document), problems


def _tables(node: Any, kind: str) -> Iterator[MutableMapping[str, Any]]:
    """Where a workspace names packages: for all, for platforms, and both again for each feature."""
    for part in (node, *node.get("target", {}).values()):
        if kind in part:
            yield part[kind]
    for feature in node.get("feature", {}).values():
        yield from _tables(feature, kind)


def _key(table: MutableMapping[str, Any], name: str) -> str | None:
    return next((key for key in table if canonicalize_name(key) == canonicalize_name(name)), None)


def _own(workspace: Any, kind: str) -> MutableMapping[str, Any]:
    if kind not in workspace:
        workspace[kind] = tomlkit.table()
    return workspace[kind]  # type: ignore[no-any-return]


def _write(table: MutableMapping[str, Any], kind: str, change: Change) -> None:
    key = _key(table, change.name)
    if change.new is None:
        del table[str(key)]
        return
    before = table.get(key or "")
    made = _spec(before, change.new) if kind == _PYPI else _version(before, change.new)
    table[key or change.new.name] = made


def _version(before: Any, package: Package) -> Any:
    """An exact version; a channel or build that stands beside it stays."""
    if isinstance(before, MutableMapping):
        before["version"] = f"=={package.version}"
        before.pop("build", None)
        return before
    return f"=={package.version}"


def _spec(before: Any, package: Package) -> Any:
    """An exact version, a commit, an address or a folder of the project; extras stay."""
    extras = {"extras": before["extras"]} if isinstance(before, MutableMapping) and "extras" in before else {}
    source = _source(package)
    if not extras and set(source) == {"version"}:
        return source["version"]
    entry = tomlkit.inline_table()
    entry.update(source | extras)
    return entry


def _source(package: Package) -> dict[str, Any]:
    if package.path:
        return {"path": package.path} | ({"editable": True} if package.editable else {})
    if package.url is None:
        return {"version": f"=={package.version}"}
    address, _, fragment = package.url.partition("#")
    if not address.startswith("git+"):
        return {"url": package.url}
    place, _, commit = address.removeprefix("git+").rpartition("@")
    below = fragment.partition("subdirectory=")[2]
    return {"git": place, "rev": commit} | ({"subdirectory": below} if below else {})
