"""What containers hold, read from their inputs: GPUs by id, and what each person asks for together."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

from labform.naming import OWNER_LABEL
from labform.plan import pods
from labform.plan.digest import Resource, labels_in
from labform.plan.page import GpuMove

_MIB = 1024**2


def held(inputs: Mapping[str, Any]) -> list[str]:
    """The ids of a container's GPUs, in either form of a request."""
    requests = inputs.get("deviceRequests")
    known = [one for one in requests if isinstance(one, dict)] if isinstance(requests, list) else []
    return sorted(str(gpu).rpartition("=")[2] for one in known for gpu in one.get("deviceIds") or [])


def handed_over(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Iterator[GpuMove]:
    """Of devices that are alike, how many change hands; rows as `gpu_table` has them, in the order of kinds."""
    sides: list[dict[tuple[str, str], list[str | None]]] = [defaultdict(list), defaultdict(list)]
    hosts: dict[tuple[str, str], str] = {}
    for side, rows in zip(sides, (before, after), strict=True):
        for row in rows:
            side[row["gpu"], row["model"]].append(row["holder"])
            hosts[row["gpu"], row["model"]] = row["host"]
    for kind in sorted(hosts):
        had, has = (Counter(side[kind]) for side in sides)
        gone, come = (sorted(one.elements(), key=lambda name: (name is None, name)) for one in (had - has, has - had))
        for was, now in zip_longest(gone, come):
            if was != now:
                yield GpuMove(hosts[kind], *kind, was, now)


def asked(containers: Iterable[Resource], *, new: bool) -> dict[str, dict[str, Decimal]]:
    """By person and kind, what their containers ask for on one side."""
    total: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for one in containers:
        inputs = one.new if new else one.old
        if inputs:
            person = labels_in(inputs).get(OWNER_LABEL, "nobody")
            in_cluster = pods.is_workload(one.type)
            total[person]["gpus"] += sum(pods.gpus(inputs).values()) if in_cluster else len(held(inputs))
            total[person]["cpus"] += pods.amount(inputs, "cpu") if in_cluster else _number(inputs.get("cpus"))
            memory = pods.amount(inputs, "memory") if in_cluster else _number(inputs.get("memory")) * _MIB
            total[person]["memory"] += memory
            total[person]["projects"] += 1
    return total


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)
