"""From a stack file on disk to a lab that may be deployed: every fault as file:line:col, all of them in one run."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labform.access import ended
from labform.addresses import Addresses, readdressed
from labform.bases import lock_key
from labform.checks import check
from labform.draft import Draft, refuse
from labform.environments import Recipe
from labform.ledger import Ledger, plan
from labform.lock_changes import differences
from labform.lockfile import AFTER_MERGE, Lock, LockedApt, unmerged
from labform.problems import LabformError, Location, Problem
from labform.quotas import quotas
from labform.recipes import Recipes, cuda_needs, recipes_of
from labform.remainder import remainder
from labform.scheduling import one_node
from labform.schema_errors import problems_of
from labform.sources import asleep_refs, named_refs
from labform.stack_file import LabArgs
from labform.yaml_file import text_of, tree_of
from labform.yaml_tree import Node


@dataclass(frozen=True)
class StackFile(Draft):
    """A stack file that was read and checked, with its recipes; its lock is as it should be."""

    recipes: Mapping[str, Recipe]

    def built(self, name: str) -> str | None:
        """The image that the lock says was built of a project as it is now; None where it knows none."""
        known, recipe = self.lock.builds.get(name), self.recipes.get(name)
        return known.image if known and recipe and known.recipe == recipe.hash else None


def load(
    path: Path, *, lock: Path | None = None, addresses: Addresses | None = None, on: dt.date | None = None
) -> StackFile:
    """A stack file with its lock, ready to deploy.

    Raises ProblemsError with every fault that was found, the lock's missing and stale entries among them.
    """
    draft = read(path, lock=lock, addresses=addresses, on=on)
    made = recipes_of(draft)
    ledger = plan_of(draft, made)
    command = draft.lock_command
    if not draft.lock_path.exists() and not made.problems and not ledger.problems:
        raise LabformError(f"{path}: error[no-lock] there is no {draft.lock_path}; run `{command}` and commit it")
    needed = {
        "images": {image: draft.lock.images.get(image, "") for image in made.images},
        "sources": {
            **{name: draft.lock.sources.get(name, "") for name in named_refs(draft.lab)},
            **asleep_refs(draft.lab, draft.lock),
        },
        "apt": _apt(draft, made),
    }
    stale = differences(draft.lock, ledger.lock.model_copy(update=needed), command, ledger.ended)
    problems = [*made.problems, *_pinned(draft, made)]
    draft.refuse([*problems, *ledger.problems, *(stale if not ledger.problems and draft.lock_path.exists() else ())])
    return StackFile(path, draft.lab, draft.lock, draft.lock_path, draft.tree, made.recipes)


def unlocked(path: Path, *, addresses: Addresses | None = None, on: dt.date | None = None) -> StackFile:
    """A stack file as its first lock would have it; raises ProblemsError with every fault but the lock's."""
    draft = read(path, addresses=addresses, on=on)
    made = recipes_of(draft)
    first = plan(draft.lab, Lock(lab=draft.lab.lab), {}, needs=cuda_needs(draft, made))
    draft.refuse([*made.problems, *first.problems])
    return StackFile(path, draft.lab, first.lock, draft.lock_path, draft.tree, made.recipes)


def _pinned(draft: Draft, made: Recipes) -> Iterator[Problem]:
    """Pinned projects that the lock knows no image of, or another one than their environment describes now."""
    for name, recipe in made.recipes.items():
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
    """What else can be said of a lab that cannot be placed: its environments, claims, quotas by what is asked for."""
    lab = draft.lab
    return [*recipes_of(draft).problems, *one_node(lab, draft.lock.volumes), *quotas(lab, {}).problems]


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
        refuse(path, tree, problems_of(error, Lock, tree))
        raise
    if lock.lab != lab:
        refuse(path, tree, [Problem(("lab",), "other-lab", f"is the lock of {lock.lab}, not of {lab}")])
    return lock


def plan_of(draft: Draft, made: Recipes) -> Ledger:
    """What the lock should say, with the digests it has already."""
    known = {image: draft.lock.images[image] for image in made.images if image in draft.lock.images}
    return plan(draft.lab, draft.lock, known, needs=cuda_needs(draft, made))


def unused_apt(draft: Draft, made: Recipes) -> dict[str, LockedApt]:
    """The locked versions of retired projects and of bases that nobody stands on: who comes back finds them."""
    lab = draft.lab
    idle = {*lab.projects} - {*lab.running()} | {lock_key(one) for one in {*lab.bases} - {*made.bases}}
    return {entry: one for entry, one in draft.lock.apt.items() if entry in idle}


def _apt(draft: Draft, made: Recipes) -> dict[str, LockedApt]:
    """The versions that the lock should have; a package that it lacks has none."""
    found = unused_apt(draft, made)
    for entry, need in made.apt.items():
        locked = draft.lock.apt.get(entry)
        versions = {one: locked.packages.get(one, "") if locked else "" for one in sorted(need.packages)}
        found[entry] = LockedApt.model_construct(image=need.image, packages=versions)
    return found


def _validated(path: Path, tree: Node, on: dt.date | None) -> LabArgs:
    try:
        return LabArgs.model_validate_json(json.dumps(tree.value))
    except ValidationError as error:
        faults = problems_of(error, LabArgs, tree)
        rest = remainder(tree.value, [one.location for one in faults])
        refuse(path, tree, [*faults, *(_faults_beside(path, tree, rest, on) if rest else ())])
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
