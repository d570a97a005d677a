"""What differs between two locks: as faults, where a lab needs another one, and as lines, where it was written anew."""

from collections.abc import Iterator, Mapping

from labform.declaration import Declaration
from labform.lockfile import Lock, LockedApt
from labform.problems import Location, Problem

_SHOWN = 12
"""Digits of a digest or commit that a line shows: as many as git and docker do."""


def differences(lock: Lock, wanted: Lock, command: str, ended: Mapping[str, str]) -> list[Problem]:
    """Each entry that is missing, stale or no longer needed, located in the stack file as far as it is there.

    `ended` says by project why it does not keep what the lock gave it.
    """
    found: list[Problem] = []
    for section in ("images", "sources", "apt", "volumes", "projects"):
        have, want = getattr(lock, section), getattr(wanted, section)
        for key in sorted({*have, *want}):
            if have.get(key) == want.get(key):
                continue
            reason = f": {ended[key]}" if section == "projects" and key in ended else ""
            said = f"{_difference(have.get(key), want.get(key))}{reason}"
            location, what = _place(section, key)
            found.append(Problem(location, "stale-lock", what + said, f"run `{command}`"))
    return found


def _place(section: str, key: str) -> tuple[Location, str]:
    """Where in the stack file an entry belongs, and the words that name it where it has no place there."""
    if section == "apt":
        kind, _, name = key.rpartition("/")
        return (kind or "projects", name, "environment", "apt"), ""
    return ((section, key), "") if section not in {"images", "sources"} else ((), f"{key}: ")


def _difference(have: Declaration | str | None, want: Declaration | str | None) -> str:
    if have is None:
        return "is not in the lock"
    if want is None:
        return "the lock has it still"
    if isinstance(have, str) or isinstance(want, str):
        return f"the lock has {have}, it should be {want}"
    return f"the lock has {', '.join(_fields(have, want))}"


def _fields(have: Declaration, want: Declaration) -> Iterator[str]:
    """What differs: `host gpu1, now gpu2`."""
    for name in type(have).model_fields:
        old, new = getattr(have, name), getattr(want, name)
        if old != new:
            yield f"{name} {_word(old)}, now {_word(new)}"


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    if isinstance(value, Mapping):
        return f"[{', '.join(f'{name}={version}' if version else name for name, version in value.items())}]"
    return "none" if value is None else str(value)


def moves(old: Lock, new: Lock) -> Iterator[str]:
    """What other digests, commits and versions a new lock has, a line for each: `debian:12: 3be3c43cd7ee -> 1a2b…`."""
    for section in ("images", "sources"):
        before, after = getattr(old, section), getattr(new, section)
        for key in sorted({*before} & {*after}):
            if before[key] != after[key]:
                yield f"{key}: {_short(before[key])} -> {_short(after[key])}"
    for entry in sorted({*old.apt} & {*new.apt}):
        for line in _versions(old.apt[entry], new.apt[entry]):
            yield f"{entry}: apt {line}"


def _short(reference: str) -> str:
    return reference.rpartition(":")[2][:_SHOWN]


def _versions(old: LockedApt, new: LockedApt) -> Iterator[str]:
    for name in sorted({*old.packages} & {*new.packages}):
        if old.packages[name] != new.packages[name]:
            yield f"{name} {old.packages[name]} -> {new.packages[name]}"
