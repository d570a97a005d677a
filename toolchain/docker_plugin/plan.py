"""Plans: which state inputs lead to, as the bridged Terraform SDK computes it."""

import re
from typing import Any

from toolchain.docker_plugin.fields import SCALARS, Field, Table, is_unknown
from toolchain.properties import UNKNOWN, Values

SUPPRESSED_IF_EMPTY = ("user", "workingDir")
"""Properties for which an empty input, or none, means no change: the image's own stays."""


def plan(prior: Values | None, inputs: Values, fields: Table) -> Values:
    """Return the planned state; what only the daemon can tell is `UNKNOWN`."""
    old = prior or {}
    planned = {}
    for name, field in fields.items():
        value = inputs.get(name)
        if value in (None, "") and name in SUPPRESSED_IF_EMPTY:
            value = old.get(name) or value
        planned[name] = _planned(old.get(name), value, field, creating=prior is None)
    if prior is not None and _same_ports(old.get("ports"), planned.get("ports")):
        planned["ports"] = old["ports"]
    return planned


def _planned(old: Any, value: Any, field: Field, *, creating: bool) -> Any:
    """Plan one property of a resource."""
    if value is None:
        return _absent(old, field, creating=creating)
    if field.kind in SCALARS or value == UNKNOWN:
        return value
    if field.is_set and not field.single:
        return _planned_set(old, value, field)
    if field.is_blocks and field.single:
        return _block(value, field)
    if field.kind == "blocks":
        return _planned_list(old, value, field)
    return value


def _absent(old: Any, field: Field, *, creating: bool) -> Any:
    """Plan a property that the program leaves out."""
    if field.computed:
        # Terraform's SDK counts a list that was never read as unknown, but not a scalar.
        never_read = old is None and field.kind in ("list", "set", "blocks", "blockset")
        return UNKNOWN if creating or (never_read and not field.single) else old
    if field.default is not None:
        return field.default
    if field.is_blocks and not field.single and not old:
        return []
    return old if not creating and is_zero(old) else None


def _planned_list(old: Any, blocks: list[Values], field: Field) -> list[Values]:
    """Plan a list of objects, each on top of the old one at its place."""
    olds = old if isinstance(old, list) else []
    planned = []
    for index, block in enumerate(blocks):
        before = olds[index] if index < len(olds) else None
        planned.append(plan(before, block, field.fields or {}))
    return planned


def _planned_set(old: Any, values: list[Any], field: Field) -> Any:
    """Plan a set: one with the same elements stays as it is in the state."""
    if is_unknown(values):
        return UNKNOWN
    if old and identity(old) == identity(values):
        return old
    fresh = [_block(value, field) if field.is_blocks else value for value in values]
    return in_set_order({identity(value): value for value in fresh}.values())


def _block(value: Any, field: Field) -> Any:
    """Give an object inside a set all its properties, as the SDK's flat maps do."""
    if value == UNKNOWN:
        return value
    block = {}
    for name, inner in (field.fields or {}).items():
        item = value.get(name)
        if item is None:
            item = _empty(inner)
        elif inner.is_set and not inner.single:
            item = UNKNOWN if is_unknown(item) else in_set_order(item)
        elif inner.single:
            item = _block(item, inner)
        block[name] = item
    return block


def _empty(field: Field) -> Any:
    """Return what stands for a property left out inside a set."""
    if field.default is not None:
        return field.default
    if field.is_set:
        return []
    return "" if field.kind == "string" else None


def settled(value: Any, field: Field) -> Any:
    """Give elements of a set the zero values that a refresh or update writes over nulls."""
    if field.kind != "blockset" or field.single or not isinstance(value, list):
        return value
    return in_set_order(zeroed(item, field.fields or {}) for item in value)


def zeroed(block: Values, fields: Table) -> Values:
    """Return an object of a set with zero values instead of nulls."""
    zeros: Values = {"string": "", "int": 0, "bool": False, "map": {}, "set": [], "list": []}
    return {name: zeros.get(field.kind) if block.get(name) is None else block[name] for name, field in fields.items()}


def is_zero(value: Any) -> bool:
    """Tell whether a value counts as not set for Terraform's SDK."""
    return value is None or value in ("", [], {}) or (isinstance(value, (int, float)) and not value)


def identity(value: Any) -> Any:
    """Return what makes an element of a set itself: its values other than zeros."""
    if isinstance(value, dict):
        items = ((name, identity(item)) for name, item in value.items() if not is_zero(item))
        return tuple(sorted((name, item) for name, item in items if name != "__defaults"))
    if isinstance(value, list):
        return tuple(sorted((identity(item) for item in value), key=repr))
    return value


def in_set_order(values: Any) -> list[Any]:
    """Sort the elements of a set as the type system of Terraform (cty) does."""
    return sorted(values, key=_order)


def _order(value: Any) -> str:
    """Write a value down as cty does to order sets: attributes by name, null last."""
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, dict):
        names = sorted((re.sub("([A-Z])", r"_\1", name).lower(), name) for name in value)
        return "<" + "".join(_order(value[name]) + ";" for _, name in names) + ">"
    if isinstance(value, list):
        return "[" + "".join(_order(item) + ";" for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _same_ports(old: Any, new: Any) -> bool:
    """Tell whether two lists publish the same ports, in whatever order."""
    if not old or not isinstance(new, list) or is_unknown(new) or len(old) != len(new):
        return False
    return bool(identity(old) == identity(new))
