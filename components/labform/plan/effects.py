"""What `pulumi up` does with a resource whose registration changed, by the rules of engine and providers. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
_UPDATED = (*IMAGES, "pulumi:providers:docker", "pulumi:providers:docker-build")
"""Other types whose every edit is an update: native to the provider, or the provider itself."""


@dataclass(frozen=True)
class Registered:
    """A resource as the engine is told of it; `project` where it belongs to one."""

    type: str
    name: str
    project: str | None
    inputs: Mapping[str, Any]
    protect: bool = False
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


def effects(before: Registrations, after: Registrations) -> list[Effect]:
    """What happens to every resource that is not as it was, in the order of types and names."""
    found: list[Effect] = []
    for key in sorted({*before, *after}):
        if key not in before:
            found.append(Effect(*key, after[key].project, "create"))
            continue
        if key not in after:
            found.append(Effect(*key, before[key].project, "delete"))
            continue
        old, new = before[key], after[key]
        if old.replacement_trigger != new.replacement_trigger:
            found.append(Effect(*key, new.project, "replace", ("host", *changed(old.inputs, new.inputs))))
        elif fields := changed(old.inputs, new.inputs):
            found.append(Effect(*key, new.project, _operation(new, fields), fields))
    return found


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
    return sorted({one.type for one in found if one.operation == "update"} - {*IN_PLACE, *_UPDATED})
