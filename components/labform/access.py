"""People whose access has ended and who still hold something. Pure: the day is the caller's, never the clock's."""

import datetime as dt
from collections.abc import Iterator

from labform.declaration import size_text
from labform.problems import Problem
from labform.stack_file import LabArgs
from labform.volumes import ClaimVolume, ManagedVolume, Volume


def ended(lab: LabArgs, day: dt.date) -> Iterator[Problem]:
    """One problem for each person whose `until` is before a day and who owns a running project or a volume."""
    for name, person in sorted(lab.people.items()):
        if person.until is None or person.until >= day:
            continue
        projects = [key for key, one in lab.running().items() if one.owner == name]
        volumes = sorted(_described(key, one) for key, one in lab.volumes.items() if _owned(one, name))
        if projects or volumes:
            held = [f"runs {', '.join(projects)}"] * bool(projects) + [f"keeps {', '.join(volumes)}"] * bool(volumes)
            message = f"access ended on {person.until}, and {name} still {' and '.join(held)}"
            steps = ["write state: retired"] * bool(projects)
            steps += ["move the volumes to retired:"] * bool(volumes)
            hint = f"{', '.join(steps)}, or write a date from {day} on"
            yield Problem(("people", name, "until"), "access-ended", message, hint)


def _owned(volume: Volume, name: str) -> bool:
    return isinstance(volume, (ManagedVolume, ClaimVolume)) and volume.owner == name


def _described(key: str, volume: Volume) -> str:
    size = volume.size if isinstance(volume, ManagedVolume) else None
    return f"{key} ({size_text(size)})" if size else key
