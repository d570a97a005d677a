"""Strict YAML with positions: one document, no anchors, no tags, no duplicate keys, YAML 1.2 scalars.

PyYAML's C parser gives the events; what is refused here is what would let two readers see two different files:
`yes` is text, `010` is text, the second of two equal keys is an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from labform.problems import Location, Problem

MAX_BYTES = 8 * 1024**2
"""The largest stack file that is read: some ten thousand projects."""
MAX_DEPTH = 32
"""The deepest nesting that is read."""
MAX_DIGITS = 40
"""The longest number that is read; Python itself refuses more than 4300 digits."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Node:
    """A value with the line and column (from 1) where it starts; of a mapping's entries, where each key starts too."""

    value: Any
    line: int
    column: int
    children: "dict[str | int, Node]"
    keys: dict[str, tuple[int, int]]

    def position(self, location: Location, *, key: bool = False) -> tuple[int, int]:
        """Where a location stands, or the nearest thing around it that the file has; `key` asks for the key itself.

        Words of a location that the file does not have, such as the kind of a union, are passed over.
        """
        node, at = self, (self.line, self.column)
        for part in location:
            if part in node.children:
                at = (
                    node.keys.get(str(part), at)
                    if node.keys
                    else (node.children[part].line, node.children[part].column)
                )
                node = node.children[part]
        return at if key or isinstance(node.value, dict) else (node.line, node.column)

    def at(self, location: Location) -> Any:
        """The plain value at a location, as far as the file has it."""
        node = self
        for part in location:
            node = node.children.get(part, node)
        return node.value


class YamlError(Exception):
    """A file that cannot be read as strict YAML, at a line and column."""

    def __init__(self, problem: Problem, line: int, column: int) -> None:
        """Keep what is wrong and where."""
        super().__init__(str(problem))
        self.problem, self.line, self.column = problem, line, column


def parse(text: str) -> Node:
    """The tree of a document; YamlError for the first thing that is not strict YAML."""
    events = _events(text)
    next(events)
    if isinstance(start := next(events), yaml.StreamEndEvent):
        raise _error("empty", "the file is empty", start, "begin with format: 1")
    root = _node(next(events), events, 0)
    next(events)
    if not isinstance(more := next(events), yaml.StreamEndEvent):
        raise _error("documents", "one document per file", more)
    return root


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        rows = text.splitlines()
        tab = line <= len(rows) and "\t" in rows[line - 1][: len(rows[line - 1]) - len(rows[line - 1].lstrip())]
        what = "a tab; indent with spaces" if tab else (error.problem or "not YAML")
        raise YamlError(Problem((), "yaml", what), line, column) from None
    except yaml.reader.ReaderError as error:
        row = text.count("\n", 0, error.position) + 1
        raise YamlError(Problem((), "yaml", "a character that YAML does not allow"), row, 1) from None


def _error(code: str, message: str, event: Any, hint: str = "") -> YamlError:
    return YamlError(Problem((), code, message, hint), event.start_mark.line + 1, event.start_mark.column + 1)


def _node(event: Any, events: Iterator[Any], depth: int) -> Node:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _error("anchor", "anchors, aliases and merge keys are not read", event, "write the value in full")
    if getattr(event, "tag", None):
        raise _error("yaml-tag", "tags are not read", event)
    if depth > MAX_DEPTH:
        raise _error("depth", f"nested deeper than {MAX_DEPTH} levels", event)
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    if isinstance(event, yaml.ScalarEvent):
        return Node(_scalar(event), line, column, {}, {})
    if isinstance(event, yaml.SequenceStartEvent):
        items = _sequence(events, depth)
        return Node([item.value for item in items.values()], line, column, items, {})
    children, keys = _mapping(events, depth)
    return Node({key: child.value for key, child in children.items()}, line, column, children, keys)


def _sequence(events: Iterator[Any], depth: int) -> "dict[str | int, Node]":
    items: dict[str | int, Node] = {}
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        items[len(items)] = _node(event, events, depth + 1)
    return items


def _mapping(events: Iterator[Any], depth: int) -> "tuple[dict[str | int, Node], dict[str, tuple[int, int]]]":
    children: dict[str | int, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, depth + 1)
        if not isinstance(event, yaml.ScalarEvent):
            raise _error("key", "a key must be a word", event)
        if event.value in keys:
            raise _error("duplicate-key", f'key "{event.value}" stands already in line {keys[event.value][0]}', event)
        keys[event.value] = (key.line, key.column)
        children[event.value] = _node(next(events), events, depth + 1)
    return children, keys


def _scalar(event: Any) -> Any:
    text = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if match := _NUMBER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise _error("number", f"a number of more than {MAX_DIGITS} digits", event)
        return float(text) if match[2] or match[3] else int(text)
    return text
