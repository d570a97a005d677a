"""Two sides of a stack file, compared: what `pulumi up` of the new side does where the old one is deployed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from labform.backends import Kubernetes
from labform.gpu_table import gpu_table
from labform.loading import StackFile
from labform.plan.effects import IMAGES, Effect, effects, unknown, words
from labform.plan.holdings import handed_over
from labform.plan.kubernetes_rules import kind_of
from labform.plan.page import Action, GpuMove, Page, ProjectChange
from labform.plan.quotas import compared
from labform.plan.reasons import declared, facts, rebuilt
from labform.plan.registrations import recorded
from labform.plan.risks import REFUSED, risks

WORKLOADS = (None, "Deployment", "Job")
"""Kinds of a cluster's objects in which people's programs run; None is whatever is not a cluster's."""


@dataclass(frozen=True)
class Side:
    """A stack file as one side has it: read and checked, refused with an error, or not there at all."""

    stack: StackFile | None = None
    error: str = ""


def compare(name: str, base: Side, head: Side) -> Page:
    """The page of one stack file; `name` is how people call it."""
    if head.error:
        return Page(name, head_error=head.error, base_error=base.error)
    old, new = base.stack, head.stack
    if new is None:
        return replace(_removed(name, old), base_error=base.error) if old else Page(name, base_error=base.error)
    if old is None:
        projects = tuple(_created(new, key) for key in sorted(new.lab.projects))
        found = tuple(one for one in projects if one.action == "created")
        page = Page(name, projects=found, gpus=_gpus(None, new), quotas=compared(None, new), base_error=base.error)
        return replace(page, unchanged=len(projects) - len(found), lab=("a new lab",) if not base.error else ())
    return _compared(name, old, new)


def _removed(name: str, old: StackFile) -> Page:
    said = "the stack file is gone: nothing is deployed or removed until `pulumi destroy`; what runs goes on, unmanaged"
    return Page(name, notes=(said,), unchanged=len(old.lab.projects))


def _compared(name: str, old: StackFile, new: StackFile) -> Page:
    same_lab = old.lab.lab == new.lab.lab
    both = sorted({*old.lab.running()} & {*new.lab.running()})
    touched = [key for key in both if not same_lab or facts(old, key) != facts(new, key)]
    builds = [*old.lock.builds.values(), *new.lock.builds.values()]
    found = effects(recorded(old, touched, builds), recorded(new, touched, builds))
    by_project: dict[str | None, list[Effect]] = {}
    for one in found:
        by_project.setdefault(one.project, []).append(one)
    changes = [_changed(old, new, key, by_project.get(key, [])) for key in touched]
    changes = [one for one in changes if one.why or one.action != "no effect"]
    changes += _come_and_gone(old, new)
    every = {*old.lab.projects, *new.lab.projects}
    return Page(
        name,
        risks=tuple(risks(old, new)),
        projects=tuple(changes),
        gpus=_gpus(old, new),
        quotas=compared(old, new),
        lab=tuple(_words(one) for one in by_project.get(None, [])),
        unchanged=len(every) - len(changes),
        notes=tuple(
            f"an edit of {one} may replace it: its provider's rules are not known here" for one in unknown(found)
        ),
    )


def _changed(old: StackFile, new: StackFile, name: str, found: list[Effect]) -> ProjectChange:
    owner = new.lab.projects[name].owner
    builds = any(one.type in IMAGES and one.operation != "delete" for one in found)
    why = [*declared(old, new, name)]
    if builds:
        why += rebuilt(old.recipes[name], new.recipes[name])
    rest = [one for one in found if one.type not in IMAGES]
    # A cause that no declaration of the project shows, such as the figures of its group.
    why = why or sorted({field for one in rest for field in one.fields})
    places = [side.lock.placement(name) for side in (old, new)]
    moved = all(places) and places[0].host != places[1].host  # type: ignore[union-attr]
    return ProjectChange(name, owner, _action(rest, stays=not found, moved=moved), builds, tuple(why))


def _action(found: list[Effect], *, stays: bool, moved: bool) -> Action:
    operations = {one.operation for one in found if kind_of(one.type) in WORKLOADS}
    if moved:
        return "moved"
    if operations & {"replace", "create", "delete"}:
        return "replaced"
    if any(one.restarts for one in found):
        return "restarted"
    return "no effect" if stays else "updated"


def _come_and_gone(old: StackFile, new: StackFile) -> Iterator[ProjectChange]:
    had, has = old.lab.running(), new.lab.running()
    for name in sorted({*new.lab.projects} - {*had}):
        was = old.lab.projects.get(name)
        if name in has:
            yield replace(_created(new, name), why=("state: retired → running",) if was else ())
        elif was != new.lab.projects[name]:
            yield _created(new, name)
    for name, project in had.items():
        if name not in has:
            yield ProjectChange(name, project.owner, "retired" if name in new.lab.projects else "removed")
    for name in sorted({*old.lab.projects} - {*had} - {*new.lab.projects}):
        yield ProjectChange(name, old.lab.projects[name].owner, "no effect", why=("was retired already",))


def _created(new: StackFile, name: str) -> ProjectChange:
    project = new.lab.projects[name]
    if project.state == "retired":
        return ProjectChange(name, project.owner, "no effect", why=("is declared as retired",))
    return ProjectChange(name, project.owner, "created", builds=not project.pinned)


def _gpus(old: StackFile | None, new: StackFile) -> tuple[GpuMove, ...]:
    """The GPUs whose holder changes; in a cluster how many of each kind, since it chooses the devices."""
    if isinstance(new.lab.runs_on, Kubernetes):
        rows = [gpu_table(one.lab, one.lock) if one else [] for one in (old, new)]
        return tuple(handed_over(*rows))
    sides = [
        {(row["host"], row["gpu"]): row for row in gpu_table(one.lab, one.lock)} if one else {} for one in (old, new)
    ]
    before, after = sides
    moves = []
    for key in sorted({*before, *after}):
        was, now = (side.get(key, {}).get("holder") for side in sides)
        if was != now:
            moves.append(GpuMove(*key, (after.get(key) or before[key])["model"], was, now))
    return tuple(moves)


def _words(effect: Effect) -> str:
    """An effect that belongs to no project, for people."""
    kept = effect.kept and not effect.refused
    said = words(effect.type, effect.name, effect.operation, effect.fields, kept=kept)
    return f"{said}, {REFUSED}" if effect.refused else said
