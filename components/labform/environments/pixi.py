"""Environments described by pixi: pixi.toml or pyproject.toml, and pixi.lock, which is installed as it is."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import Field

from labform.environments.conda_image import CondaEnvironment, locked_files
from labform.environments.conda_lock import SUBDIR, pixi_lock
from labform.environments.image_layer import VARIABLE_NAME, VARIABLE_TEXT
from labform.environments.recipe import Recipe, RecipeError, Site, project_folder
from labform.problems import Problem


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
        if stale := sorted(_asked(features) - locked.names):
            message = f"{manifest.name} asks for {', '.join(stale)}, which pixi.lock lacks"
            raise RecipeError([Problem(("directory",), "stale-pixi-lock", message, "run `pixi lock`")])
        notes = [_not_run(manifest.name)] if any(_scripts(one) for one in features) else []
        files, given = locked_files(locked, lock), _variables(manifest, features)
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
            return path, data if name == "pixi.toml" else data.get("tool", {}).get("pixi", {})
    raise RecipeError([Problem(("directory",), "no-file", f"no pixi.toml or pyproject.toml in {directory}")])


def _features(data: Mapping[str, Any], environment: str) -> list[Mapping[str, Any]]:
    """The tables of a manifest that an environment is made of, each with those of the platform after it."""
    named = data.get("environments", {}).get(environment, [])
    names = named.get("features", []) if isinstance(named, dict) else named
    without_default = isinstance(named, dict) and named.get("no-default-feature", False)
    tables = [*([] if without_default else [data]), *(data.get("feature", {}).get(name, {}) for name in names)]
    places = ("unix", "linux", SUBDIR)
    return [two for one in tables for two in (one, *(one.get("target", {}).get(place, {}) for place in places))]


def _asked(features: list[Mapping[str, Any]]) -> set[str]:
    tables = [one.get(kind, {}) for one in features for kind in ("dependencies", "pypi-dependencies")]
    return {canonicalize_name(name) for table in tables for name, spec in table.items() if not _local(spec)}


def _local(spec: Any) -> bool:
    return isinstance(spec, dict) and "path" in spec


def _scripts(table: Mapping[str, Any]) -> bool:
    return bool(table.get("activation", {}).get("scripts"))


def _variables(manifest: Path, features: list[Mapping[str, Any]]) -> dict[str, str]:
    return dict(_checked(manifest, features))


def _checked(manifest: Path, features: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in features:
        for key, value in one.get("activation", {}).get("env", {}).items():
            if not VARIABLE_NAME.fullmatch(key) or not VARIABLE_TEXT.fullmatch(str(value)) or "$" in str(value):
                message = f"{manifest.name}: activation.env: {key} is not a plain value of one line"
                raise RecipeError([Problem(("directory",), "pixi-activation", message, "write it under env:")])
            yield key, str(value)


def _not_run(name: str) -> Problem:
    message = f"{name}: activation.scripts are not run: an image has no activation"
    return Problem(("directory",), "not-run", message, "write the variables they set under env:")
