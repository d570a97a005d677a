"""From a stack file on disk to a lab that may be deployed: every fault as file:line:col, all of them in one run."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labform.access import ended
from labform.addresses import Addresses, readdressed
from labform.bases import Bases, all_bases, is_built, unreadable
from labform.checks import check
from labform.cuda import CudaNeed, cuda_of_images, cuda_of_packages, version_of
from labform.environments import Environment, Recipe, RecipeError, Site
from labform.ledger import Ledger, plan
from labform.lockfile import AFTER_MERGE, Lock, differences, unmerged
from labform.problems import LabformError, Location, Problem, ProblemsError
from labform.project import CodeServer
from labform.quotas import quotas
from labform.remainder import remainder
from labform.schema_errors import problems_of
from labform.sources import named_refs, site_of
from labform.stack_file import LabArgs
from labform.yaml_file import text_of, tree_of
from labform.yaml_tree import Node

_ABOUT_KEYS = frozenset({"unknown-key", "env-name", "secret-id", "reserved", "twice", "unknown-volume"})
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
        return Bases(self.lab.bases, lambda bases: self._site((), bases), self.recipe)

    def site(self, project: str | None = None) -> Site:
        """What the recipes of this file may know; `pin` falls back to the tag where the lock lacks it."""
        mounts = self.lab.projects[project].mounted().values() if project else ()
        return self._site(tuple(sorted(mount.path for mount in mounts)), self.bases)

    def _site(self, mount_points: tuple[str, ...], bases: Bases) -> Site:
        folder, secrets = self.path.parent.resolve(), frozenset(self.lab.builder.secrets)
        return Site(folder, _root(folder), bases, self.lab.defaults.base, self._pin, secrets, mount_points)

    def recipe(self, environment: Environment, site: Site) -> Recipe:
        """The recipe of an environment where its files are; raises RecipeError."""
        made = environment.recipe(self._placed(environment, site))
        return made.built_for(self.lab.builder.built_for)

    def images(self, environment: Environment, site: Site) -> set[str]:
        """The tags that an environment needs in the lock; raises RecipeError."""
        named = environment.images(self._placed(environment, site))
        return {image for image in named if "@sha256:" not in image and not is_built(image)}

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
        _refuse(self.path, self.tree, problems)


@dataclass(frozen=True)
class StackFile(Draft):
    """A stack file that was read and checked, with its recipes; its lock is as it should be."""

    recipes: Mapping[str, Recipe]


def load(
    path: Path, *, lock: Path | None = None, addresses: Addresses | None = None, on: dt.date | None = None
) -> StackFile:
    """A stack file with its lock, ready to deploy.

    Raises ProblemsError with every fault that was found, the lock's missing and stale entries among them.
    """
    draft = read(path, lock=lock, addresses=addresses, on=on)
    recipes, images, problems = recipes_of(draft)
    ledger = plan_of(draft, images, cuda_needs(draft, recipes))
    command = draft.lock_command
    if not draft.lock_path.exists() and not problems and not ledger.problems:
        raise LabformError(f"{path}: error[no-lock] there is no {draft.lock_path}; run `{command}` and commit it")
    needed = {
        "images": {image: draft.lock.images.get(image, "") for image in images},
        "sources": {name: draft.lock.sources.get(name, "") for name in named_refs(draft.lab)},
    }
    stale = differences(draft.lock, ledger.lock.model_copy(update=needed), command, ledger.ended)
    problems += _pinned(draft, recipes)
    draft.refuse([*problems, *ledger.problems, *(stale if not ledger.problems and draft.lock_path.exists() else ())])
    return StackFile(path, draft.lab, draft.lock, draft.lock_path, draft.tree, recipes)


def unlocked(path: Path, *, addresses: Addresses | None = None, on: dt.date | None = None) -> StackFile:
    """A stack file as its first lock would have it; raises ProblemsError with every fault but the lock's."""
    draft = read(path, addresses=addresses, on=on)
    recipes, _, problems = recipes_of(draft)
    first = plan(draft.lab, Lock(lab=draft.lab.lab), {}, needs=cuda_needs(draft, recipes))
    draft.refuse([*problems, *first.problems])
    return StackFile(path, draft.lab, first.lock, draft.lock_path, draft.tree, recipes)


