"""What the environments of a lab come to: a recipe for each running project, and what the lock has to hold for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from labform.bases import all_bases, lock_key, unreadable
from labform.cuda import CudaNeed, cuda_of_images, cuda_of_packages, version_of
from labform.draft import Draft
from labform.environments import Environment, Recipe, RecipeError, Site
from labform.environments.debian import AptNeed
from labform.problems import Location, Problem
from labform.project import CodeServer
from labform.sources import with_git


@dataclass(frozen=True)
class Recipes:
    """The environments of a lab's running projects."""

    recipes: Mapping[str, Recipe]
    """By project."""
    problems: list[Problem]
    """Why some have none."""
    tags: Mapping[str, frozenset[str]]
    """The tags that each project needs in the lock, with those of the built bases below it."""
    asleep: frozenset[str]
    """The locked tags of retired projects and of bases that nobody stands on: who comes back gets what he left."""
    apt: Mapping[str, AptNeed]
    """The Debian packages whose versions the lock has to hold: by project, and by `bases/NAME`."""

    @property
    def images(self) -> tuple[str, ...]:
        """Every tag that the lock has to hold."""
        return tuple(sorted(self.asleep.union(*self.tags.values())))

    @property
    def bases(self) -> dict[str, Recipe]:
        """The built bases that running projects stand on."""
        return {name: base for one in self.recipes.values() for name, base in all_bases(one).items()}

    def entries_of(self, project: str) -> set[str]:
        """The lock's names for a project, if it has a recipe, and for the built bases below it."""
        recipe = self.recipes.get(project)
        return {project, *map(lock_key, all_bases(recipe))} if recipe else set()


def recipes_of(draft: Draft) -> Recipes:
    """The recipe of each running project, what they need of the lock, and why some have none."""
    recipes: dict[str, Recipe] = {}
    tags: dict[str, frozenset[str]] = {}
    apt: dict[str, AptNeed] = {}
    problems = list(draft.bases.problems)
    for name, project in draft.lab.running().items():
        environment, site = project.environment, draft.site(name)
        try:
            tags[name] = draft.images(environment, site)
            recipe = draft.bases.on(draft.recipe(environment, site))
            recipes[name] = recipe.requiring("code-server") if isinstance(project.service, CodeServer) else recipe
            apt |= _apt(draft, name, environment, site)
            problems += [_within(name, one) for one in recipe.unpinned if draft.lab.strict]
        except RecipeError as error:
            problems += [_within(name, one) for one in error.problems]
        except (OSError, ValueError) as error:
            problems.append(Problem(("projects", name, "environment"), "unreadable", unreadable(error)))
    for name, recipe in recipes.items():
        for base in all_bases(recipe):
            environment, site = draft.base(base)
            tags[name] |= draft.images(environment, site)
            apt |= _apt(draft, lock_key(base), environment, site)
    return Recipes(recipes, problems, tags, _asleep(draft), apt)


def _apt(draft: Draft, entry: str, environment: Environment, site: Site) -> dict[str, AptNeed]:
    need = draft.apt_need(environment, site)
    return {entry: need} if need.packages else {}


def _asleep(draft: Draft) -> frozenset[str]:
    """What nobody can tell of a retired environment makes the lock keep every tag that it has."""
    locked = frozenset(draft.lock.images)
    retired = {name: one for name, one in draft.lab.projects.items() if one.state == "retired"}
    if with_git(one.environment for one in retired.values()):
        # Its files may be on this machine and not on the next, and both must write the same lock.
        return locked
    idle = [(one.environment, draft.site(name)) for name, one in retired.items()]
    idle += [draft.base(name) for name, one in draft.lab.bases.items() if one.environment]
    try:
        return locked.intersection(tag for one in idle for tag in draft.images(*one))
    except (RecipeError, OSError, ValueError):
        return locked


def warnings_of(recipes: Mapping[str, Recipe]) -> list[str]:
    """What is not as it should be and yet gives an image, a line for each project and fault."""
    problems = [_within(name, one) for name, recipe in recipes.items() for one in recipe.notes]
    return [str(one).replace("error[", "warning[", 1) for one in problems]


def _within(project: str, problem: Problem) -> Problem:
    """A problem of an environment, located from the stack file's root on."""
    at: Location = ("projects", project, "environment", *problem.location)
    return Problem(at, problem.code, problem.message, problem.hint)


def cuda_needs(draft: Draft, made: Recipes) -> dict[str, CudaNeed]:
    """The CUDA version that each project with GPUs shows: by its wheels, its base's tag, or the image built last."""
    asking = {name: recipe for name, recipe in made.recipes.items() if draft.lab.projects[name].gpus}
    needs = {name: _cuda_need(draft, name, recipe, made.tags[name]) for name, recipe in asking.items()}
    return {name: need for name, need in needs.items() if need}


def _cuda_need(draft: Draft, name: str, recipe: Recipe, tags: frozenset[str]) -> CudaNeed | None:
    pins = (cuda_of_packages(one.source.name, one.text) for one in recipe.files if one.text is not None)
    last = draft.lock.builds.get(name)
    said = last.cuda if last and last.recipe == recipe.hash else None
    return (
        next(filter(None, pins), None)
        or cuda_of_images(sorted(tags))
        or (CudaNeed(version_of(said)[:2], "CUDA_VERSION of its image") if said else None)
    )
