"""Edits of a stack file as a person would make them: a word, an entry more; comments and layout stay. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from labform.lockfile import flow
from labform.problems import LabformError, suggestion
from labform.yaml_list import offset
from labform.yaml_tree import Node, YamlError, parse

_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,}#]+")
_EMPTY = re.compile(r"([a-z_]+:)[ ]*(?:\{\s*\})?((?:[ ]+#.*)?\r?\n)")
"""The line of a section that has no entry yet, in two parts: without its braces, and its comment."""


def with_state(text: str, project: str, state: Literal["running", "retired"]) -> str:
    """The stack file with a project's `state` set; the same text where it says so already.

    Raises LabformError for a project that the file does not have, or a file whose layout cannot be edited here.
    """
    tree = parse(text)
    projects = tree.children.get("projects", tree)
    node = projects.children.get(project) if projects is not tree else None
    if node is None or not node.keys:
        raise LabformError(f'error[unknown-project] no project "{project}"; {suggestion(project, projects.keys)}')
    if node.value.get("state", "running") == state:
        return text
    said = "state" in node.keys
    edited = _replaced(text, node.children["state"], state) if said else with_field(text, node, f"state: {state}")
    wanted = {**tree.value["projects"], project: {**node.value, "state": state}}
    if not _says(edited, {**tree.value, "projects": wanted}):
        raise LabformError(f"error[layout] cannot edit project {project} here; write state: {state} by hand")
    return edited


def _says(edited: str, wanted: Mapping[str, Any]) -> bool:
    """Whether an edited file is what it was, but for what was edited."""
    try:
        return bool(parse(edited).value == wanted)
    except YamlError:
        return False


def _replaced(text: str, node: Node, state: str) -> str:
    at = offset(text, node.line, node.column)
    return text[:at] + _WORD.sub(state, text[at:], count=1)


def with_field(text: str, node: Node, entry: str) -> str:
    """The text with an entry before a mapping's first: on a line of its own, or within the braces."""
    line, column = min(node.keys.values())
    at = offset(text, line, column)
    flow = (node.line, node.column) != (line, column)
    return text[:at] + entry + (", " if flow else "\n" + " " * (column - 1)) + text[at:]


def with_entry(text: str, section: str, name: str, entry: Mapping[str, Any], *, lines: bool = False) -> str:
    """The stack file with one more entry at the end of a section: on one line, or with `lines` one for each field.

    Raises LabformError where the section has one of that name, or is laid out in a way that cannot be edited here.
    """
    tree = parse(text)
    known = tree.value.get(section) or {}
    if name in known:
        raise LabformError(f"error[exists] {section} has {name} already; give another name")
    node = tree.children.get(section)
    column = min(at for _, at in node.keys.values()) if node and node.keys else 3
    new = _entry(name, entry, column - 1, lines=lines)
    edited = _grown(text, tree, section, new)
    if edited is None or not _says(edited, {**tree.value, section: {**known, name: entry}}):
        raise LabformError(f"error[layout] cannot add to {section} here; write by hand:\n{new}")
    return edited


def _entry(name: str, entry: Mapping[str, Any], indent: int, *, lines: bool) -> str:
    at = " " * indent
    if not lines:
        return f"{at}{flow(name)}: {flow(entry)}\n"
    return f"{at}{flow(name)}:\n" + "".join(f"{at}  {key}: {flow(value)}\n" for key, value in entry.items())


def _grown(text: str, tree: Node, section: str, new: str) -> str | None:
    """The text with new lines at the end of a section; None where that is not a mapping over several lines."""
    rows = text.splitlines(keepends=True)
    if rows and not rows[-1].endswith("\n"):
        rows[-1] += "\n"
    node = tree.children.get(section)
    if node is None:
        return "".join([*rows, f"\n{section}:\n", new])
    line = tree.keys[section][0]
    if not node.keys:
        if not (empty := _EMPTY.fullmatch(rows[line - 1])):
            return None
        return "".join([*rows[: line - 1], *empty.groups(), new, *rows[line:]])
    end = min((at for at, _ in tree.keys.values() if at > line), default=len(rows) + 1) - 1
    # What stands at the margin before the next section is about that one.
    while end > line and (not rows[end - 1].strip() or rows[end - 1].startswith("#")):
        end -= 1
    return "".join([*rows[:end], new, *rows[end:]])
