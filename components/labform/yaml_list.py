"""Edits of a list of words in a YAML file: what stays is as it was, to the byte. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from labform.problems import LabformError, Location
from labform.yaml_tree import Node, YamlError, parse

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_PLAIN = re.compile(r"[^\s#,\]}]+")
_PLAIN_IN_BLOCK = re.compile(r"[^\r\n]*?(?=[ \t]+#|[ \t]*\r?$)", re.MULTILINE)
_DASH = re.compile(r"[ \t]*-[ \t]+")


def edited_list(text: str, at: Location, words: Mapping[int, str | None], added: Sequence[str] = ()) -> str:
    """The file with a list's words replaced by their index, removed where None is given, and others added at its end.

    Raises LabformError, and changes nothing, for a layout that cannot be edited here.
    """
    tree = parse(text)
    items = _at(tree, at).children
    edited = text
    kept = [index for index in range(len(items)) if isinstance(items[index].value, str)]
    if added and kept:
        edited = _added(edited, items[kept[-1]], added)
    for index in sorted(words, reverse=True):
        edited = _replaced(edited, items[index], words[index], first=index == 0)
    wanted = [words.get(index, items[index].value) for index in range(len(items))]
    place = kept[-1] + 1 if kept else len(items)
    check_list(edited, tree, at, [one for one in [*wanted[:place], *added, *wanted[place:]] if one is not None])
    return edited


def offset(text: str, line: int, column: int) -> int:
    """Where a line and a column, both from 1, are in a text."""
    return sum(len(row) for row in text.splitlines(keepends=True)[: line - 1]) + column - 1


def _at(node: Node, at: Location) -> Node:
    for part in at:
        node = node.children[part]
    return node


def check_list(edited: str, before: Node, at: Location, wanted: list[Any]) -> None:
    """Raise LabformError unless the edited file is what it was, but for the list."""
    try:
        found = parse(edited).value
    except YamlError:
        found = None
    if found != _with(before.value, at, wanted):
        raise LabformError(f"error[layout] cannot edit {'.'.join(map(str, at))} here; write it by hand: {wanted}")


def _with(value: Any, at: Location, wanted: list[Any]) -> Any:
    if not at:
        return wanted
    if isinstance(value, list):
        return [_with(one, at[1:], wanted) if index == at[0] else one for index, one in enumerate(value)]
    return value | {at[0]: _with(value.get(at[0]), at[1:], wanted)}


def _dash(text: str, item: Node) -> str | None:
    """What stands before an item that has a line of its own: its indent and `- `; None for one within brackets."""
    start = offset(text, item.line, 1)
    before = text[start : start + item.column - 1]
    return before if _DASH.fullmatch(before) else None


def span(text: str, item: Node) -> tuple[int, int]:
    """Where a word begins and ends."""
    start = offset(text, item.line, item.column)
    pattern = _PLAIN_IN_BLOCK if _dash(text, item) else _PLAIN
    match = _QUOTED.match(text, start) or pattern.match(text, start)
    return start, match.end() if match else start


def _replaced(text: str, item: Node, word: str | None, *, first: bool) -> str:
    start, end = span(text, item)
    dash = _dash(text, item)
    if word is not None:
        return text[:start] + _word(word, dash) + text[end:]
    if dash:
        rows = text.splitlines(keepends=True)
        return "".join(rows[: item.line - 1] + rows[item.line :])
    if first:
        return text[:start] + re.sub(r"^\s*,\s*", "", text[end:])
    return re.sub(r",\s*$", "", text[:start]) + text[end:]


def _added(text: str, last: Node, words: Sequence[str]) -> str:
    """The text with words after an item: on lines of their own, or within the brackets."""
    dash, (_, end) = _dash(text, last), span(text, last)
    if dash is None:
        return text[:end] + "".join(f", {_word(word, dash)}" for word in words) + text[end:]
    rows = text.splitlines(keepends=True)
    row = rows[last.line - 1]
    ending = row[len(row.rstrip("\r\n")) :] or "\n"
    rows[last.line - 1] = row.rstrip("\r\n") + ending
    return "".join(rows[: last.line] + [f"{dash}{_word(word, dash)}{ending}" for word in words] + rows[last.line :])


def _word(word: str, dash: str | None) -> str:
    """A word as YAML has it there, in quotes where it would be something else without."""
    try:
        plain = parse(f"- {word}" if dash else f"[{word}]").value == [word]
    except YamlError:
        plain = False
    return word if plain else json.dumps(word, ensure_ascii=False)
