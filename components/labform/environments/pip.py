"""Environments described by a `requirements.txt`."""

import re
import shlex
from pathlib import Path
from typing import Literal

from labform.declaration import RelativePath
from labform.environments.python_image import PythonEnvironment
from labform.environments.recipe import Recipe, RecipeError, Site, project_folder
from labform.problems import Problem

_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(?P<file>[^\s#]+)")


class Pip(PythonEnvironment):
    """A requirements file, with what it includes by `-r` and `-c`."""

    kind: Literal["pip"]
    """requirements.txt."""
    requirements: RelativePath = "requirements.txt"
    """The file, relative to the project's folder."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the required packages; RecipeError for a file that is missing or includes itself."""
        folder = project_folder(self.directory, site)
        inputs = _included(folder, self.requirements, ())
        return self._recipe(
            site,
            inputs,
            f"/opt/tools/bin/uv pip install --python /opt/env/bin/python -r {shlex.quote(self.requirements)}",
        )


def _included(folder: Path, name: str, above: tuple[str, ...]) -> list[str]:
    """The file and, depth first, all it includes, each once, as names relative to the project's folder."""
    if name in above:
        raise RecipeError([Problem(("requirements",), "circular", f"{' -> '.join([*above, name])} includes itself")])
    path = folder / name
    if not path.is_file():
        by = f", included by {above[-1]}" if above else ""
        raise RecipeError([Problem(("requirements",), "no-file", f'no file "{name}" in {folder.name}/{by}')])
    names = [name]
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        if match := _INCLUDE.match(line):
            inner = (path.parent / match["file"]).resolve()
            names += _included(folder, _relative(inner, folder, name), (*above, name))
    return list(dict.fromkeys(names))


def _relative(path: Path, folder: Path, by: str) -> str:
    if not path.is_relative_to(folder):
        raise RecipeError(
            [Problem(("requirements",), "path-escapes", f"{by} includes a file outside of {folder.name}/")]
        )
    return str(path.relative_to(folder))
