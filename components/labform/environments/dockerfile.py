"""Environments described by a project's own Dockerfile."""

import io
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from dockerfile_parse import DockerfileParser
from pydantic import Field

from labform.declaration import Declaration, RelativePath, Size, size_text
from labform.environments.recipe import (
    ANY_USER,
    ContextFile,
    Recipe,
    RecipeError,
    Site,
    context_file,
    project_folder,
    secrets,
    writable,
)
from labform.problems import Problem, suggestion

_INSTRUCTIONS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
        "COMMENT",
    ]
)
"""Dockerfile reference, "Overview"; COMMENT is the parser's word for a line that is one."""
_MOUNT_FROM = re.compile(r"[=,]from=([^,]+)")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<plain>\w+))")


class Dockerfile(Declaration):
    """A folder with a Dockerfile: the folder is sent, less what `.dockerignore` says."""

    kind: Literal["dockerfile"]
    """A Dockerfile."""
    directory: str
    """The project's folder, relative to the stack file."""
    dockerfile: RelativePath = "Dockerfile"
    """The Dockerfile, relative to the folder."""
    target: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")
    """The stage to build. Default: the last."""
    args: Mapping[str, str] = {}
    """Values of the Dockerfile's ARGs. They are public: the image's history shows them."""
    context_limit: Size = 512 * 1024**2
    """The most that may be sent to the builder. Default: 512Mi."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest: every FROM and `from=` that is not a stage."""
        return tuple(sorted({image for _, _, image in self._references(self._instructions(site))}))

    def recipe(self, site: Site) -> Recipe:
        """The Dockerfile with its images pinned and a last layer for any uid, and the folder's files."""
        folder = project_folder(self.directory, site)
        files = tuple(_context(folder, self.dockerfile, self.context_limit, site))
        text = self._pinned(site) + self._last_layer(site)
        return Recipe(text, files, dict(self.args), dockerfile_name=self.dockerfile)

    def _instructions(self, site: Site) -> list[dict[str, Any]]:
        path = project_folder(self.directory, site) / self.dockerfile
        if not path.is_file():
            raise RecipeError([Problem(("dockerfile",), "no-file", f'no file "{self.dockerfile}" in {self.directory}')])
        if not path.resolve().is_relative_to(site.root.resolve()):
            problem = Problem(("dockerfile",), "path-escapes", f'"{self.dockerfile}" leads out of the lab\'s folder')
            raise RecipeError([problem])
        parser = DockerfileParser(fileobj=io.BytesIO(path.read_bytes().removeprefix(BOM_UTF8)))
        wrong = [one for one in parser.structure if one["instruction"] not in _INSTRUCTIONS]
        if wrong or not any(one["instruction"] == "FROM" for one in parser.structure):
            raise RecipeError(_faults(self.dockerfile, wrong))
        stages = {_stage(one["value"]) or "" for one in parser.structure if one["instruction"] == "FROM"} - {""}
        if self.target and self.target not in stages:
            hint = suggestion(self.target, stages)
            raise RecipeError(
                [Problem(("target",), "no-stage", f'no stage "{self.target}" in {self.dockerfile}', hint)]
            )
        return list(parser.structure)

    def _references(self, instructions: list[dict[str, Any]]) -> Iterator[tuple[int, str, str]]:
        """Each image by the place of its instruction, as it is written there, and with ARGs filled in."""
        stages: set[str] = {"scratch"}
        values: dict[str, str] = {}
        for place, one in enumerate(instructions):
            if one["instruction"] == "ARG" and len(stages) == 1:
                key, _, default = one["value"].partition("=")
                values[key.strip()] = self.args.get(key.strip(), default.strip().strip("\"'"))
            for named in _named_images(one):
                image = _substituted(named, values)
                if not image:
                    message = f"{self.dockerfile}: {named} has no value"
                    raise RecipeError([Problem(("args",), "no-value", message, "add it to args")])
                if image not in stages and not image.isdigit():
                    yield place, named, image
            if one["instruction"] == "FROM":
                stages.add(_stage(one["value"]) or f"stage {place}")

    def _pinned(self, site: Site) -> str:
        instructions = self._instructions(site)
        lines = [one["content"] for one in instructions]
        for place, named, image in self._references(instructions):
            lines[place] = lines[place].replace(named, site.pin(image), 1)
        return "".join(lines).rstrip("\n") + "\n"

    def _last_layer(self, site: Site) -> str:
        instructions = self._instructions(site)
        last = max(place for place, one in enumerate(instructions) if one["instruction"] == "FROM")
        users = [one["value"] for one in instructions[last:] if one["instruction"] == "USER"]
        start = f"FROM {self.target}\n" if self.target else ""
        user = users[-1] if users and not self.target else ANY_USER
        return f"\n{start}USER 0\n{writable(site.mount_points)}USER {user}\n"


