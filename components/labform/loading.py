"""From a stack file on disk to a lab that may be deployed: every fault as file:line:col, all of them in one run."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labform.access import ended
from labform.checks import check
from labform.cuda import CudaNeed, cuda_of_images, cuda_of_packages
from labform.environments import Recipe, RecipeError, Site
from labform.ledger import Ledger, plan
from labform.lockfile import AFTER_MERGE, Lock, differences, unmerged
from labform.problems import LabformError, Location, Problem, ProblemsError, brief, suggestion
from labform.quotas import quotas
from labform.remainder import remainder
from labform.schema_errors import problems_of
from labform.stack_file import LabArgs
from labform.yaml_file import text_of, tree_of
from labform.yaml_tree import Node

_ABOUT_KEYS = frozenset({"unknown-key", "env-name", "reserved", "twice", "unknown-volume"})
"""Problems of a key itself, not of its value."""


@dataclass(frozen=True)
class Addresses:
    """Addresses that one deployment replaces: a tunnel, a test. Everything else is the stack file's."""

    registry: str | None = None
    builder: str | None = None
    hosts: Mapping[str, str] | None = None
    context: str | None = None

    @classmethod
    def given(cls, data: Mapping[str, Any]) -> "Addresses":
        """Addresses as configuration or a command line gives them; LabformError for a key that is none of them."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(data) - set(known)):
            raise LabformError(f'error[addresses] unknown key "{unknown[0]}"; {suggestion(unknown[0], known)}')
        return cls(**data)


@dataclass(frozen=True)
class Draft:
    """A stack file whose lab is valid by itself; its lock may be missing or stale."""

    path: Path
    lab: LabArgs
    lock: Lock
    lock_path: Path
    tree: Node

    def site(self, project: str | None = None) -> Site:
        """What the recipes of this file may know; `pin` falls back to the tag where the lock lacks it."""
        bases = {name: base.image for name, base in self.lab.bases.items()}
        mounts = self.lab.projects[project].mounted().values() if project else ()
        return Site(
            folder=self.path.parent.resolve(),
            root=_root(self.path.parent.resolve()),
            bases=bases,
            default_base=self.lab.defaults.base,
            pin=self._pin,
            mount_points=tuple(sorted(mount.path for mount in mounts)),
        )

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
    command = f"labform lock {path}" + (f" --lock {lock}" if lock else "")
    if not draft.lock_path.exists() and not problems and not ledger.problems:
        raise LabformError(f"{path}: error[no-lock] there is no {draft.lock_path}; run `{command}` and commit it")
    needed = {image: draft.lock.images.get(image, "") for image in images}
    stale = differences(draft.lock, ledger.lock.model_copy(update={"images": needed}), command, ledger.ended)
    problems += _pinned(draft, recipes)
    draft.refuse([*problems, *ledger.problems, *(stale if not ledger.problems and draft.lock_path.exists() else ())])
    return StackFile(path, draft.lab, draft.lock, draft.lock_path, draft.tree, recipes)


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
    lab = _readdressed(_validated(path, tree, on), addresses or Addresses())
    draft = Draft(path, lab, read_lock(lock_path, lab.lab), lock_path, tree)
    if problems := _at_sight(lab, on):
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
    problems: list[Problem] = []
    for name, project in draft.lab.running().items():
        try:
            images.update(project.environment.images(draft.site(name)))
            recipes[name] = recipe = project.environment.recipe(draft.site(name))
            problems += [_within(name, one) for one in recipe.unpinned if draft.lab.strict]
        except RecipeError as error:
            problems += [_within(name, one) for one in error.problems]
        except (OSError, ValueError) as error:
            problems.append(Problem(("projects", name, "environment"), "unreadable", _unreadable(error)))
    images |= _asleep(draft)
    return recipes, tuple(sorted(image for image in images if "@sha256:" not in image)), problems


def _asleep(draft: Draft) -> set[str]:
    """The locked tags of retired projects: who comes back gets the environment that he left."""
    found: set[str] = set()
    for name in set(draft.lab.projects) - set(draft.lab.running()):
        with suppress(RecipeError, OSError, ValueError):
            found.update(draft.lab.projects[name].environment.images(draft.site(name)))
    return found & set(draft.lock.images)


def warnings_of(recipes: Mapping[str, Recipe]) -> list[str]:
    """What is not as it should be and yet gives an image, a line for each project and fault."""
    problems = [_within(name, one) for name, recipe in recipes.items() for one in recipe.notes]
    return [str(one).replace("error[", "warning[", 1) for one in problems]


def _within(project: str, problem: Problem) -> Problem:
    """A problem of an environment, located from the stack file's root on."""
    at: Location = ("projects", project, "environment", *problem.location)
    return Problem(at, problem.code, problem.message, problem.hint)


