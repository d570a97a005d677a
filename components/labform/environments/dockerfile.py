"""Environments described by a project's own Dockerfile."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from labform.declaration import Name, RelativePath, Size
from labform.environments import dockerfile_text
from labform.environments.build_context import context
from labform.environments.debian import AptNeed
from labform.environments.folder import Folder
from labform.environments.image_layer import ImageEnvironment
from labform.environments.recipe import Recipe, RecipeError, Site, base_image, project_folder
from labform.problems import Problem, suggestion

CONTEXT_LIMIT = 512 * 1024**2
"""The bytes of a context beyond which somebody has forgotten a line in `.dockerignore`: a choice of ours."""
_PREDEFINED = re.compile(r"(?:https?|ftp|no|all)_proxy|SOURCE_DATE_EPOCH|BUILDKIT_\w+", re.IGNORECASE)
"""Dockerfile reference, "Predefined ARGs" and "BuildKit built-in build args": they need no ARG."""


class Dockerfile(Folder, ImageEnvironment):
    """A folder with a Dockerfile: the folder is sent, less what `.dockerignore` says."""

    kind: Literal["dockerfile"]
    """A Dockerfile."""
    dockerfile: RelativePath = "Dockerfile"
    """The Dockerfile, relative to the folder."""
    target: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")
    """The stage to build. Default: the last."""
    args: Mapping[str, str] = {}
    """Values of the Dockerfile's ARGs. They are public: the image's history shows them."""
    base: Name | None = None
    """The named base that the Dockerfile starts from: the value of its `ARG BASE`. Default: it names its own."""
    context_limit: Size = CONTEXT_LIMIT
    """The most that may be sent to the builder. Default: 512Mi."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest: every FROM and `from=` that is not a stage."""
        return tuple(sorted(self._parsed(site).images))

    def apt_need(self, site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        return self._apt_need(self._parsed(site).root())

    def recipe(self, site: Site) -> Recipe:
        """The Dockerfile with its images pinned and a last layer for any uid, and the folder's files."""
        parsed = self._parsed(site)
        files = context(project_folder(self.directory, site), self.dockerfile, self.context_limit, site)
        if problems := [*parsed.undeclared(site.secrets, self.dockerfile)]:
            raise RecipeError(problems)
        text = f"{parsed.pinned(site.pin)}\n{self._last_layer(site, parsed.user())}"
        notes = tuple(self._unused(parsed))
        return Recipe(text, files, dict(self.args), dockerfile_name=self.dockerfile, bound=parsed.bound, notes=notes)

    def _unused(self, parsed: dockerfile_text.Dockerfile) -> Iterator[Problem]:
        """A note for each of `args` that the Dockerfile does not take, which Docker's own build warns of."""
        of_stages = [one.values for stage in parsed.stages for one in stage.instructions if one.word == "ARG"]
        known = {word.partition("=")[0] for words in of_stages for word in words} | parsed.args.keys()
        for key in sorted(self.args.keys() - known):
            if not _PREDEFINED.fullmatch(key):
                message = f"{self.dockerfile} has no ARG {key}"
                yield Problem(("args", key), "unused-arg", message, suggestion(key, known))

    def _parsed(self, site: Site) -> dockerfile_text.Dockerfile:
        text = dockerfile_of(project_folder(self.directory, site), self.dockerfile, self.directory, site)
        given = {"BASE": base_image(self.base, site)} if self.base else {}
        parsed = dockerfile_text.parse(text, self.dockerfile, target=self.target, args={**self.args, **given})
        if self.base and "BASE" not in parsed.args:
            hint = "begin it with ARG BASE, and write FROM $BASE"
            message = f"{self.dockerfile} takes no base: it has no ARG BASE before its first FROM"
            raise RecipeError([Problem(("base",), "no-arg-base", message, hint)])
        return parsed


def dockerfile_of(folder: Path, name: str, directory: str, site: Site) -> str:
    """The text of a Dockerfile in a folder; RecipeError where there is none, or one outside of the lab's folder."""
    path = folder / name
    if not path.is_file():
        raise RecipeError([Problem(("dockerfile",), "no-file", f'no file "{name}" in {directory}')])
    if not path.resolve().is_relative_to(site.root.resolve()):
        raise RecipeError([Problem(("dockerfile",), "path-escapes", f'"{name}" leads out of the lab\'s folder')])
    return path.read_text(encoding="utf-8")