def _pinned(draft: Draft, recipes: Mapping[str, Recipe]) -> Iterator[Problem]:
    """Pinned projects that the lock knows no image of, or another one than their environment describes now."""
    for name, recipe in recipes.items():
        if not draft.lab.projects[name].pinned:
            continue
        at: Location = ("projects", name, "pinned")
        if (known := draft.lock.builds.get(name)) is None:
            hint = "leave pinned out for one `pulumi up`, then run `labform lock`"
            yield Problem(at, "not-built", "the lock knows no image of it", hint)
        elif known.recipe != recipe.hash:
            message = f"its environment is not what was built: recipe {recipe.hash}, locked {known.recipe}"
            yield Problem(at, "pinned-changed", message, "leave pinned out to build it, or undo the change")


def read(
    path: Path, *, lock: Path | None = None, addresses: Addresses | None = None, on: dt.date | None = None
) -> Draft:
    """A stack file whose lab passed every check that needs neither lock nor environments; raises ProblemsError.

    With a day, people whose access has ended by then must hold nothing.
    """
    tree = tree_of(path)
    lock_path = lock or path.with_suffix(".lock")
    addresses = addresses or Addresses()
    lab = readdressed(_validated(path, tree, on), addresses)
    draft = Draft(path, lab, read_lock(lock_path, lab.lab), lock_path, tree)
    problems = _at_sight(lab, on)
    if addresses.registry and not lab.hosts:
        # Said of one deployment: nodes on this machine, or nodes that know a mirror of that name.
        problems = [one for one in problems if one.code != "loopback-registry"]
    if problems:
        draft.refuse([*problems, *_more(draft)])
    return draft


def _at_sight(lab: LabArgs, on: dt.date | None) -> list[Problem]:
    """What is wrong with a lab by itself, and with who is in it on a day."""
    return [*check(lab), *(ended(lab, on) if on else ())]


def _more(draft: Draft) -> list[Problem]:
    """What else can be said of a lab that cannot be placed: its environments, and quotas by what is asked for."""
    return [*recipes_of(draft)[2], *quotas(draft.lab, {}).problems]


def read_lock(path: Path, lab: str) -> Lock:
    """The lock at a path, empty if there is none; raises ProblemsError if it is broken or another lab's."""
    if not path.exists():
        return Lock(lab=lab)
    if line := unmerged(text_of(path)):
        raise LabformError(f"{path}:{line}:1: error[unmerged] git left a conflict here; {AFTER_MERGE}")
    tree = tree_of(path)
    try:
        lock = Lock.model_validate_json(json.dumps(tree.value))
    except ValidationError as error:
        _refuse(path, tree, problems_of(error, Lock, tree))
        raise
    if lock.lab != lab:
        _refuse(path, tree, [Problem(("lab",), "other-lab", f"is the lock of {lock.lab}, not of {lab}")])
    return lock


def recipes_of(draft: Draft) -> tuple[dict[str, Recipe], tuple[str, ...], list[Problem]]:
    """The recipe of each running project, the tags they need pinned, and why some have none."""
    recipes: dict[str, Recipe] = {}
    images: set[str] = set()
    problems = list(draft.bases.problems)
    for name, project in draft.lab.running().items():
        try:
            images |= draft.images(project.environment, draft.site(name))
            recipe = draft.bases.on(draft.recipe(project.environment, draft.site(name)))
            recipes[name] = recipe.requiring("code-server") if isinstance(project.service, CodeServer) else recipe
            problems += [_within(name, one) for one in recipe.unpinned if draft.lab.strict]
        except RecipeError as error:
            problems += [_within(name, one) for one in error.problems]
        except (OSError, ValueError) as error:
            problems.append(Problem(("projects", name, "environment"), "unreadable", unreadable(error)))
    for name, recipe in recipes.items() if not problems else ():
        images.update(_images(draft, name, recipe))
    return recipes, tuple(sorted(images | _asleep(draft))), problems


