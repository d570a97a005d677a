"""Values are inherited, defaults -> group -> person -> project, and each keeps the place where it was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

Layer = tuple[str, BaseModel]
"""Where a declaration stands in a stack file, such as `groups.student`, and the declaration."""


@dataclass(frozen=True)
class Inherited:
    """A value and where it was written, such as `groups.student.memory`."""

    value: Any
    source: str


def inherited(field: str, layers: Iterable[Layer]) -> Inherited | None:
    """The value of the first layer that has one; None where no layer has."""
    for place, declaration in layers:
        if (value := getattr(declaration, field)) is not None:
            return Inherited(value, f"{place}.{field}")
    return None
