"""Durations and decimals as Go writes them, which is how they stand in a state."""

import re
from fractions import Fraction

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
"""Nanoseconds in each unit of Go's `time.ParseDuration`."""


_DECIMALS = 9
"""The digits after the point of a billionth."""


def nanoseconds(text: str) -> int:
    """Read a duration such as `1m30s`; what can't be read counts as 0, as in the plugin."""
    parts = re.findall(r"([\d.]+)([a-zµ]+)", text)
    if "".join(number + unit for number, unit in parts) != text:
        return 0
    return int(sum(Fraction(number) * _UNITS.get(unit, 0) for number, unit in parts))


def duration(nanos: int) -> str:
    """Write a duration: `0s`, `1.5s`, `1m0s`, `250ms`."""
    for unit in ("ns", "µs", "ms"):
        if 0 < nanos < 1000 * _UNITS[unit]:
            return f"{_decimal(Fraction(nanos, _UNITS[unit]))}{unit}"
    minutes, rest = divmod(nanos, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(Fraction(rest, _UNITS['s']))}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def cpus(nanos: int) -> str:
    """Write billionths of a CPU as the plugin does, with its rounding: `1.5`, `2.0`, `10.`."""
    text = f"{nanos // 10**9}.{nanos % 10**9:09d}"
    if text.count("0") == _DECIMALS:
        tenths = (nanos + 5 * 10**7) // 10**8
        return f"{tenths // 10}.{tenths % 10}"
    return text.rstrip("0")


def nano_cpus(text: str) -> int:
    """Read a number of CPUs."""
    return int(Fraction(text) * 10**9)


def _decimal(value: Fraction) -> str:
    """Write a fraction without trailing zeros."""
    return f"{float(value):.9f}".rstrip("0").rstrip(".")
