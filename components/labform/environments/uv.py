"""Environments described by `pyproject.toml` and `uv.lock`."""

from typing import Annotated, Literal

from pydantic import Field

from labform.environments.python_image import PythonEnvironment
from labform.environments.recipe import Recipe, RecipeError, Site, project_folder
from labform.problems import Problem

_GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Uv(PythonEnvironment):
    """A uv project: exactly what its lock says, no resolver at build time."""

    kind: Literal["uv"]
    """pyproject.toml and uv.lock."""
    groups: tuple[_GroupName, ...] = ()
    """Dependency groups beyond uv's default ones. Default: none."""
    extras: tuple[_GroupName, ...] = ()
    """Extras of the project. Default: none."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the lock's packages; RecipeError if pyproject.toml or uv.lock is missing."""
        folder = project_folder(self.directory, site)
        if (folder / "pyproject.toml").is_file() and not (folder / "uv.lock").is_file():
            hint = f"run `uv lock --directory {self.directory}` in the stack file's folder"
            raise RecipeError([Problem(("directory",), "no-uv-lock", f"no uv.lock in {self.directory}", hint)])
        chosen = [f"--group {name}" for name in sorted(self.groups)] + [
            f"--extra {name}" for name in sorted(self.extras)
        ]
        # --inexact keeps the venv's own pip, which people use at run time.
        install = " ".join(["/opt/tools/bin/uv sync --locked --inexact --no-install-project", *chosen])
        return self._recipe(site, ("pyproject.toml", "uv.lock"), install)
