"""Environments described by devcontainer.json: its image or Dockerfile, variables, user, workspace, ports, commands.

An image is what is left of a dev container when there is no editor, so: `onCreateCommand` and `updateContentCommand`
run while it is built, as a prebuild does, with the project's folder at the workspace folder; they run as root, because
what they install has to be there for any uid. Later commands, mounts and run arguments belong to a project of the lab:
the stack file says them, and leaves these out by name. Features and Docker Compose are refused.
"""

import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from labform.declaration import ImageName, RelativePath, Size
from labform.environments import dockerfile_text
from labform.environments.build_context import context
from labform.environments.debian import AptNeed
from labform.environments.devcontainer_json import Build, Configuration, read
from labform.environments.dockerfile import CONTEXT_LIMIT, dockerfile_of
from labform.environments.folder import Folder
from labform.environments.image_layer import ImageEnvironment
from labform.environments.recipe import ContextFile, Recipe, RecipeError, Site, project_folder
from labform.problems import Problem

FILES = (".devcontainer/devcontainer.json", ".devcontainer.json")
"""Where the reference CLI looks; others have to be named."""
Skipped = Literal[
    "initializeCommand",
    "postCreateCommand",
    "postStartCommand",
    "postAttachCommand",
    "mounts",
    "runArgs",
    "init",
    "privileged",
    "capAdd",
    "securityOpt",
    "build.options",
]
"""What of devcontainer.json can be left out."""


