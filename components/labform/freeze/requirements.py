"""Changes written into requirements files: each line that stays is as it was, to the byte."""

import posixpath
import re
from collections.abc import Iterable, Mapping

from packaging.utils import canonicalize_name

from labform.freeze.packages import Change, Package, parsed, pinned, refusal
from labform.problems import Problem

_COMMENT = re.compile(r"(^|\s+)#.*$", re.DOTALL)
_INCLUDED = re.compile(r"^\s*(-r|--requirement)[\s=]*(?P<name>[^\s#]+)")
_EGG = re.compile(r"#(?:.*&)?egg=(?P<name>[A-Za-z0-9._-]+)")


def edit_requirements(texts: Mapping[str, str], changed: Iterable[Change]) -> tuple[dict[str, str], list[Problem]]:
    """The files with the changes, and a problem for each change that a requirements file cannot say.

    `texts` holds the project's file first, then those it includes, by name. Every changed package becomes an exact
    requirement where it stands, or a new line of the first file; what was removed loses its lines.
    """
    edited, problems = dict(texts), []
    installed = _installed(texts)
    for change in changed:
        places = [name for name, text in edited.items() if any(_name(line) == change.name for line in _logical(text))]
        if problem := refusal(change, declared=bool(installed & {*places})) or _hashed(edited, places, change):
            problems.append(problem)
            continue
        asked = any(_asks(line, change.name) for name in installed & {*places} for line in _logical(edited[name]))
        for name in places:
            edited[name] = "".join(_edited(line, change) for line in _logical(edited[name]))
        # What the image lacks is not installed by a line of a constraints file or of another machine.
        if change.new and not (asked if change.old is None else places):
            main, text = next(iter(edited.items()))
            end = "\r\n" if "\r\n" in text else "\n"
            edited[main] = text + ("" if text.endswith("\n") or not text else end) + f"{_line(change.new)}{end}"
    return edited, problems


def _installed(texts: Mapping[str, str]) -> set[str]:
    """The files whose lines are installed: what `-c` includes only limits them."""
    found, todo = set[str](), list(texts)[:1]
    while todo:
        name = todo.pop()
        if name in texts and name not in found:
            found.add(name)
            folder = posixpath.dirname(name)
            included = filter(None, map(_INCLUDED.match, _logical(texts[name])))
            todo += [posixpath.normpath(posixpath.join(folder, one["name"])) for one in included]
    return found


def _asks(line: str, name: str) -> bool:
    """Whether a line asks for a package on every machine."""
    requirement = parsed(_bare(line))
    return _name(line) == name and not (requirement and requirement.marker)


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
    lines, goes_on = list[str](), False
    for line in text.splitlines(keepends=True):
        if goes_on:
            lines[-1] += line
        else:
            lines.append(line)
        goes_on = line.rstrip("\r\n").endswith("\\") and not line.lstrip().startswith("#")
    return lines


def _bare(line: str) -> str:
    """A line without its comment, options and continuations."""
    return _COMMENT.sub("", re.sub(r"\\\r?\n", " ", line)).split(" --")[0].strip()


def _name(line: str) -> str | None:
    """The normalised name of the package that a line asks for; of a bare address, the one that it gives."""
    bare = _bare(line)
    if requirement := parsed(bare):
        return canonicalize_name(requirement.name)
    egg = _EGG.search(bare)
    return canonicalize_name(egg["name"]) if egg else None


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