def _unreadable(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "reads a file that is not UTF-8"
    if isinstance(error, OSError):
        return f"cannot read {brief(Path(error.filename or '').name)}: {(error.strerror or 'no reason given').lower()}"
    return f"names a file that cannot be: {error}"


def plan_of(draft: Draft, images: Iterable[str], needs: Mapping[str, CudaNeed] | None = None) -> Ledger:
    """What the lock should say, with the digests it has already."""
    known = {image: draft.lock.images[image] for image in images if image in draft.lock.images}
    return plan(draft.lab, draft.lock, known, needs=needs)


def cuda_needs(draft: Draft, recipes: Mapping[str, Recipe]) -> dict[str, CudaNeed]:
    """The CUDA version that the environment of a project with GPUs shows: by its wheels, else by its base's tag."""
    found: dict[str, CudaNeed] = {}
    for name, recipe in recipes.items():
        project = draft.lab.projects[name]
        pins = [(one.source.name, one.text) for one in recipe.files if one.text is not None] if project.gpus else []
        shown = (cuda_of_packages(lock, text) for lock, text in pins)
        if project.gpus and (need := next(filter(None, shown), None) or cuda_of_images(_images(draft, name))):
            found[name] = need
    return found


def _images(draft: Draft, project: str) -> tuple[str, ...]:
    return draft.lab.projects[project].environment.images(draft.site(project))


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


def _readdressed(lab: LabArgs, addresses: Addresses) -> LabArgs:
    """The lab with this deployment's addresses; raises LabformError for a host it does not have."""
    if unknown := sorted(set(addresses.hosts or {}) - set(lab.hosts)):
        raise LabformError(f'error[addresses] no host "{unknown[0]}" in the lab; {suggestion(unknown[0], lab.hosts)}')
    if addresses.registry and lab.registry is None:
        raise LabformError("error[addresses] registry: the lab has none")
    if addresses.context and lab.hosts:
        raise LabformError("error[addresses] context: the lab runs on Docker")
    data = lab.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if addresses.registry:
        data["registry"]["address"] = addresses.registry
    if addresses.builder:
        data.setdefault("builder", {})["address"] = addresses.builder
    for name, address in (addresses.hosts or {}).items():
        data["runs_on"]["hosts"][name]["address"] = address
    if addresses.context:
        data["runs_on"]["context"] = addresses.context
    if addresses == Addresses():
        return lab
    try:
        return LabArgs.model_validate_json(json.dumps(data))
    except ValidationError as error:
        wrong = {".".join(map(str, one["loc"])) for one in error.errors()}
        raise LabformError(f"error[addresses] not an address: {', '.join(sorted(wrong))}") from None


def _root(folder: Path) -> Path:
    """The nearest folder above that holds a Pulumi project or a repository, else the folder above the stack file's."""
    marked = (one for one in (folder, *folder.parents) if (one / "Pulumi.yaml").is_file() or (one / ".git").exists())
    return next(marked, folder.parent)
