"""Amounts as Kubernetes writes them: `500m`, `16Gi`, `2`. Pure."""

import re
from decimal import Decimal
from typing import Any

_WRITTEN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,2}))?([A-Za-z]*)")
_TIMES: dict[str, int] = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate(("K", "M", "G", "T", "P", "E"), start=1)},
}
_PARTS = {"m": 10**3, "u": 10**6, "n": 10**9}
"""The suffixes of an amount, multiples and fractions: apimachinery, pkg/api/resource/suffix.go."""


def quantity(value: Any) -> Decimal:
    """CPUs, bytes or a count; 0 for what is no amount."""
    match = _WRITTEN.fullmatch(str(value))
    if match is None or match[3] not in {*_TIMES, *_PARTS}:
        return Decimal(0)
    number = Decimal(match[1]).scaleb(int(match[2] or 0))
    return number * _TIMES.get(match[3], 1) / _PARTS.get(match[3], 1)
