"""Changes written into conda's environment.yml: comments and layout stay."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, parsed, pinned, refusal
from labform.problems import LabformError, Problem
from labform.yaml_list import edited_list
from labform.yaml_tree import YamlError, parse

_SPEC = re.compile(r"^(?P<channel>[^\s]+::)?(?P<name>[A-Za-z0-9_.-]+)")


def edit_environment(text: str, conda: Iterable[Change], pip: Iterable[Change]) -> tuple[str, list[Problem]]:
    """The file with the changes, and a problem for each change that it cannot say.

    A changed package becomes an exact requirement where it stands, or a new one of its list, conda's or pip's.
    """
    problems: list[Problem] = []
    try:
        for changed, of_pip in ((conda, False), (pip, True)):
            for change in changed:
                edited, problem = _edited(text, change, of_pip=of_pip)
                text, problems = edited, [*problems, problem] if problem else problems
    except (YamlError, LabformError) as error:
        problems.append(Problem(("environment.yml",), "layout", str(error).removeprefix("error[layout] ")))
    return text, problems


def _edited(text: str, change: Change, *, of_pip: bool) -> tuple[str, Problem | None]:
    listed = parse(text).value["dependencies"]
    words = list(_words(listed, of_pip=of_pip))
    places = [(at, word) for at, word in words if _name(word, of_pip=of_pip) == change.name]
    if problem := refusal(change, declared=bool(places)) or _folder(change):
        return text, problem
    for at, word in reversed(places):
        exact = _pip_word if of_pip else _conda_word
        words_now = {at[-1]: exact(word, change.new) if change.new else None}
        text = edited_list(text, ("dependencies", *at[:-1]), words_now)
    if places or change.new is None:
        return text, None
    added = f"{change.new.name}{change.new.source}"
    below = next((at[:-1] for at, _ in words), None if of_pip else ())
    if below is None:
        return _with_pip(text, added), None
    return edited_list(text, ("dependencies", *below), {}, [added]), None


def _folder(change: Change) -> Problem | None:
    if change.new is None or not change.new.local:
        return None
    hint = "an environment.yml names packages of channels and indexes; make its image with kind: pip or uv"
    return Problem((change.name,), "not-in-image", f"is installed from {change.new.url}", hint)


def _words(listed: Sequence[Any], *, of_pip: bool) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The words of one of the two lists, each with its place below `dependencies`."""
    for index, one in enumerate(listed):
        if isinstance(one, dict) and of_pip:
            yield from (((index, "pip", place), str(word)) for place, word in enumerate(one.get("pip") or ()))
        elif isinstance(one, str) and not of_pip:
            yield (index,), one


def _name(word: str, *, of_pip: bool) -> str | None:
    if of_pip:
        requirement = parsed(word)
        return canonicalize_name(requirement.name) if requirement else None
    match = _SPEC.match(word)
    return match["name"].lower() if match else None


def _pip_word(word: str, package: Package) -> str:
    requirement = parsed(word)
    return pinned(requirement, package) if requirement else f"{package.name}{package.source}"


def _conda_word(word: str, package: Package) -> str:
    match = _SPEC.match(word)
    return f"{(match and match['channel']) or ''}{package.name}=={package.version}"


def _with_pip(text: str, word: str) -> str:
    """The file with a list for pip at the end of its dependencies."""
    items = parse(text).children["dependencies"].children
    last = max((item for item in items.values()), key=lambda item: item.line)
    rows = text.splitlines(keepends=True)
    row = rows[last.line - 1]
    dash = row[: last.column - 1]
    if dash.strip() != "-":
        raise LabformError(f"error[layout] dependencies has no list for pip; write pip: [{word}] there")
    ending = row[len(row.rstrip("\r\n")) :] or "\n"
    rows[last.line - 1] = row.rstrip("\r\n") + ending
    lines = [f"{dash}pip:{ending}", f"{' ' * len(dash)}  - {word}{ending}"]
    return "".join(rows[: last.line] + lines + rows[last.line :])