class Devcontainer(Folder, ImageEnvironment):
    """A folder with devcontainer.json that names an image or a Dockerfile; Features and Compose are not supported."""

    kind: Literal["devcontainer"]
    """devcontainer.json."""
    config: RelativePath | None = None
    """devcontainer.json, relative to the folder. Default: .devcontainer/devcontainer.json, else .devcontainer.json."""
    skip: tuple[Skipped, ...] = ()
    """Keys of devcontainer.json that this lab leaves out, because the project says them, or nobody needs them."""
    context_limit: Size = CONTEXT_LIMIT
    """The most that may be sent to the builder. Default: 512Mi."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        configuration = self.read(site)
        if configuration.build is None:
            return (str(configuration.image),)
        return tuple(sorted(self._parsed(configuration.build, site).images))

    def apt_need(self, site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        configuration = self.read(site)
        build = configuration.build
        return self._apt_need(self._parsed(build, site).root() if build else str(configuration.image))

    def recipe(self, site: Site) -> Recipe:
        """The image or Dockerfile, what devcontainer.json adds to it, and a last layer for any uid."""
        configuration = self.read(site)
        self._check_mounts(configuration, site)
        build = configuration.build
        name, files = self._context(configuration, site)
        if build is None:
            start, user, bound = f"FROM {site.pin(str(configuration.image))}\n", None, ""
        else:
            parsed = self._parsed(build, site)
            if problems := [*parsed.undeclared(site.secrets, name)]:
                raise RecipeError(replace(one, location=("config",)) for one in problems)
            start, user, bound = parsed.pinned(site.pin), parsed.user(), parsed.bound
        user = configuration.user or user
        added = _added(configuration)
        text = f"{start}\n{added}{self._last_layer(site, user)}"
        return Recipe(text, files, dict(build.args) if build else {}, dockerfile_name=name, bound=bound)

    def read(self, site: Site) -> Configuration:
        """devcontainer.json as data; RecipeError names every fault, and what no image can hold."""
        config = self._config(site)
        folder = project_folder(self.directory, site)
        name = posixpath.basename(posixpath.normpath(self.directory))
        text = (folder / config).read_text(encoding="utf-8")
        configuration = read(text, config, folder=name if name not in {".", ".."} else "project", skip=self.skip)
        if configuration.image is not None:
            try:
                TypeAdapter(ImageName).validate_python(configuration.image)
            except ValidationError:
                message = f'{config}: "{configuration.image}" is not an image name'
                raise RecipeError([Problem(("config",), "devcontainer", message)]) from None
        return configuration

    def _config(self, site: Site) -> str:
        folder = project_folder(self.directory, site)
        names = (self.config,) if self.config else FILES
        found = next((name for name in names if (folder / name).is_file()), None)
        if found is None:
            others = sorted(
                one.relative_to(folder).as_posix() for one in folder.glob(".devcontainer/*/devcontainer.json")
            )
            hint = f"write config: {others[0]}" if others else ""
            message = f"no file {' or '.join(names)} in {self.directory}"
            raise RecipeError([Problem(("config",), "no-file", message, hint)])
        if not (folder / found).resolve().is_relative_to(site.root.resolve()):
            raise RecipeError([Problem(("config",), "path-escapes", f'"{found}" leads out of the lab\'s folder')])
        return found

    def _context(self, configuration: Configuration, site: Site) -> tuple[str, tuple[ContextFile, ...]]:
        """The Dockerfile's name in the context, and the context's files."""
        folder = project_folder(self.directory, site)
        if configuration.build is None:
            wanted = bool(configuration.commands)
            return "Dockerfile", context(folder, "Dockerfile", self.context_limit, site) if wanted else ()
        root, name = self._places(configuration.build, site)
        if configuration.commands and root != folder:
            message = "onCreateCommand and updateContentCommand need the project's folder as the build's context"
            hint = 'write "context": ".." in build, or move the command to the Dockerfile'
            raise RecipeError([Problem(("config",), "devcontainer", message, hint)])
        return name, context(root, name, self.context_limit, site)

    def _places(self, build: Build, site: Site) -> tuple[Path, str]:
        """The folder of the build's context, and the Dockerfile's name in it."""
        beside = (project_folder(self.directory, site) / self._config(site)).parent
        root, path = (beside / build.context).resolve(), (beside / build.dockerfile).resolve()
        if not root.is_relative_to(site.root.resolve()) or not root.is_dir():
            message = f'context "{build.context}" is no folder of the lab\'s'
            raise RecipeError([Problem(("config",), "path-escapes", message)])
        if not path.is_relative_to(root):
            message = f'{build.dockerfile} is outside of its context "{build.context}"'
            raise RecipeError([Problem(("config",), "devcontainer", message, 'write "context": ".." in build')])
        return root, path.relative_to(root).as_posix()

    def _parsed(self, build: Build, site: Site) -> dockerfile_text.Dockerfile:
        root, name = self._places(build, site)
        text = dockerfile_of(root, name, f"{self.directory}'s build context", site)
        return dockerfile_text.parse(text, name, target=build.target, args=build.args)

    def _check_mounts(self, configuration: Configuration, site: Site) -> None:
        lost = [place for place in configuration.mounts if place not in site.mount_points]
        if lost and "mounts" not in self.skip:
            raise RecipeError(
                Problem(
                    ("config",),
                    "not-mounted",
                    f"devcontainer.json mounts something at {place}, the project nothing",
                    f"write volumes: {{NAME: …}} and the project's mounts: {{NAME: {place}}}, or skip: [mounts]",
                )
                for place in lost
            )


def _added(configuration: Configuration) -> str:
    """The instructions for what devcontainer.json adds to its image."""
    place = configuration.workspace
    lines = ["USER 0\n", _variables(configuration.env)]
    lines.append(f"RUN mkdir -p {place} && chmod 1777 {place}\nWORKDIR {place}\n")
    mount = f"--mount=type=bind,source=.,target={place},rw"
    lines += [f"RUN {mount} {json.dumps(list(command))}\n" for command in configuration.commands]
    if configuration.ports:
        lines.append(f"EXPOSE {' '.join(map(str, configuration.ports))}\n")
    return "".join(lines)


def _variables(env: Mapping[str, Sequence[str]]) -> str:
    return "".join(f"ENV {key}={_value(env[key])}\n" for key in sorted(env))


def _value(pieces: Sequence[str]) -> str:
    """A value in quotes; names of other variables are filled in by the builder."""
    return "".join(f'"${{{one}}}"' if place % 2 else shlex.quote(one) for place, one in enumerate(pieces)) or "''"
