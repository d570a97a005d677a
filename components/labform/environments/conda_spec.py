"""Whether a locked package is one that conda's and pixi's words ask for. Pure; what is not understood passes.

conda's documentation, "Package match specifications".
"""

import re
from itertools import zip_longest

_NAME = re.compile(r"(?:[^\s=<>!~]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)")
_TERM = re.compile(r"(?P<sign>[=!<>~]=|[<>=]?)(?P<version>[0-9][A-Za-z0-9_.+-]*?)?(?P<star>\.?\*)?")
_PART = re.compile(r"\d+|[a-z]+")
_Version = list[int | str]


def name_of(word: str) -> str:
    """The name that a word of environment.yml is about, as conda writes it: `conda-forge::NumPy >=2`."""
    match = _NAME.match(word.strip())
    return match[1].lower() if match else word


def versions_of(word: str) -> str:
    """What follows the name in a word, without its build: `numpy =1.26=py312_0`, `numpy >= 2 , <3`."""
    match = _NAME.match(word.strip())
    rest = word.strip()[match.end() :] if match else ""
    together = re.sub(r"\s*([<>=!~,|]+)\s*", r"\1", rest.strip())
    return re.split(r"\s|(?<=[\w.*])=", together, maxsplit=1)[0]


def fits(wanted: str, version: str) -> bool:
    """Whether a version is one of those that are wanted: `>=2,<3|4.*`."""
    if "(" in wanted or "[" in wanted or "!" in version:
        return True
    return any(all(_fits(term.strip(), _parts(version)) for term in one.split(",")) for one in wanted.split("|"))


def _parts(version: str) -> _Version:
    return [int(part) if part.isdigit() else part for part in _PART.findall(version.lower())]


def _fits(term: str, has: _Version) -> bool:
    match = _TERM.fullmatch(term)
    if match is None or not match["version"]:
        return True
    sign, given = match["sign"], _parts(match["version"])
    if sign in ("", "=") or (match["star"] and sign in ("==", "!=")):
        return _begins(has, given) is (sign != "!=")
    order = _order(has, given)
    if order is None:
        return sign not in ("==", "!=") or (has == given) is (sign == "==")
    if sign == "~=":
        return order >= 0 and _begins(has, given[:-1])
    return {"==": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[
        sign
    ]


def _begins(has: _Version, given: _Version) -> bool:
    return [*has, *[0] * (len(given) - len(has))][: len(given)] == given


def _order(has: _Version, given: _Version) -> int | None:
    """Below, at or above 0 as a version is lower, the same or higher; None where letters decide."""
    for one, other in zip_longest(has, given, fillvalue=0):
        if isinstance(one, str) or isinstance(other, str):
            return None
        if one != other:
            return one - other
    return 0
