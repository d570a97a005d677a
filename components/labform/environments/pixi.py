"""Environments described by pixi: pixi.toml or pyproject.toml, and pixi.lock, which is installed as it is."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from pydantic import Field

from labform.environments.conda_image import CondaEnvironment, locked_files
from labform.environments.conda_lock import SUBDIR, Locked, pixi_lock
from labform.environments.conda_spec import fits
from labform.environments.image_layer import VARIABLE_NAME, VARIABLE_TEXT
from labform.environments.markers import installed
from labform.environments.recipe import Recipe, RecipeError, Site, project_folder
from labform.problems import Problem

_Table = Mapping[str, Any]
_OWN = "project.dependencies"
_TABLES = (
    *("dependencies", "pypi-dependencies", "target", "feature", "environments", "activation", "env", "pypi-options"),
    *("dependency-overrides", "project", "tool", "pixi"),
)


class Pixi(CondaEnvironment):
    """A pixi workspace: exactly what its lock says, no solver at build time."""

    kind: Literal["pixi"]
    """pixi.toml and pixi.lock."""
    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "default"
    """The workspace's environment. Default: `default`."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the lock's packages; RecipeError for a lock that is missing, broken or out of date."""
        folder = project_folder(self.directory, site)
        manifest, data = _manifest(folder, self.directory)
        lock = folder / "pixi.lock"
        if not lock.is_file():
            hint = f"run `pixi lock` in {self.directory}"
            raise RecipeError([Problem(("directory",), "no-pixi-lock", f"no pixi.lock in {self.directory}", hint)])
        for one in (manifest, lock):
            if not one.resolve().is_relative_to(site.root.resolve()):
                problem = Problem(("directory",), "path-escapes", f'"{one.name}" leads out of the lab\'s folder')
                raise RecipeError([problem])
        locked = pixi_lock(lock, self.environment)
        features = _features(data, self.environment)
        tables = [table for feature in features for table in feature]
        said = ""
        if missing := sorted(_asked(tables) - locked.names):
            said = f"{', '.join(missing)}, which pixi.lock lacks"
        elif wrong := next(_other_versions(features, locked), ""):
            said = f"{wrong} in pixi.lock"
        if said:
            message = f"{manifest.name} asks for {said}"
            raise RecipeError([Problem(("directory",), "stale-pixi-lock", message, "run `pixi lock`")])
        notes = [_not_run(manifest.name)] if any(_scripts(one) for one in tables) else []
        files, given = locked_files(locked, lock), _variables(manifest, tables)
        declared = [manifest, lock]
        return self._recipe(site, files, "explicit explicit.txt", given=given, declared=declared, notes=notes)


def _manifest(folder: Path, directory: str) -> tuple[Path, dict[str, Any]]:
    for name in ("pixi.toml", "pyproject.toml"):
        path = folder / name
        if path.is_file():
            try:
                data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            except tomllib.TOMLDecodeError as error:
                raise RecipeError([Problem(("directory",), "toml", f"{name}: {str(error).lower()}")]) from None
            _check_shape(data, name)
            return path, data if name == "pixi.toml" else _of_pyproject(data, name)
    raise RecipeError([Problem(("directory",), "no-file", f"no pixi.toml or pyproject.toml in {directory}")])


def _check_shape(table: _Table, name: str) -> None:
    """Refuse a manifest with another value where pixi knows a table."""
    for key, inner in ((key, table[key]) for key in _TABLES if key in table):
        if not isinstance(inner, dict):
            raise RecipeError([Problem(("directory",), "toml", f"{name}: {key}: expected a table")])
        if key in ("tool", "pixi", "activation", "pypi-options"):
            _check_shape(inner, name)
        for place, one in inner.items() if key in ("target", "feature") else ():
            if not isinstance(one, dict):
                raise RecipeError([Problem(("directory",), "toml", f"{name}: {key}.{place}: expected a table")])
            _check_shape(one, name)


def _of_pyproject(data: _Table, name: str) -> dict[str, Any]:
    """The workspace in a pyproject.toml, and beside its tables what the project itself asks of PyPI, by name."""
    listed = data.get("project", {}).get("dependencies", [])
    if not isinstance(listed, list):
        raise RecipeError([Problem(("directory",), "toml", f"{name}: project.dependencies: expected a list")])
    own = {one.name: str(one.specifier) or "*" for text in listed if (one := installed(str(text)))}
    return {**data.get("tool", {}).get("pixi", {}), _OWN: own}


def _features(data: _Table, environment: str) -> list[list[_Table]]:
    """The features that an environment is made of, each with the tables of the platform after its own."""
    named = data.get("environments", {}).get(environment, [])
    names = named.get("features", []) if isinstance(named, dict) else named
    without_default = isinstance(named, dict) and named.get("no-default-feature", False)
    found = [*([] if without_default else [data]), *(data.get("feature", {}).get(name, {}) for name in names)]
    return [[one, *(one.get("target", {}).get(place, {}) for place in ("unix", "linux", SUBDIR))] for one in found]


def _other_versions(features: list[list[_Table]], locked: Locked) -> Iterator[str]:
    """What is asked for with the version that the lock has instead.

    What the project itself depends on may be there as conda's package of another name: only PyPI's are compared.
    """
    options = [table.get("pypi-options", {}) for feature in features for table in feature]
    replaced = {canonicalize_name(name) for one in options for name in one.get("dependency-overrides", {})}
    of_conda, of_pypi = locked.conda_versions, locked.pypi_versions
    for feature in features:
        for name, wanted in _versions(feature, "dependencies"):
            if (has := of_conda.get(name.lower())) and not fits(wanted, has):
                yield f"{name} {wanted}, and there is {has}"
        for name, wanted in {**dict(_versions(feature, _OWN)), **dict(_versions(feature, "pypi-dependencies"))}.items():
            normal = canonicalize_name(name)
            if (has := of_pypi.get(normal)) and normal not in replaced and not _pypi_fits(wanted, has):
                yield f"{name} {wanted}, and there is {has}"


def _versions(feature: list[_Table], kind: str) -> Iterator[tuple[str, str]]:
    # A platform's own word stands in place of the feature's.
    asked = {name: spec for table in feature for name, spec in table.get(kind, {}).items()}
    for name, spec in asked.items():
        yield name, str(spec.get("version", "*") if isinstance(spec, dict) else spec)


def _pypi_fits(wanted: str, version: str) -> bool:
    try:
        return SpecifierSet("" if wanted == "*" else wanted).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def _asked(tables: list[_Table]) -> set[str]:
    named = [one.get(kind, {}) for one in tables for kind in ("dependencies", "pypi-dependencies")]
    return {canonicalize_name(name) for table in named for name, spec in table.items() if not _local(spec)}


def _local(spec: Any) -> bool:
    return isinstance(spec, dict) and "path" in spec


def _scripts(table: _Table) -> bool:
    return bool(table.get("activation", {}).get("scripts"))


def _variables(manifest: Path, tables: list[_Table]) -> dict[str, str]:
    return dict(_checked(manifest, tables))


def _checked(manifest: Path, tables: list[_Table]) -> Iterator[tuple[str, str]]:
    for one in tables:
        for key, value in one.get("activation", {}).get("env", {}).items():
            if not VARIABLE_NAME.fullmatch(key) or not VARIABLE_TEXT.fullmatch(str(value)) or "$" in str(value):
                message = f"{manifest.name}: activation.env: {key} is not a plain value of one line"
                raise RecipeError([Problem(("directory",), "pixi-activation", message, "write it under env:")])
            yield key, str(value)


def _not_run(name: str) -> Problem:
    message = f"{name}: activation.scripts are not run: an image has no activation"
    return Problem(("directory",), "not-run", message, "write the variables they set under env:")
