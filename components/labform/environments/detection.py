"""Environments that say only where their files are: the files tell the kind, and two kinds are one too many."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from labform.declaration import EnvironmentVariable, Name, RelativePath
from labform.environments.conda import Conda
from labform.environments.debian import AptNeed, AptPackage
from labform.environments.devcontainer import Devcontainer
from labform.environments.dockerfile import Dockerfile
from labform.environments.folder import Folder
from labform.environments.image_layer import PythonVersion, VariableText
from labform.environments.pip import Pip
from labform.environments.pixi import Pixi
from labform.environments.recipe import Recipe, RecipeError, Site, project_folder
from labform.environments.uv import Uv
from labform.problems import Problem, brief, suggestion

Kind = type[Dockerfile] | type[Devcontainer] | type[Uv] | type[Pip] | type[Conda] | type[Pixi]
FILES: Mapping[str, tuple[str, ...]] = {
    "dockerfile": ("Dockerfile",),
    "devcontainer": (".devcontainer/devcontainer.json", ".devcontainer.json"),
    "uv": ("uv.lock",),
    "pip": ("requirements.txt",),
    "conda": ("conda-lock.yml", "conda-linux-64.lock", "environment.yml", "environment.yaml"),
    "pixi": ("pixi.lock", "pixi.toml"),
}
"""Each kind's own files, as its tool names them: any of them tells the kind."""
_KINDS: Mapping[str, Kind] = {
    "dockerfile": Dockerfile,
    "devcontainer": Devcontainer,
    "uv": Uv,
    "pip": Pip,
    "conda": Conda,
    "pixi": Pixi,
}


class Detected(Folder):
    """A folder whose files tell what kind of environment it is."""

    kind: Literal["detect"] = "detect"
    """May be left out: the folder's files tell the kind."""
    base: Name | None = None
    """The named base to build on, for kinds that have one. Default: the lab's `defaults.base`."""
    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Default: none."""
    env: Mapping[EnvironmentVariable, VariableText] = {}
    """Variables of the image. They are public. Default: none."""
    python: PythonVersion | None = None
    """The version of Python that the image must have. Default: any or none."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders of the project to copy to /opt/project, for kinds of packages. Default: none."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        return self.found(site).images(site)

    def apt_need(self, site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        return self.found(site).apt_need(site)

    def recipe(self, site: Site) -> Recipe:
        """The recipe of the kind that the folder's files tell."""
        return self.found(site).recipe(site)

    def found(self, site: Site) -> "Dockerfile | Devcontainer | Uv | Pip | Conda | Pixi":
        """The environment in full; RecipeError where no kind, or more than one, is told by the folder's files."""
        kind = _kind(project_folder(self.directory, site), self.directory)
        given = {key: getattr(self, key) for key in self.model_fields_set - {"kind"}}
        if foreign := sorted(set(given) - set(_KINDS[kind].model_fields)):
            known = sorted(set(_KINDS[kind].model_fields) - {"kind"})
            raise RecipeError(
                Problem(
                    (key,), "unknown-key", f"{self.directory} is of kind {kind}, which has none", suggestion(key, known)
                )
                for key in foreign
            )
        try:
            return _KINDS[kind].model_validate({**given, "kind": kind})
        except ValidationError as error:
            fields = _KINDS[kind].model_json_schema()["properties"]
            raise RecipeError(_misfit(one, kind, fields[str(one["loc"][0])]) for one in error.errors()) from None


def _misfit(one: ErrorDetails, kind: str, field: Mapping[str, Any]) -> Problem:
    """A value that a folder may have, and its kind may not, with what the kind's documentation says of it."""
    examples = [text for branch in field.get("anyOf", ()) for text in branch.get("examples", ())]
    hint = " For example ".join([field.get("description", ""), *examples[:1]])
    return Problem((*one["loc"],), "value", f'text "{brief(str(one["input"]))}" does not fit kind {kind}', hint)


def _kind(folder: Path, directory: str) -> str:
    found = dict(_candidates(folder))
    if not found and (folder / "pyproject.toml").is_file():
        found = {"uv": "pyproject.toml"}
    if not found:
        known = ", ".join(names[0] for names in FILES.values())
        message = f"nothing in {directory} describes an environment"
        raise RecipeError([Problem(("directory",), "no-kind", message, f"looked for {known}, pyproject.toml")])
    if len(found) > 1:
        message = f"{directory} has {' and '.join(found.values())}: {len(found)} ways to describe an environment"
        hint = f"write {' or '.join(f'kind: {kind}' for kind in found)}"
        raise RecipeError([Problem((), "two-kinds", message, hint)])
    return next(iter(found))


def _candidates(folder: Path) -> Iterator[tuple[str, str]]:
    for kind, names in FILES.items():
        there = [name for name in names if (folder / name).is_file()]
        if there:
            yield kind, there[0]
