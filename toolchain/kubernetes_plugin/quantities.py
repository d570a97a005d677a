"""Quantities in their canonical spelling, as Go's `resource.Quantity` writes them: `1024Mi` is `1Gi`."""

import re
from decimal import Decimal, InvalidOperation

BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
SPELLING = re.compile(r"([+-]?[0-9.]+)([a-zA-Z]*)")


def canonical(text: str) -> str:
    """Return the shortest spelling of a quantity with its kind of suffix; anything else as it is."""
    found = SPELLING.fullmatch(text)
    if not found:
        return text
    digits, suffix = found.groups()
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return text
    if suffix in BINARY[1:]:
        return _written(number * 1024 ** BINARY.index(suffix), 1024, BINARY, 0) or text
    if suffix in DECIMAL:
        exact = number * Decimal(1000) ** (DECIMAL.index(suffix) - 3)
        return _written(exact * 1000**3, 1000, DECIMAL, 0) or text
    return text


def _written(units: Decimal, base: int, suffixes: tuple[str, ...], place: int) -> str:
    """Write a number of the smallest unit with the largest suffix that leaves it whole."""
    if units != units.to_integral_value():
        return ""
    whole = int(units)
    if whole == 0:
        return "0"
    while whole % base == 0 and place + 1 < len(suffixes):
        whole, place = whole // base, place + 1
    return f"{whole}{suffixes[place]}"
