"""Environments described by `pyproject.toml` and `uv.lock`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import Field

from labform.environments.indexes import login_problems
from labform.environments.layer_files import stages
from labform.environments.local_sources import source_folder
from labform.environments.python_image import Packages, PythonEnvironment, Stage
from labform.environments.recipe import Recipe, RecipeError, Site, base_image, project_folder
from labform.environments.uv_lock import Selection, UvLock, folder_of
from labform.environments.uv_project import Table, addresses, beside, members, read_project, settings
from labform.environments.uv_stale import stale
from labform.problems import LabformError, Problem, suggestion

_GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_BUILD_SETTINGS = (
    *("no-binary", "no-binary-package", "no-build-isolation", "no-build-isolation-package", "config-settings"),
    *("config-settings-package", "build-constraint-dependencies", "extra-build-dependencies", "extra-build-variables"),
)
"""Settings that change what uv installs from the same lock (uv documentation, "Settings")."""


class Uv(PythonEnvironment):
    """A uv project: exactly what its lock says, no resolver at build time."""

    kind: Literal["uv"]
    """pyproject.toml and uv.lock."""
    package: _GroupName | None = None
    """The member of a workspace, whose lock stands in `directory`. Default: the project at its root."""
    groups: tuple[_GroupName, ...] = ()
    """Dependency groups beyond uv's default ones. Default: none."""
    extras: tuple[_GroupName, ...] = ()
    """Extras of the project. Default: none."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the lock's packages; RecipeError for a lock that is missing, broken or older than its project.

        The project itself is installed, editable, where it is a package (uv's rule: it has a build system) and `files`
        names its pyproject.toml; else its packages alone are, and a note says so.
        """
        folder = project_folder(self.directory, site)
        project = self._project(folder)
        lock = self._lock(folder)
        root = self._member(lock)
        place = folder_of(lock.members()[root]) or "."
        projects = members(folder, lock, project)
        selection = self._selection(lock, root, projects.get(place, project))
        problems = [
            *self._out_of_date(lock, projects, beside(folder, lock, site)),
            *self._python_problems(lock, site),
            *login_problems(("directory",), "pyproject.toml", addresses(project), site),
            *_unsupported(project),
        ]
        if problems:
            raise RecipeError(problems)
        try:
            packages = lock.packages(selection)
        except LabformError as error:
            raise self._refused("lock", f"uv.lock {error}", self._relock()) from None
        made = stages(packages, folder / "uv.lock", site)
        names = ["pyproject.toml", *([f"{place}/pyproject.toml"] if place != "." else [])]
        made = replace(made, declared={name: folder / name for name in names})
        return self._recipe(site, self._with_itself(made, folder, site, lock.members()[root]))

    def _relock(self) -> str:
        return f"run `uv lock --directory {self.directory}` in the stack file's folder"

    def _refused(self, code: str, message: str, hint: str = "", at: str = "directory") -> RecipeError:
        return RecipeError([Problem((at,), code, message, hint)])

    def _project(self, folder: Path) -> Table:
        missing = [name for name in ("pyproject.toml", "uv.lock") if not (folder / name).is_file()]
        if missing == ["uv.lock"]:
            above = next((one for one in folder.parents if (one / "uv.lock").is_file()), None)
            hint = f"the workspace's lock is in {above.name}/: write that directory, and package:" if above else ""
            raise self._refused("no-uv-lock", f"no uv.lock in {self.directory}", hint or self._relock())
        if missing:
            at = [Problem(("directory",), "no-file", f'no file "{name}" in {folder.name}/') for name in missing]
            raise RecipeError(at)
        return read_project(folder, "pyproject.toml")

    def _lock(self, folder: Path) -> UvLock:
        try:
            return _parsed((folder / "uv.lock").read_text(encoding="utf-8-sig"))
        except LabformError as error:
            raise self._refused("lock", f"uv.lock {error}", self._relock()) from None

    def _member(self, lock: UvLock) -> str:
        members = lock.members()
        name = canonicalize_name(self.package) if self.package else lock.root()
        if name in members:
            return str(name)
        if self.package:
            hint = suggestion(self.package, members)
            raise self._refused("no-package", f'no package "{self.package}" in the workspace', hint, "package")
        if members:
            message = "the workspace has no package at its root"
            raise self._refused("which-package", message, f"write package: {min(members)}")
        raise self._refused("lock", "uv.lock names no project", self._relock())

    def _selection(self, lock: UvLock, name: str, own: Table) -> Selection:
        """The choice with uv's default groups; RecipeError for what the project does not have."""
        groups: set[str] = {canonicalize_name(one) for one in own.get("dependency-groups", {})}
        groups |= {"dev"} if "dev-dependencies" in settings(own) else set()
        extras = {canonicalize_name(one) for one in own.get("project", {}).get("optional-dependencies", {})}
        problems = [*_unknown("groups", self.groups, groups), *_unknown("extras", self.extras, extras)]
        default = settings(own).get("default-groups", ["dev"])
        standard = groups if default == "all" else {canonicalize_name(one) for one in default} & groups
        chosen = Selection(
            name,
            tuple(sorted({*standard, *map(canonicalize_name, self.groups)})),
            tuple(sorted(map(canonicalize_name, self.extras))),
            self.python or "",
        )
        problems += _conflicts(lock, chosen)
        if problems:
            raise RecipeError(problems)
        return chosen

    def _out_of_date(
        self, lock: UvLock, projects: Mapping[str, Table], others: Mapping[str, Table]
    ) -> Iterator[Problem]:
        try:
            lines = stale(lock, projects, others)
        except LabformError as error:
            yield Problem(("directory",), "pyproject", f"pyproject.toml: {error}")
            return
        for line in lines:
            yield Problem(("directory",), "stale-uv-lock", f"uv.lock is older than its project: {line}", self._relock())

    def _python_problems(self, lock: UvLock, site: Site) -> Iterator[Problem]:
        known = self._base_python(site)
        allowed = lock.requires_python
        if known and not any(allowed.contains(Version(f"{known}.{patch}"), prereleases=True) for patch in range(40)):
            message = f"the project requires Python {allowed}, and the base {base_image(self.base, site)} has {known}"
            yield Problem(("base",), "python", message, "choose another base")

    def _with_itself(self, made: Packages, folder: Path, site: Site, package: Table) -> Packages:
        """The packages and, last, the project itself where it is one and its sources are in the image."""
        place = folder_of(package) or "."
        if "editable" not in package.get("source", {}):
            return made
        if place != ".":
            files = source_folder(place, folder, site, ("package",))
            stage = Stage("itself", f"--no-deps --editable /opt/project/{place}", on_system=True, sources="local")
            return replace(made, stages=(*made.stages, stage), files=(*made.files, *files), keep_sources=True)
        if not any(name in (".", "./", "pyproject.toml") for name in self.files):
            message = f"{package['name']} is a package and is not installed: its sources are not named"
            hint = "write files: [pyproject.toml, …], or package = false under [tool.uv] in pyproject.toml"
            return replace(made, notes=(*made.notes, Problem(("files",), "not-installed", message, hint)))
        stage = Stage("itself", "--no-deps --editable /opt/project", on_system=True, sources="project")
        return replace(made, stages=(*made.stages, stage))


