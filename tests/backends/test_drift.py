"""Facts of two sides, whatever they are about."""

import pytest
from labform.backends.drift import UNSHOWN, Difference, differences, told, words


def test_differences_are_both_sides_in_the_order_of_facts() -> None:
    """What one side lacks is None."""
    declared = {("memory", ""): "1Gi", ("env", "A"): "1", ("user", ""): "1"}
    running = {("memory", ""): "2Gi", ("env", "B"): "2", ("user", ""): "1"}
    assert differences(declared, running) == (
        Difference("env A", "1", None),
        Difference("env B", None, "2"),
        Difference("memory", "1Gi", "2Gi"),
    )


def test_a_list_of_words_is_sorted_and_an_empty_one_is_no_fact() -> None:
    """So that no order counts."""
    assert words("capabilities", ["B", "A"]) == {("capabilities", ""): "A, B"}
    assert words("capabilities", []) == {}


@pytest.mark.parametrize(
    ("value", "declared", "said"),
    [
        ("2", "1", "2"),
        ("2", None, UNSHOWN),
        (f"hf_{'x' * 30}", "1", UNSHOWN),
        (f"hf_{'x' * 30}", f"hf_{'x' * 30}", f"hf_{'x' * 30}"),
    ],
)
def test_a_value_is_told_where_it_is_declared_in_clear(value: str, declared: str | None, said: str) -> None:
    """And does not look like a token, unless that is what is declared."""
    assert told(value, declared) == said
