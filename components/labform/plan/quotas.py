"""What people's projects ask for together, before and after a change, beside the limits of their groups."""

from collections import defaultdict
from decimal import Decimal

from labform.declaration import size_text
from labform.plan.page import Quota
from labform.stack_file import LabArgs

KINDS = ("gpus", "cpus", "memory", "projects")


def quotas(before: LabArgs | None, after: LabArgs) -> tuple[Quota, ...]:
    """A row for each person and kind whose amount or limit changes."""
    old, new = (_used(before) if before else {}), _used(after)
    rows = []
    for person in sorted({*old, *new}):
        for kind in KINDS:
            was, now = old.get(person, {}).get(kind, Decimal(0)), new.get(person, {}).get(kind, Decimal(0))
            limits = [_limit(lab, person, kind) for lab in (before or after, after)]
            if was != now or limits[0] != limits[1]:
                limit = " → ".join(dict.fromkeys(amount_text(kind, one) for one in limits))
                rows.append(Quota(person, kind, amount_text(kind, was), amount_text(kind, now), limit))
    return tuple(rows)


def _used(lab: LabArgs) -> dict[str, dict[str, Decimal]]:
    used: dict[str, dict[str, Decimal]] = {person: defaultdict(Decimal) for person in lab.people}
    for name, project in lab.running().items():
        limits, count = lab.limits(name), project.gpus if isinstance(project.gpus, int) else project.gpus.count
        amounts: dict[str, int | Decimal] = {"gpus": count, "cpus": limits.cpus, "memory": limits.memory, "projects": 1}
        for kind, amount in amounts.items():
            used.setdefault(project.owner, defaultdict(Decimal))[kind] += amount
    return used


def _limit(lab: LabArgs, person: str, kind: str) -> Decimal | None:
    known = lab.people.get(person)
    group = lab.groups.get(known.group or "") if known else None
    limit = getattr(group, kind, None)
    return None if limit is None else Decimal(limit)


def amount_text(kind: str, amount: Decimal | None) -> str:
    """An amount in the unit of its kind; `no limit` for None."""
    if amount is None:
        return "no limit"
    return size_text(int(amount)) if kind == "memory" and amount else f"{amount.normalize():f}"
