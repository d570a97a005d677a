"""What an edit changes: the inputs against what the object was, cut to the fields that the program had set."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from toolchain.properties import Values

MISSING: Any = object()
"""Where a map has no such key; null is a value."""

Path = tuple[str | int, ...]


class Change(NamedTuple):
    """One changed property: `Change("ADD", False)`; `of_input` says whether it is shown from the inputs."""

    kind: str
    of_input: bool = False


def pruned(source: Any, shape: Any) -> Any:
    """Return a value with only the keys that another one has."""
    if isinstance(source, dict) and isinstance(shape, dict):
        return {name: pruned(value, shape[name]) for name, value in source.items() if name in shape}
    if isinstance(source, list) and isinstance(shape, list):
        return [pruned(value, like) for value, like in zip(source, shape, strict=False)]
    return source


def changes(old: Values, new: Values, replacing: Sequence[str]) -> dict[str, Change]:
    """Return what differs, by the path that Pulumi shows."""
    found = {}
    for path, change in _changes((), old, new):
        dotted = ".".join(step for step in path if isinstance(step, str))
        replaces = any(f"{dotted}.".startswith(f"{field}.") for field in replacing)
        inner = any(field.startswith(f"{dotted}.") and _holds(new, old, path, field) for field in replacing)
        kind = f"{change.kind}_REPLACE" if replaces or inner else change.kind
        found[_shown(path)] = Change(kind, change.of_input)
    return found


def ignored(path: str, ignore: Sequence[str]) -> bool:
    """Tell whether `ignoreChanges` names a path or something above it."""
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in ignore)


def _changes(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Change]]:
    """Yield the differences below a path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _changes((*path, name), old.get(name, MISSING), new.get(name, MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            sides = (side[index] if index < len(side) else MISSING for side in (old, new))
            yield from _changes((*path, index), *sides)
    elif new is MISSING or (new is None and old is not MISSING):
        if old is not None:
            yield path, Change("DELETE", of_input=True)
    elif old is MISSING:
        if new is not None:
            yield path, Change("ADD")
    elif old != new:
        yield path, Change("UPDATE")


def _holds(new: Values, old: Values, path: Path, field: str) -> bool:
    """Tell whether the changed value, as a whole, contains a field that replaces."""
    rest = field.split(".")[len([step for step in path if isinstance(step, str)]) :]
    return any(_reached(_at(side, path), rest) for side in (new, old))


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _reached(value: Any, steps: Sequence[str]) -> bool:
    if not steps:
        return value is not None
    if isinstance(value, list):
        return any(_reached(item, steps) for item in value)
    return isinstance(value, dict) and steps[0] in value and _reached(value[steps[0]], steps[1:])


def _shown(path: Path) -> str:
    """Write a path as Pulumi does: `spec.containers[0].limits["nvidia.com/gpu"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif any(letter in step for letter in '."[]'):
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{step}" if text else step
    return text
