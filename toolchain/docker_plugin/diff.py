"""Diffs between state and plan, as the Terraform bridge reports them (its detailed diff V2)."""

import dataclasses
import difflib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolchain.docker_plugin.fields import Field, Table
from toolchain.docker_plugin.plan import identity, is_zero, plan
from toolchain.properties import UNKNOWN, Values

Path = tuple[str | int, ...]
"""Where a value is: `("ports", 0, "external")`."""

Kinds = dict[str, str]
"""The kind of change by path: ADD, DELETE, UPDATE, each also with _REPLACE."""

Way = Callable[[Path, Any, Any, Field], Kinds]
"""A way to compare two values of one kind at a path."""


@dataclass
class Diff:
    """What an edit does: `Diff({"ports[0].external": "UPDATE_REPLACE"})`."""

    details: Kinds = dataclasses.field(default_factory=dict)

    @property
    def properties(self) -> list[str]:
        """The top-level properties that change."""
        return sorted({_top(path) for path in self.details})

    @property
    def replaces(self) -> list[str]:
        """The top-level property of each change that replaces the resource."""
        return sorted(_top(path) for path, kind in self.details.items() if kind.endswith("_REPLACE"))


def diff(olds: Values, inputs: Values, fields: Table, ignored: list[str]) -> Diff:
    """Return what changes from a state to the one that inputs lead to."""
    planned = plan(olds, inputs, fields)
    planned.update((name, olds.get(name)) for name in ignored if name in fields)
    found: Kinds = {}
    for name, inner in sorted(fields.items()):
        found |= _Differ(fields, inputs).property((name,), olds.get(name), planned[name], inner)
    if not any(_renews(olds.get(name), planned[name], inner) for name, inner in fields.items()):
        return Diff({path: kind.removesuffix("_REPLACE") for path, kind in found.items()})
    if found and not any(kind.endswith("_REPLACE") for kind in found.values()):
        found["__meta"] = "UPDATE_REPLACE"
    return Diff(found)


def _renews(old: Any, new: Any, field: Field) -> bool:
    """Tell whether a change replaces the resource by the rules of Terraform's own SDK.

    They differ from the bridge's: an edited mount keeps the number of mounts, and none of
    its properties replaces, so the container stays as it is.
    """
    if is_zero(old) and is_zero(new):
        return False
    if new == UNKNOWN or not field.is_blocks:
        return field.replaces and identity(old) != identity(new)
    before, after = _listed(old), _listed(new)
    if len(before) != len(after):
        return field.replaces
    if field.is_set:
        before, after = _without(before, after), _without(after, before)
        pairs = [*((item, {}) for item in before), *(({}, item) for item in after)]
    else:
        pairs = list(zip(before, after, strict=True))
    inner = field.fields or {}
    return any(_renews(a.get(n), b.get(n), f) for a, b in pairs for n, f in inner.items())


