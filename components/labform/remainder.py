"""What is left of a stack file without its faulty entries, so that the rest is checked in the same run. Pure."""

from collections.abc import Iterable
from typing import Any

from labform.problems import Location

_SECTIONS = ("bases", "groups", "people", "volumes", "retired", "projects")
"""The sections whose entries stand for themselves; what is wrong elsewhere is wrong for all."""


def remainder(data: Any, faults: Iterable[Location]) -> dict[str, Any] | None:
    """The file without each entry that has a fault or names such an entry, so that nothing left misses anything.

    None where a fault is not within an entry, or where the lab itself names one that has a fault.
    """
    dropped = {location[:2] for location in faults}
    if any(len(place) < 2 or place[0] not in _SECTIONS for place in dropped):
        return None
    named = {(section, key): _words(one) for section in _SECTIONS for key, one in _entries(data, section).items()}
    while more := {place for place in named if place not in dropped and named[place] & {name for _, name in dropped}}:
        dropped |= more
    rest = {section: content for section, content in data.items() if section not in _SECTIONS}
    if _words(rest) & {name for _, name in dropped}:
        return None
    for section in _SECTIONS:
        kept = {key: one for key, one in _entries(data, section).items() if (section, key) not in dropped}
        rest |= {section: kept} if section in data else {}
    return rest


def _entries(data: dict[str, Any], section: str) -> dict[str, Any]:
    entries: dict[str, Any] = data.get(section) or {}
    return entries


def _words(value: Any) -> set[str | int]:
    """Every text in a value, keys too."""
    if isinstance(value, dict):
        return {*value}.union(*map(_words, value.values()))
    if isinstance(value, list):
        return set().union(*map(_words, value))
    return {value} if isinstance(value, str) else set()
