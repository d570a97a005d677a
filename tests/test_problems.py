"""Problems: one line each, for any text, with the nearest word where there is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.problems import LabformError, Problem, ProblemsError, brief, suggestion


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem((), "empty", "the file is empty"), "error[empty] the file is empty"),
        (Problem(("a", 0, "b"), "x", "no"), "error[x] a.0.b: no"),
        (Problem(("a",), "x", "no", "write b"), "error[x] a: no; write b"),
        (Problem(("a\nb",), "x", "\x1b[31mred\r\n", "…é"), "error[x] a\\nb: \\x1b[31mred\\r\\n; …é"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    """Code, location, message and hint; what a terminal would obey is shown as what it is."""
    assert str(problem) == line


@given(st.text(), st.text(), st.text())
def test_no_text_makes_a_second_line(key: str, message: str, hint: str) -> None:
    """Whatever was pasted into a file."""
    assert str(Problem((key,), "x", message, hint)).isprintable()


@pytest.mark.parametrize(
    ("given_", "allowed", "hint"),
    [
        ("dockerr", ["docker", "kubernetes"], 'did you mean "docker"?'),
        ("paht", ["path", "owner"], 'did you mean "path"?'),
        ("devices", ["service", "env"], "allowed: env, service"),
        ("x", ["b", "a"], "allowed: a, b"),
        ("x", [], "none is declared"),
        (7, ["seven"], "allowed: seven"),
    ],
)
def test_a_suggestion_is_the_nearest_word_or_all(given_: object, allowed: list[str], hint: str) -> None:
    """A word that is not near is no suggestion."""
    assert suggestion(given_, allowed) == hint


def test_a_long_text_is_cut() -> None:
    """And a short one is not."""
    assert (brief("short"), brief("x" * 500)) == ("short", "x" * 120 + "…")


def test_an_error_keeps_its_problems_as_data() -> None:
    """Programs read the problems, people the lines."""
    problem = Problem(("a",), "x", "no")
    error = ProblemsError([problem], ["file:1:1: line one", "line two"])
    assert isinstance(error, LabformError)
    assert (error.problems, str(error)) == ((problem,), "file:1:1: line one\nline two")
