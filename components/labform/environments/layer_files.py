"""Locked packages as the stages of an image, with the files of the lab that they read."""

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from labform.environments.local_sources import archive, installed_place, source_folder
from labform.environments.locked import Layer, LockedPackage, file_name, layers
from labform.environments.python_image import Packages, Stage
from labform.environments.recipe import ContextFile, RecipeError, Site


def stages(packages: Iterable[LockedPackage], lock: Path, site: Site, at: str = "directory") -> Packages:
    """A stage for each layer of a lock; RecipeError names every file and folder that is missing or may not be sent."""
    every, folder = tuple(packages), lock.parent
    found: list[Stage] = []
    sources: list[ContextFile] = []
    problems: list[Any] = []
    editable = False
    for layer in layers(every):
        own: list[ContextFile] = []
        tables = []
        for package in layer.packages:
            try:
                table, files = _placed(package.table, folder, site, layer.name, at)
            except RecipeError as error:
                problems += error.problems
                continue
            tables.append(replace(package, table=table))
            (sources if "directory" in table else own).extend(files)
            editable |= bool(table.get("directory", {}).get("editable"))
        found.append(_stage(Layer(layer.name, tuple(tables)), own, lock))
    if problems:
        raise RecipeError(problems)
    return Packages(tuple(found), frozenset(one.name for one in every), tuple(sources), editable)


def _stage(layer: Layer, files: list[ContextFile], source: Path) -> Stage:
    name = f"pylock.{layer.name}.toml"
    lock = ContextFile(f"environment/{layer.name}/{name}", source, text=layer.pylock)
    install = f"--no-deps --requirements /tmp/environment/{name}"
    sources = "local" if layer.name == "local" else ""
    return Stage(layer.name, install, (lock, *files), on_system=layer.needs_system, sources=sources)


def _placed(
    table: Any, folder: Path, site: Site, stage: str, at: str
) -> tuple[dict[str, Any], tuple[ContextFile, ...]]:
    """A package's entry with the paths it has in the build, and the lab's files behind them."""
    if "directory" in table:
        path = str(table["directory"]["path"])
        place = {**table["directory"], "path": installed_place(path)}
        return {**table, "directory": place}, source_folder(path, folder, site, (at,))
    files: list[ContextFile] = []

    def placed(entry: Any) -> Any:
        """An archive's entry: one of the lab is beside the lock, by its name."""
        if "path" not in entry:
            return entry
        file = archive(posixpath.normpath(str(entry["path"])), folder, site, stage, (at,))
        files.append(file)
        hashes = entry.get("hashes") or {"sha256": hashlib.sha256(file.content()).hexdigest()}
        return {**entry, "path": file_name(entry), "hashes": hashes}

    made = {key: placed(value) if key in ("archive", "sdist") else value for key, value in table.items()}
    if "wheels" in made:
        made["wheels"] = [placed(one) for one in made["wheels"]]
    return made, tuple(files)
