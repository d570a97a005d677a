"""Amounts as the API server and people write them."""

from decimal import Decimal
from typing import Any

import pytest
from labform.backends.kubernetes.quantity import quantity


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        *(("0", "0"), ("2", "2"), ("0.5", "0.5"), ("500m", "0.5"), ("3920m", "3.92"), ("100n", "1e-7"), (4, "4")),
        *(("16Gi", str(16 * 1024**3)), ("64Mi", str(64 * 1024**2)), ("1.5k", "1500"), ("2M", "2000000")),
        *(("1E", str(10**18)), ("1Ei", str(1024**6)), ("1e3", "1000"), ("12E-1", "1.2")),
    ],
)
def test_an_amount_is_a_number(written: Any, amount: str) -> None:
    """Whatever its suffix, and exactly; CPUs without the zeros that a unit brings."""
    assert quantity(written) == Decimal(amount)
    assert f"{quantity('3920m'):f}" == "3.92"


@pytest.mark.parametrize("written", ["", "m", ".", "1.2.3", "-1", "1Xi", "16 Gi", "1e999999999", "NaN", None, [], {}])
def test_what_is_no_amount_is_none(written: Any) -> None:
    """A page of somebody's preview may hold anything."""
    assert quantity(written) == 0
