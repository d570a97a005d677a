"""What containers hold, read from their inputs: GPUs by id, and what each person asks for together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from labform.plan.digest import Resource

_MIB = 1024**2


def held(inputs: Mapping[str, Any]) -> list[str]:
    """The ids of a container's GPUs, in either form of a request."""
    requests = inputs.get("deviceRequests")
    known = [one for one in requests if isinstance(one, dict)] if isinstance(requests, list) else []
    return sorted(str(gpu).rpartition("=")[2] for one in known for gpu in one.get("deviceIds") or [])


def asked(containers: Iterable[Resource], *, new: bool) -> dict[str, dict[str, Decimal]]:
    """By person and kind, what their containers ask for on one side."""
    total: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for one in containers:
        inputs = one.new if new else one.old
        if inputs:
            person = _owner(inputs)
            total[person]["gpus"] += len(held(inputs))
            total[person]["cpus"] += _number(inputs.get("cpus"))
            total[person]["memory"] += _number(inputs.get("memory")) * _MIB
            total[person]["projects"] += 1
    return total


def _owner(inputs: Mapping[str, Any]) -> str:
    labels = inputs.get("labels")
    found = [one for one in labels if isinstance(one, dict)] if isinstance(labels, list) else []
    return next((str(one.get("value")) for one in found if one.get("label") == "labform.owner"), "nobody")


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)
