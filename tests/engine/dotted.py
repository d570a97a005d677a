"""Edits of plain data: values at dotted paths, and stand-ins filled in."""

import copy
from collections.abc import Mapping
from typing import Any

DROP = object()
"""The value of an edit that removes a field."""


def edited(before: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with values at dotted paths set, or removed by DROP."""
    made: dict[str, Any] = copy.deepcopy(dict(before))
    for path, value in edits.items():
        *above, last = path.split(".")
        place = made
        for key in above:
            place = place.setdefault(key, {})
        if value is DROP:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return made


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """The value with what only a run knows in the place of its stand-ins."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    for name, known in names.items() if isinstance(value, str) else ():
        value = value.replace(name, known)
    return value
