"""The vocabulary of the property tables: what one property is, and how a table is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolchain.properties import UNKNOWN, Values

SCALARS = ("string", "int", "bool")
"""Kinds that hold one value."""

Table = dict[str, "Field"]
"""The properties of one resource or block by their Pulumi names."""


@dataclass(frozen=True)
class Field:
    """One property: `{"name": Field("string", required=True, replaces=True)}`."""

    kind: str
    """A scalar kind, `list`, `set` or `map` of scalars, or `blocks`, `blockset` of objects."""
    required: bool = False
    """Whether a check fails without it."""
    replaces: bool = False
    """Whether an edit replaces the resource."""
    computed: bool = False
    """Whether the daemon decides the value if the program leaves it out."""
    single: bool = False
    """Whether the blocks are at most one, shown as an object instead of a list."""
    output: bool = False
    """Whether it appears in outputs only: the stand-in refuses it as an input."""
    default: Any = None
    """The value if the program leaves it out."""
    fields: Table | None = None
    """The properties of each block."""

    @property
    def is_blocks(self) -> bool:
        """Whether it holds objects with properties of their own."""
        return self.fields is not None

    @property
    def is_set(self) -> bool:
        """Whether the order of its elements means nothing."""
        return self.kind in ("set", "blockset")

    def element(self) -> "Field":
        """Return the field that each element of this collection is."""
        if self.is_blocks:
            return Field("object", fields=self.fields)
        return Field("string")


def table(text: str, **blocks: Table) -> Table:
    """Read a table of lines `name kind flag... [default=VALUE]`."""
    lines = (line.split() for line in text.strip().splitlines())
    return {name: _field(kind, flags, blocks.get(name)) for name, kind, *flags in lines}


def _field(kind: str, flags: list[str], fields: Table | None) -> Field:
    """Build a field from the words of its line."""
    options: Values = dict.fromkeys((flag for flag in flags if "=" not in flag), True)
    for flag in flags:
        if flag.startswith("default="):
            options["default"] = _literal(kind, flag.removeprefix("default="))
    return Field(kind, fields=fields, **options)


def _literal(kind: str, text: str) -> str | int | bool:
    """Read a default in a table as a value of its kind."""
    if kind == "bool":
        return text == "true"
    return int(text) if kind == "int" else text


def is_unknown(value: Any) -> bool:
    """Tell whether a value is, or holds, an unknown."""
    if isinstance(value, Mapping):
        return any(is_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(is_unknown(item) for item in value)
    return isinstance(value, str) and value == UNKNOWN
