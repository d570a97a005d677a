"""Who works in a lab: people, the groups they belong to, and how much each may use."""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from labform.declaration import Declaration, Name, Uid, cpus, refusal, shown, size, size_text
from labform.resources import Resources

UNLIMITED: Final = "unlimited"
"""What is written where an inherited limit is lifted."""
_SHARE = re.compile(r"([0-9]{1,6})(?:/([1-9][0-9]{0,5}))?")


def _limit(
    read: Callable[[object], Any], *schemas: dict[str, Any], write: Callable[[Any], Any] = lambda one: one
) -> Any:
    """The annotations of a limit: what it is read by, what an editor is told, how it is written again."""

    def parsed(value: object) -> Any:
        """The limit; an empty value is refused, because it could mean nothing and everything."""
        if value is None:
            hint = "write unlimited to lift a limit, or leave the key out to inherit it"
            raise refusal("empty-limit", f"an empty value is no limit; {hint}")
        try:
            return value if value == UNLIMITED else read(value)
        except PydanticCustomError as error:
            context = error.context or {}
            raise refusal(context["code"], f"{context['message']}, or unlimited") from None

    return [
        PlainValidator(parsed),
        PlainSerializer(lambda value: value if value in (None, UNLIMITED) else write(value)),
        WithJsonSchema({"anyOf": [*schemas, {"const": UNLIMITED}]}),
    ]


def gpu_share(value: object) -> Fraction:
    """GPU equivalents, exactly: 2, 0.5 or `3/7`; raises a validator's error for anything else."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, (int, str)) and not isinstance(value, bool) and (match := _SHARE.fullmatch(str(value))):
        return Fraction(int(match[1]), int(match[2] or 1))
    if isinstance(value, float) and 0 <= value <= 1_000_000 and value == round(value, 3):
        return Fraction(str(value))
    raise refusal("gpu-limit", f"{shown(value)} is not a number of GPUs; write for example 2, 0.5 or 3/7")


def _projects(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise refusal("project-limit", f"{shown(value)} is not a number of projects; write for example 3")


GpuLimit = Annotated[
    Fraction | Literal["unlimited"] | None,
    *_limit(
        gpu_share, {"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_SHARE.pattern}$"}, write=str
    ),
]
"""A number of GPU equivalents: a MIG instance counts its compute slices, 3g of seven is 3/7."""
CpuLimit = Annotated[
    Decimal | Literal["unlimited"] | None, *_limit(cpus, {"type": "number", "exclusiveMinimum": 0}, write=float)
]
"""A number of CPUs."""
SizeLimit = Annotated[
    int | Literal["unlimited"] | None, *_limit(size, {"type": "string", "examples": ["96Gi"]}, write=size_text)
]
"""An amount of memory or storage."""
ProjectLimit = Annotated[int | Literal["unlimited"] | None, *_limit(_projects, {"type": "integer", "minimum": 0})]
"""A number of projects."""


class Quota(Declaration):
    """What one person may use at once, over all of their running projects; `unlimited` lifts an inherited limit.

    A limit left out is the group's for a person, the lab's `defaults.limits` for a group, and else no limit.
    """

    gpus: GpuLimit = None
    """GPU equivalents: a whole GPU counts 1, a MIG instance its share, 1g.5gb of an A100 1/7. Default: as inherited."""
    gpus_per_project: GpuLimit = None
    """GPU equivalents of any one project. Default: as inherited."""
    cpus: CpuLimit = None
    """CPUs. Default: as inherited."""
    memory: SizeLimit = None
    """Memory. Default: as inherited."""
    shared_memory: SizeLimit = None
    """Shared memory. Default: as inherited."""
    projects: ProjectLimit = None
    """Running projects. Default: as inherited."""
    volumes: SizeLimit = None
    """The sizes of their managed volumes, of retired projects too. Default: as inherited."""

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A limit that is not given is left out: an empty one could not be read again."""
        return {key: value for key, value in write(self).items() if value is not None}


class Group(Quota):
    """What each member of a group may use, and what the containers of their projects get."""

    resources: Resources = Resources()
    """What a container gets where neither project nor owner says. Default: the lab's `defaults.resources`."""


class Person(Declaration):
    """Somebody who owns projects and volumes."""

    group: Name | None = None
    """The group whose limits hold. Default: none, the lab's `defaults.limits`."""
    uid: Uid
    """The numeric user their containers run as: on bind mounts and NFS the owner of their files."""
    gid: Uid | None = None
    """The numeric group their containers run as. Default: the same number as `uid`."""
    email: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")] | None = None
    """What git writes into commits. Default: the person's name at the lab's."""
    until: dt.date | None = None
    """The last day of their access; `labform check --on DATE` compares, a preview never reads the clock."""
    limits: Quota = Quota()
    """Their own limits, each in place of the group's. Default: the group's."""
    resources: Resources = Resources()
    """What a container of theirs gets where its project does not say. Default: the group's."""

    @property
    def user(self) -> str:
        """`uid:gid` as Docker takes it."""
        return f"{self.uid}:{self.gid or self.uid}"
