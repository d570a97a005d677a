"""Checks of inputs: known names, required properties, allowed values, defaults."""

import hashlib
import re
from collections.abc import Iterator

from toolchain.docker_plugin.fields import Field, Table, is_unknown
from toolchain.properties import UNKNOWN, Values

Failure = tuple[str, str]
"""The path of a property and what is wrong with it."""

PATTERNS = {
    "restart": r"(no|on-failure|always|unless-stopped)",
    "cpuSet": r"\d+([,-]\d+)*",
    "mounts.type": r"(bind|volume|tmpfs)",
    "mounts.bindOptions.propagation": r"r?(private|shared|slave)",
    "uploads.permissions": r"0[0-7]{3}",
}
"""Allowed values by path, as terraform-provider-docker checks them."""


def unknown_names(type_: str, inputs: Values, fields: Table, path: str = "") -> Iterator[Failure]:
    """Yield a failure for each property that the stand-in does not know."""
    accepted = sorted(name for name, field in fields.items() if not field.output)
    for name, value in inputs.items():
        if name == "__defaults":
            continue
        field = fields.get(name)
        if field is None or field.output:
            where = f"{type_} has no property '{path}{name}' here"
            reason = f"the stand-in docker plugin does not know {path}{name}"
            yield f"{path}{name}", f"{where}: {reason}; it accepts: {', '.join(accepted)}"
        elif field.is_blocks:
            for block in _blocks(value):
                yield from unknown_names(type_, block, field.fields or {}, f"{path}{name}.")


def bad_values(inputs: Values, fields: Table, path: str = "") -> Iterator[Failure]:
    """Yield a failure for each missing property and each value outside its pattern."""
    for name, field in fields.items():
        value = inputs.get(name)
        pattern = PATTERNS.get(path + name)
        if value is None and field.required:
            yield f"{path}{name}", f"Missing required property '{path}{name}'"
        elif pattern and value not in (None, UNKNOWN) and not re.fullmatch(pattern, str(value)):
            yield f"{path}{name}", f'"{value}" does not match the pattern "{pattern}"'
        for block in _blocks(value) if field.is_blocks else ():
            yield from bad_values(block, field.fields or {}, f"{path}{name}.")


def with_defaults(inputs: Values, fields: Table) -> Values:
    """Return inputs with the schema's defaults and, in each object, the list of their names.

    A default that is the zero value of its type is not written down, as in the bridge. Inputs that the engine
    takes from the state, those of `ignore_changes`, have their list already.
    """
    filled = {name: _filled(value, fields[name]) for name, value in inputs.items() if name != "__defaults"}
    known = inputs.get("__defaults", ())
    defaults = [name for name, field in fields.items() if field.default and (name not in filled or name in known)]
    filled.update((name, fields[name].default) for name in defaults)
    return {"__defaults": sorted(defaults), **filled}


def auto_name(name: str, seed: bytes, old_inputs: Values) -> str:
    """Return the name of a resource that the program left unnamed: the old one or a fresh one."""
    if "name" in old_inputs.get("__defaults", []):
        return str(old_inputs["name"])
    return f"{name}-{hashlib.sha256(seed).hexdigest()[:7]}"


def _filled(value: object, field: Field) -> object:
    """Apply defaults inside the objects of a property."""
    if not field.is_blocks or value == UNKNOWN:
        return value
    if isinstance(value, list):
        return [_filled(item, field) for item in value]
    return with_defaults(value, field.fields or {}) if isinstance(value, dict) else value


def _blocks(value: object) -> list[Values]:
    """Return the objects of a property, none if they are not known."""
    blocks = value if isinstance(value, list) else [value]
    return [block for block in blocks if isinstance(block, dict) and not is_unknown(list(block))]
