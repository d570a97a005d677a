"""A stack file whose lab is valid by itself, with its lock as far as there is one: what recipes are made from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labform.bases import Bases, is_built, lock_key, named_by
from labform.environments import Environment, Recipe, Site
from labform.environments.debian import AptNeed
from labform.lockfile import Lock
from labform.problems import Problem, ProblemsError
from labform.sources import site_of
from labform.stack_file import LabArgs
from labform.yaml_tree import Node

_ABOUT_KEYS = frozenset(
    {"unknown-key", "env-name", "secret-id", "reserved", "reserved-host", "twice", "unknown-volume"}
)
"""Problems of a key itself, not of its value."""


@dataclass(frozen=True)
class Draft:
    """A stack file whose lab is valid by itself; its lock may be missing or stale."""

    path: Path
    lab: LabArgs
    lock: Lock
    lock_path: Path
    tree: Node

    @cached_property
    def bases(self) -> Bases:
        """The lab's bases, those that are built with their recipes."""
        return Bases(self.lab.bases, lambda bases, name: self._site((), bases, lock_key(name)), self.recipe)

    def site(self, project: str | None = None) -> Site:
        """What the recipe of a project, or of one to come, may know; where the lock lacks a tag, it stays a tag."""
        mounts = self.lab.projects[project].mounted().values() if project else ()
        return self._site(tuple(sorted(mount.path for mount in mounts)), self.bases, project or "")

    def base(self, name: str) -> tuple[Environment, Site]:
        """The environment of a base that is built, and what its recipe may know."""
        environment = self.lab.bases[name].environment
        assert environment is not None  # noqa: S101  only such a base is built
        return environment, self._site((), self.bases, lock_key(name))

    def _site(self, mount_points: tuple[str, ...], bases: Bases, entry: str) -> Site:
        folder, secrets = self.path.parent.resolve(), frozenset(self.lab.builder.secrets)
        locked = self.lock.apt.get(entry)
        apt = locked.packages if locked else {}
        return Site(folder, _root(folder), bases, self.lab.defaults.base, self._pin, secrets, mount_points, apt)

    def recipe(self, environment: Environment, site: Site) -> Recipe:
        """The recipe of an environment where its files are; raises RecipeError."""
        made = environment.recipe(self._placed(environment, site))
        return made.built_for(self.lab.builder.built_for)

    def images(self, environment: Environment, site: Site) -> frozenset[str]:
        """The tags that an environment needs in the lock; raises RecipeError."""
        named = environment.images(self._placed(environment, site))
        return frozenset(image for image in named if "@sha256:" not in image and not is_built(image))

    def apt_need(self, environment: Environment, site: Site) -> AptNeed:
        """The Debian packages that an environment needs in the lock; raises RecipeError.

        What stands on a built base has the package sources of the image at the bottom: the base need not exist yet.
        """
        need = environment.apt_need(self._placed(environment, site))
        if not is_built(need.image):
            return need
        return AptNeed(self.apt_need(*self.base(named_by(need.image))).image, need.packages)

    def _placed(self, environment: Environment, site: Site) -> Site:
        return site_of(environment, site, self.lock, self.lock_command)

    @property
    def lock_command(self) -> str:
        """The command that brings the lock up to date."""
        default = self.lock_path == self.path.with_suffix(".lock")
        return f"labform lock {self.path}" + ("" if default else f" --lock {self.lock_path}")

    def _pin(self, image: str) -> str:
        return image if "@sha256:" in image else self.lock.images.get(image, image)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise ProblemsError, in the order of the file, if there is a problem."""
        refuse(self.path, self.tree, problems)


def refuse(path: Path, tree: Node, problems: Iterable[Problem]) -> None:
    """Raise ProblemsError, in the order of a YAML file, if there is a problem."""
    placed = sorted({(tree.position(one.location, key=one.code in _ABOUT_KEYS), one) for one in problems})
    if placed:
        shown = [f"{path}:{line}:{column}: {problem}" for (line, column), problem in placed]
        raise ProblemsError([problem for _, problem in placed], shown)


def _root(folder: Path) -> Path:
    """The nearest folder above that holds a Pulumi project or a repository, else the folder above the stack file's."""
    return next(_marked(folder), folder.parent)


def _marked(folder: Path) -> Iterator[Path]:
    return (one for one in (folder, *folder.parents) if (one / "Pulumi.yaml").is_file() or (one / ".git").exists())
