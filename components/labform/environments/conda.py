"""Environments described by conda: a lock, or environment.yml, which is solved at each build."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labform.declaration import RelativePath
from labform.environments.conda_image import CondaEnvironment, locked_files, solved_file
from labform.environments.conda_lock import Locked, conda_lock, dependencies, explicit_list, read_yaml
from labform.environments.conda_spec import fits, name_of, versions_of
from labform.environments.image_layer import VARIABLE_NAME, VARIABLE_TEXT
from labform.environments.markers import installed
from labform.environments.recipe import ContextFile, Recipe, RecipeError, Site, project_folder
from labform.problems import Problem, suggestion

FILES = ("conda-lock.yml", "conda-linux-64.lock", "environment.yml", "environment.yaml")
"""The files of conda's tools, a lock before what it was made from."""
_KEYS = frozenset({"name", "channels", "dependencies", "variables", "prefix", "platforms"})
"""conda's documentation, "Creating an environment file manually"; prefix and name are of one machine."""
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
"""What conda's channel `defaults` stands for on Linux: conda's documentation, "default_channels"."""
_CHANNEL = re.compile(r"^((https?|file)://[^\s@]+|[A-Za-z0-9_][A-Za-z0-9_./-]*)$")
_PIP_OPTION = re.compile(r"^(-|\.{0,2}/|git\+)")


class Conda(CondaEnvironment):
    """conda-lock.yml, an @EXPLICIT list, or environment.yml."""

    kind: Literal["conda"]
    """conda packages."""
    file: RelativePath | None = None
    """The lock or environment file, relative to the folder. Default: conda-lock.yml, else conda-linux-64.lock, else
    environment.yml."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the lock's packages, or of what environment.yml asks for; RecipeError for a broken file."""
        path = self._file(site)
        if (locked := _locked(path)) is not None:
            made_from = [path.with_name(one) for one in FILES[2:] if path.name in FILES[:2]]
            beside = [one for one in made_from if one.is_file()][:1]
            asked = read_yaml(beside[0], here=True) if beside else {}
            for one in beside:
                _check_fresh(asked, one.name, locked, path.name)
            files = locked_files(locked, path)
            return self._recipe(site, files, "explicit explicit.txt", given=_variables(asked), declared=[path, *beside])
        data = read_yaml(path)
        files, notes = _solved(path, data)
        return self._recipe(site, files, "solve specs.json", given=_variables(data), declared=[path], notes=notes)

    def _file(self, site: Site) -> Path:
        folder = project_folder(self.directory, site)
        names = (self.file,) if self.file else FILES
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            raise RecipeError([Problem(("file",), "no-file", f"none of {', '.join(names)} in {self.directory}")])
        if not path.resolve().is_relative_to(site.root.resolve()):
            raise RecipeError([Problem(("file",), "path-escapes", f'"{path.name}" leads out of the lab\'s folder')])
        return path


def _locked(path: Path) -> Locked | None:
    """What a lock holds; None for a file that is no lock."""
    if path.suffix in {".yml", ".yaml"}:
        return conda_lock(path) if "lock" in path.name else None
    if "@EXPLICIT" not in path.read_text(encoding="utf-8").split():
        hint = "write it anew: conda list --explicit --md5, or conda-lock lock --kind explicit"
        raise RecipeError([Problem(("file",), "conda-lock", f"{path.name} has no line @EXPLICIT", hint)])
    return explicit_list(path)


def _check_fresh(data: dict[str, Any], name: str, locked: Locked, lock: str) -> None:
    """Refuse a lock that lacks a package which environment.yml, beside it, asks for, or has another version of it."""
    kind = " --kind explicit" if lock.endswith(".lock") else ""
    conda = [word for word, pip in dependencies(data) if not pip]
    # An @EXPLICIT list never has what pip is to install.
    pip = [one for word, pip in dependencies(data) if pip and not kind and (one := installed(word))]
    asked = {canonicalize_name(one) for one in (*map(name_of, conda), *(one.name for one in pip))}
    if missing := sorted(asked - locked.names):
        said = f"{', '.join(missing)}, which {lock} lacks"
    elif wrong := next(_other_versions(conda, pip, locked), ""):
        said = f"{wrong} in {lock}"
    else:
        return
    hint = f"run: conda-lock lock{kind} --platform linux-64"
    raise RecipeError([Problem(("file",), "stale-conda-lock", f"{name} asks for {said}", hint)])


def _other_versions(conda: list[str], pip: list[Requirement], locked: Locked) -> Iterator[str]:
    """What is asked for with the version that the lock has instead."""
    of_conda, of_pypi = locked.conda_versions, locked.pypi_versions
    for word in conda:
        if (has := of_conda.get(name_of(word))) and not fits(versions_of(word), has):
            yield f"{word}, and there is {has}"
    for one in pip:
        if (has := of_pypi.get(canonicalize_name(one.name))) and not one.specifier.contains(has, prereleases=True):
            yield f"{one}, and there is {has}"


def _solved(path: Path, data: dict[str, Any]) -> tuple[list[ContextFile], list[Problem]]:
    if unknown := sorted(set(data) - _KEYS):
        raise RecipeError(_problem(path, f'unknown key "{one}"', suggestion(one, _KEYS)) for one in unknown)
    asked = list(dependencies(data))
    if not asked:
        raise RecipeError([_problem(path, "it has no dependencies")])
    specs = [word for word, pip in asked if not pip]
    lines = [word for word, pip in asked if pip]
    if wrong := [line for line in lines if _PIP_OPTION.match(line)]:
        raise RecipeError(
            [_problem(path, f'pip: "{wrong[0]}" names what is not in the build', "write a name, version")]
        )
    if lines and not any(re.match(r"^(.*::)?python\b", word) for word in specs):
        raise RecipeError([_problem(path, "it has a pip: list and no python", "add python to dependencies")])
    files = [solved_file(_channels(path, data), specs, path)]
    if lines:
        files.append(ContextFile("environment/pypi.txt", path, text="".join(f"{line}\n" for line in lines)))
    message = f"{path.name} is solved anew at each build: {', '.join(sorted(word for word, _ in asked))}"
    hint = "write a lock beside it: conda-lock lock --platform linux-64"
    return files, [Problem(("file",), "unpinned", message, hint)]


def _channels(path: Path, data: dict[str, Any]) -> list[str]:
    named = data.get("channels") or ["defaults"]
    if not isinstance(named, list) or not all(isinstance(one, str) and _CHANNEL.match(one) for one in named):
        raise RecipeError([_problem(path, "channels is a list of names and addresses without a password")])
    expanded = [_DEFAULTS if one == "defaults" else (one,) for one in named if one != "nodefaults"]
    return list(dict.fromkeys(one for several in expanded for one in several))


def _variables(data: dict[str, Any]) -> dict[str, str]:
    given = data.get("variables") or {}
    if not isinstance(given, dict):
        raise RecipeError([Problem(("file",), "environment-yml", "variables: expected names with their values")])
    for key, value in given.items():
        if not VARIABLE_NAME.fullmatch(str(key)) or not VARIABLE_TEXT.fullmatch(str(value)):
            problem = Problem(("file",), "environment-yml", f"variables: {key} is not a variable of one line")
            raise RecipeError([problem])
    return {str(key): str(value) for key, value in given.items()}


def _problem(path: Path, what: str, hint: str = "") -> Problem:
    return Problem(("file",), "environment-yml", f"{path.name}: {what}", hint)
