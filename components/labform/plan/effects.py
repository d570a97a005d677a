"""What `pulumi up` does with a resource whose registration changed, by the rules of engine and providers. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from labform.plan import kubernetes_rules

Operation = Literal["create", "update", "replace", "delete"]

IN_PLACE: Mapping[str, frozenset[str]] = {
    "docker:index/container:Container": frozenset(
        {
            *("attach", "containerReadRefreshTimeoutMilliseconds", "cpuPeriod", "cpuQuota", "cpuSet", "cpuShares"),
            *("destroyGraceSeconds", "healthcheck", "init", "logs", "maxRetryCount", "memory", "memoryReservation"),
            *("memorySwap", "mustRun", "removeVolumes", "restart", "rm", "start", "tmpfs", "wait", "waitTimeout"),
        }
    ),
    "docker:index/volume:Volume": frozenset(),
    "docker:index/network:Network": frozenset(),
}
"""Fields whose edit is an update; an edit of any other field of these types replaces the resource.

Source: the fields without ForceNew of terraform-provider-docker at 5074970c71ce, which pulumi-docker 5.1.0 wraps.
"""


IMAGES = ("docker:index/image:Image", "docker-build:index:Image")
"""What builds images, by the Docker daemon and by a BuildKit daemon."""
_PROVIDERS = tuple(f"pulumi:providers:{name}" for name in ("docker", "docker-build", "kubernetes"))
_UPDATED = (*IMAGES, *_PROVIDERS)
"""Other types whose every edit is an update: native to the provider, or the provider itself."""


@dataclass(frozen=True)
class Registered:
    """A resource as the engine is told of it; `project` where it belongs to one."""

    type: str
    name: str
    project: str | None
    inputs: Mapping[str, Any]
    protect: bool = False
    retained: bool = False
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None


Registrations = Mapping[tuple[str, str], Registered]
"""A lab's resources, by type and name."""


@dataclass(frozen=True)
class Effect:
    """What happens to one resource, and the fields whose edit is the reason."""

    type: str
    name: str
    project: str | None
    operation: Operation
    fields: tuple[str, ...] = ()
    restarts: bool = False
    """Whether a cluster starts new pods for it, where the object itself stays."""
    kept: bool = False
    """Whether what is deleted stays in the world."""
    refused: bool = False
    """Whether the resource is protected, and the engine refuses the whole `up` for it."""


def effects(before: Registrations, after: Registrations) -> list[Effect]:
    """What happens to every resource that is not as it was, in the order of types and names."""
    return [replace(one, refused=_refused(one, before, after)) for one in _unprotected(before, after)]


def _refused(effect: Effect, before: Registrations, after: Registrations) -> bool:
    """By the engine's rule: what is protected, and stays so where it stays, is neither deleted nor replaced."""
    sides = [side[effect.type, effect.name] for side in (before, after) if (effect.type, effect.name) in side]
    return effect.operation in ("delete", "replace") and all(one.protect for one in sides)


def _unprotected(before: Registrations, after: Registrations) -> list[Effect]:
    """What would happen if nothing were protected."""
    found: list[Effect] = []
    for key in sorted({*before, *after}):
        if key not in before:
            found.append(Effect(*key, after[key].project, "create"))
            continue
        if key not in after:
            found.append(Effect(*key, before[key].project, "delete", kept=before[key].retained))
            continue
        old, new = before[key], after[key]
        if old.replacement_trigger != new.replacement_trigger:
            found.append(Effect(*key, new.project, "replace", ("host", *changed(old.inputs, new.inputs))))
        elif kind := kubernetes_rules.kind_of(key[0]):
            found += _in_cluster(kind, old, new)
        elif fields := changed(old.inputs, new.inputs):
            found.append(Effect(*key, new.project, _operation(new, fields), fields))
    return found


def _in_cluster(kind: str, old: Registered, new: Registered) -> list[Effect]:
    """What happens to an object of a cluster, whose rules are of fields at any depth; nothing if nothing differs."""
    fields = tuple(dict.fromkeys(kubernetes_rules.paths(old.inputs, new.inputs)))
    if not fields:
        return []
    anew = any(kubernetes_rules.replaces(kind, one, new.replace_on_changes) for one in fields)
    restarts = not anew and any(kubernetes_rules.restarts(kind, one) for one in fields)
    return [Effect(new.type, new.name, new.project, "replace" if anew else "update", fields, restarts)]


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the inputs that differ."""
    return tuple(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))


def _operation(new: Registered, fields: tuple[str, ...]) -> Operation:
    in_place = IN_PLACE.get(new.type)
    if set(fields) & set(new.replace_on_changes):
        return "replace"
    if in_place is not None and not set(fields) <= in_place:
        return "replace"
    return "update"


def unknown(found: Iterable[Effect]) -> list[str]:
    """The types among edited resources whose providers' rules are not known here: an update may be a replacement."""
    edited = {one.type for one in found if one.operation == "update"} - {*IN_PLACE, *_UPDATED}
    return sorted(one for one in edited if kubernetes_rules.kind_of(one) not in kubernetes_rules.KINDS)


_CALLED = {
    "pulumi:providers:docker": "connection to the Docker host",
    "pulumi:providers:docker-build": "connection to the builder",
    "pulumi:providers:kubernetes": "connection to the cluster",
    "docker:index/volume:Volume": "volume",
    "docker:index/network:Network": "network",
    "kubernetes:core/v1:PersistentVolumeClaim": "volume",
}
KEPT = {
    "docker:index/volume:Volume": "on its host",
    "kubernetes:core/v1:PersistentVolumeClaim": "in its namespace",
    "kubernetes:core/v1:Namespace": "with all that is in it",
}
"""What stays in the world when the state forgets it, by type, and where."""


def words(type_: str, name: str, operation: str, fields: Iterable[str], *, kept: bool) -> str:
    """What happens to a resource that belongs to no project, for people; `kept` is whether it would stay."""
    done = {"create": "created", "update": "updated", "replace": "REPLACED", "delete": "removed"}
    said = done.get(operation, operation)
    if operation == "delete" and kept and type_ in KEPT:
        said = f"leaves the state, kept {KEPT[type_]}"
    shown = ", ".join(fields)
    called = _CALLED.get(type_, type_.rpartition(":")[2])
    return f"{called} {name}: {said}{f' ({shown})' if shown else ''}"
