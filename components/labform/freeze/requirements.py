"""Changes written into requirements files: each line that stays is as it was, to the byte."""

import re
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, parsed, pinned, refusal
from labform.problems import Problem

_COMMENT = re.compile(r"(^|\s+)#.*$", re.DOTALL)
_EDITABLE = re.compile(r"^\s*(-e|--editable)[\s=]+")
_EGG = re.compile(r"#(?:.*&)?egg=(?P<name>[A-Za-z0-9._-]+)")


def edit_requirements(texts: Mapping[str, str], changed: Iterable[Change]) -> tuple[dict[str, str], list[Problem]]:
    """The files with the changes, and a problem for each change that a requirements file cannot say.

    `texts` holds the project's file first, then those it includes, by name. Every changed package becomes an exact
    requirement where it stands, or a new line of the first file; what was removed loses its lines.
    """
    edited, problems = dict(texts), []
    for change in changed:
        places = [name for name, text in edited.items() if any(_name(line) == change.name for line in _logical(text))]
        if problem := refusal(change, declared=bool(places)) or _hashed(edited, places, change):
            problems.append(problem)
            continue
        for name in places:
            edited[name] = "".join(_edited(line, change) for line in _logical(edited[name]))
        if not places and change.new:
            main, text = next(iter(edited.items()))
            edited[main] = text + ("" if text.endswith("\n") or not text else "\n") + f"{_line(change.new)}\n"
    return edited, problems


def _hashed(texts: Mapping[str, str], places: list[str], change: Change) -> Problem | None:
    name = next((one for one in places or list(texts)[:1] if "--hash" in texts[one]), None)
    if name is None:
        return None
    hint = "write the change where it is compiled from, and compile it again"
    return Problem((change.name,), "hashed", f"{name} holds hashes, and the change has none: {change}", hint)


def _line(package: Package) -> str:
    if package.path:
        return f"-e {package.path}" if package.editable else package.path
    return f"{package.name}{package.source}"


def _logical(text: str) -> list[str]:
    """The file in logical lines: one that ends with a backslash goes on."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if lines and lines[-1].rstrip("\r\n").endswith("\\"):
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _bare(line: str) -> str:
    """A line without its comment, options and continuations."""
    return _COMMENT.sub("", re.sub(r"\\\r?\n", " ", line)).split(" --")[0].strip()


def _name(line: str) -> str | None:
    """The normalised name of the package that a line asks for."""
    if editable := _EDITABLE.match(line):
        egg = _EGG.search(line[editable.end() :])
        return canonicalize_name(egg["name"]) if egg else None
    requirement = parsed(_bare(line))
    return canonicalize_name(requirement.name) if requirement else None


def _edited(line: str, change: Change) -> str:
    """A line as it was, or with the package's new source: its extras, marker, comment and line end stay."""
    if _name(line) != change.name:
        return line
    if change.new is None:
        return ""
    content = line.rstrip("\r\n")
    comment = _COMMENT.search(content)
    requirement = None if change.new.path else parsed(_bare(line))
    text = pinned(requirement, change.new) if requirement else _line(change.new)
    return text + (comment.group() if comment else "") + line[len(content) :]
