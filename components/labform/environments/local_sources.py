"""Folders and archives of a lab that packages are built from: what of them is sent to the builder."""

import posixpath
from pathlib import Path

from labform.declaration import size_text
from labform.environments.recipe import ContextFile, RecipeError, Site, astray, context_file, files_below, secrets
from labform.problems import Location, Problem

_MADE = frozenset(
    [
        *(".git", ".hg", ".venv", ".tox", ".nox", "__pycache__", "node_modules"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".eggs", ".labform"),
    ]
)
"""Names that are made from a package's sources or beside them, and are no source (github/gitignore, Python)."""
_MADE_BESIDE = frozenset({"build", "dist", "uv.lock"})
"""And those of a package's own folder: further below, they are names like any other."""
_PACKAGE = ("pyproject.toml", "setup.py")
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
    if not any((place / name).is_file() for name in _PACKAGE):
        raise RecipeError([Problem(at, "no-package", f'"{path}" has neither pyproject.toml nor setup.py')])
    below = files_below(place, site, lambda one: _made(one) or _data_elsewhere(one, site))
    files = {f"{path}/{one.relative_to(place).as_posix()}": one for one in below}
    problems = [problem for name, one in files.items() for problem in astray(one, name, site, at)]
    problems += [Problem(at, "secret-in-context", f"{one} would be sent to the builder") for one in secrets(files)]
    if not problems and (total := sum(one.stat().st_size for one in files.values())) > LIMIT:
        message = f'"{path}" has {total / 1024**2:.0f} MiB, and a local package at most {size_text(LIMIT)}'
        problems.append(Problem(at, "context-too-large", message, "move its data elsewhere"))
    if problems:
        raise RecipeError(problems)
    inside = installed_place(path)
    return tuple(
        context_file(one.resolve(), f"local{inside}/{one.relative_to(place).as_posix()}") for one in files.values()
    )


def installed_place(path: str) -> str:
    """Where a local package's sources are in the image: below /opt/project as they are below the project."""
    inside = posixpath.normpath(path)
    return f"/opt/project/{inside.replace('../', 'above/')}" if inside != "." else "/opt/project"


def _made(path: Path) -> bool:
    """Whether it is no source, or a virtual environment of any name."""
    if path.name in _MADE_BESIDE:
        return any((path.parent / name).is_file() for name in _PACKAGE)
    return path.name in _MADE or path.suffix in {".egg-info", ".pyc"} or (path / "pyvenv.cfg").is_file()


def _data_elsewhere(path: Path, site: Site) -> bool:
    """Whether it is a link to a folder outside of the lab: data that many keep beside their sources, here or not."""
    outside = path.is_symlink() and not path.resolve().is_relative_to(site.root.resolve())
    return outside and not path.is_file()


def archive(path: str, folder: Path, site: Site, stage: str, at: Location) -> ContextFile:
    """A wheel or source archive of the lab, beside its stage's lock; RecipeError if it is missing or leads outside."""
    place = (folder / path).resolve()
    if not place.is_relative_to(site.root.resolve()):
        raise RecipeError([Problem(at, "path-escapes", f'"{path}" leads out of the lab\'s folder')])
    if not place.is_file():
        raise RecipeError([Problem(at, "no-file", f'no file "{path}" in {folder.name}/')])
    return context_file(place, f"environment/{stage}/{place.name}")