@lru_cache(maxsize=64)
def _parsed(text: str) -> UvLock:
    return UvLock.parse(text)


def _unsupported(project: Table) -> Iterator[Problem]:
    """Settings of how uv builds packages, which a layer that is installed alone cannot follow."""
    for key in _BUILD_SETTINGS:
        if settings(project).get(key):
            message = f"pyproject.toml sets tool.uv.{key}, which labform does not follow"
            hint = "build that package's wheel and name its folder in tool.uv.find-links"
            yield Problem(("directory",), "not-supported", message, hint)


def _unknown(section: str, given: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    names = set(known)
    for place, one in enumerate(given):
        if canonicalize_name(one) not in names:
            hint = suggestion(one, names)
            code = "no-extra" if section == "extras" else "no-group"
            yield Problem((section, place), code, f'pyproject.toml has no {section[:-1]} "{one}"', hint)


def _conflicts(lock: UvLock, chosen: Selection) -> Iterator[Problem]:
    """Extras and groups that the project says cannot be together."""
    for group in lock.document.get("conflicts", []):
        both = [
            one.get("extra") or one.get("group")
            for one in group
            if one.get("package") == chosen.package
            and (one.get("extra") in chosen.extras or one.get("group") in chosen.groups)
        ]
        if len(both) > 1:
            yield Problem(("extras",), "conflict", f"pyproject.toml says that {' and '.join(both)} are never together")
