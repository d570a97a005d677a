"""Folders and archives of a lab that packages are built from: what of them is sent to the builder."""

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from labform.declaration import size_text
from labform.environments.recipe import ContextFile, RecipeError, Site, context_file, secrets
from labform.problems import Location, Problem

_MADE = frozenset(
    [
        *(".git", ".hg", ".venv", "venv", ".tox", ".nox", "__pycache__", "node_modules", "build", "dist"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".eggs", ".labform", "uv.lock"),
    ]
)
"""Names that are made from a package's sources or beside them, and are no source (github/gitignore, Python)."""
LIMIT = 64 * 1024**2
"""Bytes of one local package's folder: what is more is data that lies beside the sources."""


def source_folder(path: str, folder: Path, site: Site, at: Location) -> tuple[ContextFile, ...]:
    """The files of a local package, below `local/` as in the image; `path` is relative to the project's folder.

    RecipeError for a folder that is missing, leads out of the lab, is no package, is too large or holds keys.
    """
    place = (folder / path).resolve()
    if not place.is_relative_to(site.root.resolve()):
        raise RecipeError([Problem(at, "path-escapes", f'"{path}" leads out of the lab\'s folder')])
    if not place.is_dir():
        raise RecipeError([Problem(at, "no-directory", f'no directory "{path}" in {folder.name}/')])
    if not any((place / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise RecipeError([Problem(at, "no-package", f'"{path}" has neither pyproject.toml nor setup.py')])
    files = list(_below(place))
    problems = [
        Problem(at, "path-escapes", f'link "{path}/{one.relative_to(place)}" points outside of the lab\'s folder')
        for one in files
        if not one.resolve().is_relative_to(site.root.resolve())
    ]
    names = [f"{path}/{one.relative_to(place)}" for one in files]
    problems += [Problem(at, "secret-in-context", f"{one} would be sent to the builder") for one in secrets(names)]
    if not problems and (total := sum(one.stat().st_size for one in files)) > LIMIT:
        message = f'"{path}" has {total / 1024**2:.0f} MiB, and a local package at most {size_text(LIMIT)}'
        problems.append(Problem(at, "context-too-large", message, "move its data elsewhere"))
    if problems:
        raise RecipeError(problems)
    inside = installed_place(path)
    return tuple(context_file(one.resolve(), f"local{inside}/{one.relative_to(place).as_posix()}") for one in files)


def installed_place(path: str) -> str:
    """Where a local package's sources are in the image: below /opt/project as they are below the project."""
    inside = posixpath.normpath(path)
    return f"/opt/project/{inside.replace('../', 'above/')}" if inside != "." else "/opt/project"


def _below(place: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(place):
        folders[:] = sorted(one for one in folders if one not in _MADE and not one.endswith(".egg-info"))
        yield from (Path(folder, one) for one in sorted(names) if one not in _MADE and not one.endswith(".pyc"))


def archive(path: str, folder: Path, site: Site, stage: str, at: Location) -> ContextFile:
    """A wheel or source archive of the lab, beside its stage's lock; RecipeError if it is missing or leads outside."""
    place = (folder / path).resolve()
    if not place.is_relative_to(site.root.resolve()):
        raise RecipeError([Problem(at, "path-escapes", f'"{path}" leads out of the lab\'s folder')])
    if not place.is_file():
        raise RecipeError([Problem(at, "no-file", f'no file "{path}" in {folder.name}/')])
    return context_file(place, f"environment/{stage}/{place.name}")
