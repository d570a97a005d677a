"""Edits of a stack file as a person would make them: one word changes, comments and layout stay. Pure."""

import re
from typing import Literal

from labform.problems import LabformError, suggestion
from labform.yaml_list import offset
from labform.yaml_tree import Node, YamlError, parse

_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,}#]+")


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
    edited = _replaced(text, node.children["state"], state) if said else with_entry(text, node, f"state: {state}")
    if not _says(edited, tree, project, state):
        raise LabformError(f"error[layout] cannot edit project {project} here; write state: {state} by hand")
    return edited


def _says(edited: str, before: Node, project: str, state: str) -> bool:
    """Whether an edited file is what it was, but for the one state."""
    projects = before.value["projects"]
    wanted = before.value | {"projects": projects | {project: projects[project] | {"state": state}}}
    try:
        return bool(parse(edited).value == wanted)
    except YamlError:
        return False


def _replaced(text: str, node: Node, state: str) -> str:
    at = offset(text, node.line, node.column)
    return text[:at] + _WORD.sub(state, text[at:], count=1)


def with_entry(text: str, node: Node, entry: str) -> str:
    """The text with an entry before a mapping's first: on a line of its own, or within the braces."""
    line, column = min(node.keys.values())
    at = offset(text, line, column)
    flow = (node.line, node.column) != (line, column)
    return text[:at] + entry + (", " if flow else "\n" + " " * (column - 1)) + text[at:]
