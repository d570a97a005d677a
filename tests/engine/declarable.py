"""The fields that stack files may have, and those that one has, as `Model.field`."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from labform.declaration import Declaration


def used(value: Any) -> Iterator[str]:
    """The fields that a declaration says something about."""
    if isinstance(value, Declaration):
        for name in value.model_fields_set:
            yield f"{type(value).__name__}.{name}"
            yield from used(getattr(value, name))
    elif isinstance(value, Mapping):
        yield from (field for one in value.values() for field in used(one))
    elif isinstance(value, tuple):
        yield from (field for one in value for field in used(one))


def declarable(model: type[Declaration]) -> set[str]:
    """The fields of a declaration and of all that it may hold."""
    found = set[str]()
    for name, field in model.model_fields.items():
        found.add(f"{model.__name__}.{name}")
        for inner in _declarations(field.annotation):
            found |= declarable(inner)
    return found


def _declarations(annotation: Any) -> Iterator[type[Declaration]]:
    if isinstance(annotation, type) and issubclass(annotation, Declaration):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _declarations(inner)
