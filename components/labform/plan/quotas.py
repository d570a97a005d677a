"""What people use together before and after a change, beside their limits."""

from labform.loading import StackFile
from labform.people import UNLIMITED
from labform.plan.page import Quota
from labform.quotas import quotas as usage_of

NOTHING = "0"


def compared(before: StackFile | None, after: StackFile) -> tuple[Quota, ...]:
    """A row for each person and kind whose amount or limit changes."""
    old, new = _rows(before) if before else {}, _rows(after)
    found = []
    for person, kind in sorted({*old, *new}):
        was, now = old.get((person, kind)), new.get((person, kind))
        limits = dict.fromkeys(side["limit"] if side else UNLIMITED for side in (was, now) if side or before)
        row = Quota(person, kind, was["used"] if was else NOTHING, now["used"] if now else NOTHING, " → ".join(limits))
        if row.before != row.after or len(limits) > 1:
            found.append(row)
    return tuple(found)


def _rows(side: StackFile) -> dict[tuple[str, str], dict[str, str]]:
    rows = [one.row() for one in usage_of(side.lab, side.lock.placements()).usage]
    return {(row["person"], row["kind"]): row for row in rows}
