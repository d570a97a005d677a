"""Bases that are environments themselves: built once, used by many projects, and by digest.

What stands on such a base begins with an ARG. Its default names the base's recipe, so that a change of the base is a
change of every recipe on it, seen at preview; its value is the digest that the base was built to, known when deployed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from labform.environments import Environment, Recipe, RecipeError, Site
from labform.environments.recipe import ANY_USER
from labform.problems import Problem, brief
from labform.stack_file import Base

_STAND_IN = "labform-base"
"""The repository of names that stand for built bases; no registry has it, so a build without its ARG fails."""
_FIRST_FROM = re.compile(r"^\s*FROM\s", re.IGNORECASE | re.MULTILINE)

MakeRecipe = Callable[[Environment, Site], Recipe]


class Bases(Mapping[str, str]):
    """The image that each named base stands for; of one that is built, a name with its recipe's hash."""

    def __init__(self, declared: Mapping[str, Base], site: Callable[["Bases", str], Site], make: MakeRecipe) -> None:
        """`site` is what the recipe of one may know, `make` gives an environment's recipe."""
        self._declared, self._site, self._make = declared, site, make
        self._recipes: dict[str, Recipe | None] = {}
        self._above: list[str] = []
        self.problems: list[Problem] = []
        """What is wrong with the bases, each fault once."""
        for name in self:
            self.recipe(name)

    def __iter__(self) -> Iterator[str]:
        """The declared names."""
        return iter(self._declared)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._declared)

    def __getitem__(self, name: str) -> str:
        """The image; RecipeError, of no problem more, if the base's own recipe has one."""
        base = self._declared[name]
        if base.image is not None:
            return base.image
        if name in self._above:
            circle = " -> ".join([*self._above[self._above.index(name) :], name])
            raise RecipeError([Problem(("base",), "circular", f"{circle}: a base cannot stand on itself")])
        recipe = self.recipe(name)
        if recipe is None:
            raise RecipeError([])
        return f"{_STAND_IN}/{name}:{recipe.hash}"

    def recipe(self, name: str) -> Recipe | None:
        """The recipe of a base that is built; None for an image, and for a base that has none."""
        environment = self._declared[name].environment
        if name not in self._recipes:
            self._above.append(name)
            try:
                self._recipes[name] = self._made(name, environment) if environment else None
            except RecipeError as error:
                self._recipes[name] = None
                at = ("bases", name, "environment")
                self.problems += [replace(one, location=(*at, *one.location)) for one in error.problems]
            except (OSError, ValueError) as error:
                self._recipes[name] = None
                self.problems.append(Problem(("bases", name, "environment"), "unreadable", unreadable(error)))
            self._above.pop()
        return self._recipes[name]

    def _made(self, name: str, environment: Environment) -> Recipe:
        return self.on(_as_root(self._make(environment, self._site(self, name))))

    def on(self, recipe: Recipe) -> Recipe:
        """A recipe with the built bases that it stands on as ARGs."""
        text, used = recipe.dockerfile, dict[str, Recipe]()
        for name, base in sorted(self._recipes.items()):
            if base and (stand_in := f"{_STAND_IN}/{name}:{base.hash}") in text:
                text = text.replace(stand_in, f"${{{argument(name)}}}")
                at = _FIRST_FROM.search(text)
                start = at.start() if at else 0
                text = f"{text[:start]}ARG {argument(name)}={stand_in}\n{text[start:]}"
                used[name] = base
        return replace(recipe, dockerfile=text, bases=used)


def _as_root(recipe: Recipe) -> Recipe:
    """The recipe of a base: what stands on it installs, so it starts as root if the base names no USER."""
    return replace(recipe, dockerfile=recipe.dockerfile.removesuffix(f"USER {ANY_USER}\n"))


def unreadable(error: OSError | ValueError) -> str:
    """Why an environment's file cannot be read, in a person's words."""
    if isinstance(error, UnicodeDecodeError):
        return "reads a file that is not UTF-8"
    if isinstance(error, OSError):
        return f"cannot read {brief(Path(error.filename or '').name)}: {(error.strerror or 'no reason given').lower()}"
    return f"names a file that cannot be: {error}"


def is_built(image: str) -> bool:
    """Whether an image's name stands for a base that is built."""
    return image.startswith(f"{_STAND_IN}/")


def named_by(image: str) -> str:
    """The base that such a name stands for."""
    return image.removeprefix(f"{_STAND_IN}/").rpartition(":")[0]


def lock_key(name: str) -> str:
    """The name that a built base has in the lock, and below the lab's registry: a project may be called as it is."""
    return f"bases/{name}"


def in_lock(entry: str) -> str:
    """The built base that an entry of the lock is about; empty where it is a project's."""
    return entry.removeprefix("bases/") if entry.startswith("bases/") else ""


def argument(name: str) -> str:
    """The ARG that holds a base's reference."""
    return f"LABFORM_BASE_{name.upper().replace('-', '_')}"


def all_bases(recipe: Recipe) -> dict[str, Recipe]:
    """The built bases that a recipe stands on, and those they stand on, each after what it needs."""
    found: dict[str, Recipe] = {}
    for name, base in sorted(recipe.bases.items()):
        found |= {**all_bases(base), name: base}
    return found