def _faults(name: str, wrong: list[dict[str, Any]]) -> list[Problem]:
    if not wrong:
        return [Problem(("dockerfile",), "dockerfile", f"{name} has no FROM")]
    return [
        Problem(
            ("dockerfile",),
            "dockerfile",
            f"{name}:{one['startline'] + 1}: unknown instruction {one['instruction']}",
            suggestion(one["instruction"], _INSTRUCTIONS - {"COMMENT"}),
        )
        for one in wrong
    ]


def _named_images(instruction: Mapping[str, Any]) -> list[str]:
    words = instruction["value"].split()
    if instruction["instruction"] == "FROM":
        return [word for word in words if not word.startswith("--")][:1]
    if instruction["instruction"] == "COPY":
        return [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
    mounts = words if instruction["instruction"] == "RUN" else []
    return [match[1] for word in mounts if word.startswith("--mount=") and (match := _MOUNT_FROM.search(word))]


def _stage(value: str) -> str | None:
    words = value.split()
    return words[-1] if len(words) > 2 and words[-2].lower() == "as" else None


def _substituted(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda m: values.get(m["braced"] or m["plain"]) or m["default"] or "", text)


def _context(folder: Path, dockerfile: str, limit: int, site: Site) -> list[ContextFile]:
    """The folder's files less `.dockerignore`, refused where they are too many bytes, hold keys or lead outside."""
    # docker-py has Docker's own reading of .dockerignore; it is loaded here because most labs need it not.
    from docker.utils.build import exclude_paths

    ignore = folder / ".dockerignore"
    patterns = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    rules = [line.strip() for line in patterns if line.strip() and not line.startswith("#")]
    names = sorted(exclude_paths(str(folder), rules, dockerfile=dockerfile))
    # Both were read already: the one is applied, the other is written with its images pinned.
    read = {".dockerignore", dockerfile}
    kept = [name for name in names if name not in read and ((folder / name).is_symlink() or (folder / name).is_file())]
    problems = [*_leaks(folder, kept, site), *_too_large(folder, kept, limit)]
    if problems:
        raise RecipeError(problems)
    return [context_file(folder / name, name) for name in kept]


def _leaks(folder: Path, names: list[str], site: Site) -> Iterator[Problem]:
    for name in secrets(names):
        yield Problem(
            ("directory",), "secret-in-context", f"{name} would be sent to the builder", f"add {name} to .dockerignore"
        )
    for name in names:
        path = folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(site.root.resolve()):
            yield Problem(("directory",), "path-escapes", f'link "{name}" points outside of the lab\'s folder')


def _too_large(folder: Path, names: list[str], limit: int) -> Iterator[Problem]:
    sizes = {name: (folder / name).lstat().st_size for name in names}
    total = sum(sizes.values())
    if total > limit:
        largest = max(sizes, key=sizes.__getitem__)
        message = f"the build context has {total / 1024**2:.0f} MiB, limit {size_text(limit)}; largest: {largest}"
        yield Problem(("directory",), "context-too-large", message, "add it to .dockerignore or raise context_limit")
