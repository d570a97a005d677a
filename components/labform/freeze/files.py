"""The files of a project that name its packages, each edited in its own format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labform.freeze.environment_yml import edit_environment
from labform.freeze.packages import Change
from labform.freeze.pixi import edit_pixi
from labform.freeze.pyproject import edit_pyprojects
from labform.freeze.requirements import edit_requirements
from labform.problems import Problem

_UV = "pyproject.toml"
PIXI_LOCK = "pixi.lock"
"""The lock that tells a pixi workspace from a uv project where both have a pyproject.toml."""


@dataclass(frozen=True)
class Changed:
    """What differs between a container and its image."""

    python: Sequence[Change] = ()
    conda: Sequence[Change] = ()
    apt: Sequence[Change] = ()

    def __bool__(self) -> bool:
        """Whether anything does."""
        return bool(self.python or self.conda or self.apt)


@dataclass(frozen=True)
class Edited:
    """What becomes of a project's files: those that have a say, by name, and what none of them can say."""

    texts: Mapping[str, str]
    problems: Sequence[Problem]
    relock: str = ""
    """The command that brings their lock up to date, with `{file}` and `{folder}` for the edited file and its place."""


def edit_files(files: Mapping[str, str], changed: Changed) -> Edited:
    """The project's files with the changes.

    `files` are those that a recipe was declared by, by name: what they are called tells their format.
    """
    if PIXI_LOCK in files:
        name = next(one for one in files if one != PIXI_LOCK)
        text, problems = edit_pixi(files[name], changed.conda, changed.python)
        return Edited({name: text}, problems, "pixi lock --manifest-path {file}")
    if name := next((one for one in files if one.endswith((".yml", ".yaml")) and "lock" not in one), ""):
        text, problems = edit_environment(files[name], changed.conda, changed.python)
        relock = "conda-lock lock --platform linux-64 --file {file}" if len(files) > 1 else ""
        return Edited({name: text}, problems, relock)
    unsaid = [_unsaid(one) for one in changed.conda]
    if _UV in files:
        texts, problems = edit_pyprojects(files, changed.python)
        return Edited(texts, [*problems, *unsaid], "uv lock --directory {folder}")
    if files and not any(one.endswith((".toml", ".yml", ".yaml", ".lock")) for one in files):
        texts, problems = edit_requirements(files, changed.python)
        return Edited(texts, [*problems, *unsaid])
    return Edited({}, [*(_unsaid(one) for one in changed.python), *unsaid])


def _unsaid(change: Change) -> Problem:
    return Problem((change.name,), "not-declared", str(change), "write it into what the image is made from")