def _asleep(draft: Draft) -> set[str]:
    """The locked tags of retired projects: who comes back gets the environment that he left."""
    found: set[str] = set()
    for name in set(draft.lab.projects) - set(draft.lab.running()):
        with suppress(RecipeError, OSError, ValueError):
            found |= draft.images(draft.lab.projects[name].environment, draft.site(name))
    return found & set(draft.lock.images)


def warnings_of(recipes: Mapping[str, Recipe]) -> list[str]:
    """What is not as it should be and yet gives an image, a line for each project and fault."""
    problems = [_within(name, one) for name, recipe in recipes.items() for one in recipe.notes]
    return [str(one).replace("error[", "warning[", 1) for one in problems]


def _within(project: str, problem: Problem) -> Problem:
    """A problem of an environment, located from the stack file's root on."""
    at: Location = ("projects", project, "environment", *problem.location)
    return Problem(at, problem.code, problem.message, problem.hint)


def plan_of(draft: Draft, images: Iterable[str], needs: Mapping[str, CudaNeed] | None = None) -> Ledger:
    """What the lock should say, with the digests it has already."""
    known = {image: draft.lock.images[image] for image in images if image in draft.lock.images}
    return plan(draft.lab, draft.lock, known, needs=needs)


def cuda_needs(draft: Draft, recipes: Mapping[str, Recipe]) -> dict[str, CudaNeed]:
    """The CUDA version that each project with GPUs shows: by its wheels, its base's tag, or the image built last."""
    asking = {name: recipe for name, recipe in recipes.items() if draft.lab.projects[name].gpus}
    needs = {name: _cuda_need(draft, name, recipe) for name, recipe in asking.items()}
    return {name: need for name, need in needs.items() if need}


def _cuda_need(draft: Draft, name: str, recipe: Recipe) -> CudaNeed | None:
    pins = (cuda_of_packages(one.source.name, one.text) for one in recipe.files if one.text is not None)
    last = draft.lock.builds.get(name)
    said = last.cuda if last and last.recipe == recipe.hash else None
    return (
        next(filter(None, pins), None)
        or cuda_of_images(_images(draft, name, recipe))
        or (CudaNeed(version_of(said)[:2], "CUDA_VERSION of its image") if said else None)
    )


def _images(draft: Draft, project: str, recipe: Recipe) -> list[str]:
    """The tags that a project's environment, and the built bases below it, start from."""
    below = [draft.lab.bases[base].environment for base in all_bases(recipe)]
    environments = [draft.lab.projects[project].environment, *(one for one in below if one)]
    return sorted(image for one in environments for image in draft.images(one, draft.site(project)))


def _validated(path: Path, tree: Node, on: dt.date | None) -> LabArgs:
    try:
        return LabArgs.model_validate_json(json.dumps(tree.value))
    except ValidationError as error:
        faults = problems_of(error, LabArgs, tree)
        rest = remainder(tree.value, [one.location for one in faults])
        _refuse(path, tree, [*faults, *(_faults_beside(path, tree, rest, on) if rest else ())])
        raise


def _faults_beside(path: Path, tree: Node, rest: Mapping[str, Any], on: dt.date | None) -> list[Problem]:
    """What is wrong with the entries of a file that are well written."""
    try:
        lab = LabArgs.model_validate_json(json.dumps(rest))
    except ValidationError:
        return []
    found = [*_at_sight(lab, on), *_more(Draft(path, lab, Lock(lab=lab.lab), path, tree))]
    # Without the faulty entries a list of what there is would not be true.
    partial = (one.code.startswith("unknown-") and not one.hint.startswith("did you mean") for one in found)
    return [replace(one, hint="") if part else one for one, part in zip(found, partial, strict=True)]


def _refuse(path: Path, tree: Node, problems: Iterable[Problem]) -> None:
    placed = sorted({(tree.position(one.location, key=one.code in _ABOUT_KEYS), one) for one in problems})
    if placed:
        shown = [f"{path}:{line}:{column}: {problem}" for (line, column), problem in placed]
        raise ProblemsError([problem for _, problem in placed], shown)


def _root(folder: Path) -> Path:
    """The nearest folder above that holds a Pulumi project or a repository, else the folder above the stack file's."""
    marked = (one for one in (folder, *folder.parents) if (one / "Pulumi.yaml").is_file() or (one / ".git").exists())
    return next(marked, folder.parent)