def _listed(value: Any) -> list[Values]:
    """Return the blocks of a property, whether it is flattened or not."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def _without(items: list[Values], others: list[Values]) -> list[Values]:
    """Return the elements of one set that another lacks."""
    known = {identity(other) for other in others}
    return [item for item in items if identity(item) not in known]


@dataclass
class _Differ:
    """Walks two values of a resource side by side."""

    fields: Table
    inputs: Values

    def property(self, path: Path, old: Any, new: Any, field: Field) -> Kinds:
        """Compare one property, list element or map value."""
        old, new = (None if value == [] else value for value in (old, new))
        if old is None and new is None:
            return {}
        if old is None or new is None or new == UNKNOWN:
            return self._whole(path, old, new)
        ways: dict[str, Way] = {
            "object": self._object,
            "map": self._object,
            "set": self._set,
            "blockset": self._set,
            "blocks": self._list,
            "list": self._scalars,
        }
        way = ways.get("object" if field.single else field.kind, self._leaf)
        return way(path, old, new, field)

    def _whole(self, path: Path, old: Any, new: Any) -> Kinds:
        """Report a value that comes, goes, or is not known yet."""
        kind = "ADD" if old is None else "DELETE" if new is None else "UPDATE"
        there = new if old is None else old
        if any(self._replaces(inner) for inner in [path, *_paths(path, there)]):
            kind += "_REPLACE"
        return {_key(path): kind}

    def _leaf(self, path: Path, old: Any, new: Any, _: Field) -> Kinds:
        """Compare scalars."""
        return {} if old == new else {_key(path): self._kind(path, "UPDATE")}

    def _object(self, path: Path, old: Values, new: Values, field: Field) -> Kinds:
        """Compare property by property, or key by key of a map."""
        found: Kinds = {}
        for name, inner in (field.fields or dict.fromkeys({**old, **new}, Field("string"))).items():
            found |= self.property((*path, name), old.get(name), new.get(name), inner)
        return found

    def _list(self, path: Path, old: list[Any], new: list[Any], field: Field) -> Kinds:
        """Compare place by place."""
        found: Kinds = {}
        for index, (before, after) in enumerate(itertools.zip_longest(old, new)):
            found |= self.property((*path, index), before, after, field.element())
        return found

    def _scalars(self, path: Path, old: list[Any], new: list[Any], _: Field) -> Kinds:
        """Compare lists of scalars by the edits that lead from one to the other."""
        gone, come = _edits(old, new)
        kinds = dict.fromkeys(gone - come, "DELETE") | dict.fromkeys(come - gone, "ADD")
        kinds |= dict.fromkeys(gone & come, "UPDATE")
        return {_key((*path, index)): self._kind((*path, index), kind) for index, kind in kinds.items()}

    def _set(self, path: Path, old: list[Any], new: list[Any], field: Field) -> Kinds:
        """Compare sets by element, at the places that the program gave the elements."""
        gone = [index for index, item in enumerate(old) if item in _without(old, new)]
        come = [index for index, item in enumerate(new) if item in _without(new, old)]
        places = self._places(path, come, new, field)
        if len(places) != len(come):
            return {_key(path): self._kind(path, "UPDATE")}
        found: Kinds = {}
        for index in sorted({*gone, *places}):
            before = old[index] if index in gone else None
            after = new[places[index]] if index in places else None
            found |= self.property((*path, index), before, after, field.element())
        return found

    def _places(self, path: Path, come: list[int], new: list[Any], field: Field) -> dict[int, int]:
        """Match planned elements to inputs: the place in the program by place in the plan."""
        inputs = _at(self.inputs, path)
        if not isinstance(inputs, list) or len(inputs) < len(new):
            return {}
        places: dict[int, int] = {}
        for planned in come:
            for place, value in enumerate(inputs):
                if place not in places and _could_be(value, new[planned], field.element()):
                    places[place] = planned
                    break
        return places

    def _kind(self, path: Path, kind: str) -> str:
        """Mark a kind of change if it replaces the resource."""
        return kind + "_REPLACE" if self._replaces(path) else kind

    def _replaces(self, path: Path) -> bool:
        """Tell whether a path or the collection it is in is marked as replacing."""
        chain = _chain(path, self.fields)
        if chain and chain[-1] is not None and chain[-1].replaces:
            return True
        parent = chain[-2] if len(chain) > 1 else None
        return parent is not None and parent.kind != "object" and parent.replaces


def _chain(path: Path, fields: Table) -> list[Field | None]:
    """Return the fields along a path."""
    chain: list[Field | None] = [fields.get(str(path[0]))]
    for step in path[1:]:
        above = chain[-1]
        if above is None:
            chain.append(None)
        elif isinstance(step, int):
            chain.append(above.element())
        elif above.is_blocks:
            chain.append((above.fields or {}).get(step))
        else:
            chain.append(Field("string") if above.kind == "map" else None)
    return chain


def _could_be(value: Any, planned: Any, field: Field) -> bool:
    """Tell whether a planned element could come from this input with nothing added."""
    if not field.is_blocks:
        return bool(value == planned)
    if not isinstance(value, dict):
        return False
    for name, inner in (field.fields or {}).items():
        given, item = value.get(name), planned.get(name)
        if inner.kind in ("list", "set", "map", "blocks", "blockset"):
            if bool(given) != bool(item) or (given and not _same_collection(given, item, inner)):
                return False
        elif given != item:
            return False
    return True


def _same_collection(given: Any, item: Any, field: Field) -> bool:
    """Compare the collections inside two elements."""
    if field.single:
        return _could_be(given, item, Field("object", fields=field.fields))
    return bool(given == item)


def _edits(old: list[Any], new: list[Any]) -> tuple[set[int], set[int]]:
    """Return the places where elements go, and those where elements come."""
    matcher = difflib.SequenceMatcher(a=[repr(item) for item in old], b=[repr(item) for item in new], autojunk=False)
    gone: set[int] = set()
    come: set[int] = set()
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            gone |= set(range(i, j))
            come |= set(range(k, m))
    return gone, come


def _paths(path: Path, value: Any) -> list[Path]:
    """Return the paths of a value and of all it holds."""
    paths = [path]
    if isinstance(value, dict):
        for name, item in value.items():
            paths += _paths((*path, name), item)
    if isinstance(value, list):
        for index, item in enumerate(value):
            paths += _paths((*path, index), item)
    return paths


def _at(values: Any, path: Path) -> Any:
    """Return the value at a path, None if there is none."""
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _key(path: Path) -> str:
    """Write a path as Pulumi does: `logOpts["max-size"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_$][\w$]*", step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def _top(path: str) -> str:
    """Return the top-level property of a path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
