"""States: what is written down after a resource was made, changed or read."""

from typing import Any

from toolchain.docker_plugin.fields import Field, Table
from toolchain.docker_plugin.plan import identity, in_set_order, settled
from toolchain.properties import UNKNOWN, Values


def known(planned: Any) -> Any:
    """Return planned values with null for what is still unknown."""
    if isinstance(planned, dict):
        return {name: known(value) for name, value in planned.items()}
    if isinstance(planned, list):
        return [known(value) for value in planned]
    return None if planned == UNKNOWN else planned


def created(planned: Values, found: Values, fields: Table) -> Values:
    """Return the state of a new resource: nulls and order stay as planned where they can."""
    state: Values = known(planned)
    for name, value in found.items():
        state[name] = _after_create(planned.get(name), value, fields[name])
    return state


def updated(olds: Values, planned: Values, fields: Table) -> Values:
    """Return the state after an update, which reads nothing back."""
    return {
        name: settled(planned[name], field) if planned[name] == olds.get(name) else planned[name]
        for name, field in fields.items()
    }


def refreshed(olds: Values, found: Values, fields: Table) -> Values:
    """Return the state after a read: what was found over what was known."""
    state = {name: olds.get(name) for name in fields} | found
    return {name: settled(state[name], field) for name, field in fields.items()}


def _after_create(planned: Any, value: Any, field: Field) -> Any:
    """Choose between the plan and what the daemon says."""
    if planned is None and value in ([], {}):
        return None
    if planned not in (None, UNKNOWN) and identity(planned) == identity(value):
        return planned
    if field.is_set and isinstance(value, list):
        return in_set_order(value)
    return value


def inputs_read(inputs: Values, state: Values, fields: Table) -> Values:
    """Return the inputs as a read finds them: the program's where they still hold."""
    found = {name: _input(value, state.get(name), fields[name]) for name, value in inputs.items() if name in fields}
    defaults = inputs.get("__defaults")
    return {"__defaults": defaults, **found} if defaults else found


def _input(value: Any, actual: Any, field: Field) -> Any:
    """Return one input as a read finds it."""
    same = identity(value) == identity(actual)
    if field.is_blocks and isinstance(value, dict) and isinstance(actual, dict):
        return inputs_read(value, actual, field.fields or {})
    if field.is_blocks and isinstance(value, list):
        return [_block(item, field) for item in value] if same else actual or []
    return value if same or actual is None else actual


def _block(block: Values, field: Field) -> Values:
    """Return an object of a collection as a read finds it: its own sets sorted."""
    inner = field.fields or {}
    sorted_sets = {n: in_set_order(v) for n, v in block.items() if n in inner and inner[n].is_set}
    return {name: v for name, v in (block | sorted_sets).items() if name != "__defaults" or v}
