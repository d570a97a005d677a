"""Debian packages written under `apt:` in a stack file: its comments and layout stay."""

import re
from collections.abc import Sequence

from labform.editing import with_field
from labform.freeze.packages import Change
from labform.problems import LabformError, Location, Problem
from labform.yaml_list import check_list, edited_list, offset, span
from labform.yaml_tree import Node, parse


def edit_apt(text: str, project: str, changed: Sequence[Change]) -> tuple[str, list[Problem]]:
    """The stack file with the changed packages, each with its version, and a problem for each change it cannot say.

    A new package that nobody asked for came with another one, and is left to that.
    """
    at: Location = ("projects", project, "environment", "apt")
    problems = []
    for change in changed:
        if change.old is None and change.new and not change.new.requested:
            continue
        try:
            text = _edited(text, at, change)
        except LabformError as error:
            wanted = f"{change.name}={change.new.version}" if change.new else change.name
            hint = f"{'write' if change.new else 'leave out'} apt: [{wanted}] in projects.{project}.environment"
            problems.append(Problem((change.name,), "apt", f"Debian package {change}: {error}", hint))
    return text, problems


def _edited(text: str, at: Location, change: Change) -> str:
    before = environment = parse(text)
    for part in at[:-1]:
        environment = environment.children[part]
    listed = environment.value.get("apt") or []
    places = [place for place, word in enumerate(listed) if word.partition("=")[0] == change.name]
    if change.new is None and not places:
        raise LabformError("no stack file can leave out what an image has")
    word = f"{change.name}={change.new.version}" if change.new else None
    if listed:
        return edited_list(text, at, dict.fromkeys(places, word), [] if places or word is None else [word])
    edited = _with_first(text, environment, f"[{word}]")
    check_list(edited, before, at, [word])
    return edited


def _with_first(text: str, environment: Node, words: str) -> str:
    """The text with a list where there is an empty one, or none."""
    if "apt" in environment.keys:
        start = offset(text, environment.children["apt"].line, environment.children["apt"].column)
        blank = " " if text[:start].endswith(":") else ""
        return text[:start] + re.sub(r"^(\[\s*\])?", blank + words, text[start:])
    last = environment.children[max(environment.keys, key=lambda key: environment.keys[key])]
    in_lines = (environment.line, environment.column) == min(environment.keys.values())
    if in_lines or not isinstance(last.value, str):
        return with_field(text, environment, f"apt: {words}")
    end = span(text, last)[1]
    return text[:end] + f", apt: {words}" + text[end:]
