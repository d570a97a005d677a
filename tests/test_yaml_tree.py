"""Strict YAML: one reading of a file, with the position of everything."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.yaml_tree import MAX_DEPTH, MAX_DIGITS, YamlError, parse

FILE = """\
lab: ds01
hosts:
  gpu1: {cpus: 64, paths: [/data, /scratch]}
  gpu2:
    cpus: 8
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", "Null"),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("0", 0),
        ("-7", -7),
        ("010", "010"),
        ("0o10", "0o10"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("+1", "+1"),
        ("2027-03-31", "2027-03-31"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("'null'", "null"),
        ('""', ""),
        ("|\n  1\n", "1\n"),
        ("a#b", "a#b"),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    """No word of YAML 1.1 becomes a truth, a number in another base or a date."""
    read = parse(f"key: {text}\n").value["key"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("location", "position"),
    [
        ((), (1, 1)),
        (("lab",), (1, 6)),
        (("hosts",), (2, 1)),
        (("hosts", "gpu1"), (3, 3)),
        (("hosts", "gpu1", "cpus"), (3, 16)),
        (("hosts", "gpu1", "paths"), (3, 27)),
        (("hosts", "gpu1", "paths", 1), (3, 35)),
        (("hosts", "gpu2", "cpus"), (5, 11)),
        (("hosts", "gpu2", "memory"), (4, 3)),
        (("hosts", "docker", "gpu2", "cpus"), (5, 11)),
        (("elsewhere",), (1, 1)),
    ],
)
def test_a_location_has_a_position(location: tuple[str | int, ...], position: tuple[int, int]) -> None:
    """A value is where it starts, a mapping where its key does, and what is missing where its holder is."""
    assert parse(FILE).position(location) == position


def test_the_position_of_a_key_can_be_asked_for() -> None:
    """A fault of a key, such as an unknown one, is shown at the key."""
    assert parse(FILE).position(("hosts", "gpu1", "cpus"), key=True) == (3, 10)
    assert parse(FILE).position(("lab",), key=True) == (1, 1)


def test_a_value_can_be_looked_up() -> None:
    """As far as the file has it."""
    tree = parse(FILE)
    assert tree.at(("hosts", "gpu1", "paths", 1)) == "/scratch"
    assert tree.at(("hosts", "gpu2", "memory")) == {"cpus": 8}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", (1, 1, "empty")),
        ("# comment\n", (2, 1, "empty")),
        ("a: 1\na: 2\n", (2, 1, "duplicate-key")),
        ("a: {b: 1, 'b': 2}\n", (1, 11, "duplicate-key")),
        ("1: a\n'1': b\n", (2, 1, "duplicate-key")),
        ("a: 1\n---\nb: 2\n", (2, 1, "documents")),
        ("a: &x 1\n", (1, 4, "anchor")),
        ("&x a: 1\n", (1, 1, "anchor")),
        ("a: *x\n", (1, 4, "anchor")),
        ("a: {<<: *x}\n", (1, 9, "anchor")),
        ("a: !!str 1\n", (1, 4, "yaml-tag")),
        ("a: ! 1\n", (1, 4, "yaml-tag")),
        ("!!map {a: 1}\n", (1, 1, "yaml-tag")),
        ("? [a]\n: 1\n", (1, 3, "key")),
        ("? {a: 1}\n: 1\n", (1, 3, "key")),
        (f"a: {'9' * (MAX_DIGITS + 1)}\n", (1, 4, "number")),
        ("a: [1\n", (2, 1, "yaml")),
        ("a:\n\tb: 1\n", (2, 1, "yaml")),
        ("a: %x\n", (1, 4, "yaml")),
        ("a: \x00\n", (1, 1, "yaml")),
        ('a: "\\ud800"\n', (1, 7, "yaml")),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text: str, fault: tuple[int, int, str]) -> None:
    """The first fault, with its line and column."""
    with pytest.raises(YamlError) as refused:
        parse(text)
    assert (refused.value.line, refused.value.column, refused.value.problem.code) == fault


@pytest.mark.parametrize(
    ("text", "tab"),
    [("a:\n\tb: 1\n", True), ("a:\n \tb: 1\n", True), ("a: [b\t# c\n", False), ('a: "x\\y" # \t\n', False)],
)
def test_a_tab_is_named_where_it_is_the_fault(text: str, tab: bool) -> None:
    """A tab that indents is what is wrong; a tab elsewhere in the line is not."""
    with pytest.raises(YamlError) as refused:
        parse(text)
    assert ("a tab; indent with spaces" in str(refused.value)) is tab


def test_depth_has_a_limit() -> None:
    """Nesting up to the limit is read; beyond it is an error and no traceback, and an alias bomb is one at once."""
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for text in ("[" * 5000 + "]" * 5000, "{a: " * 5000 + "}" * 5000, "- " * 5000 + "x"):
        with pytest.raises(YamlError, match="nested deeper"):
            parse(text)


def test_a_bomb_of_aliases_costs_nothing() -> None:
    """Nine levels of ten aliases are refused at the first anchor."""
    lines = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    begin = time.perf_counter()
    with pytest.raises(YamlError, match="anchors"):
        parse("\n".join(["l0: &l0 [x]", *lines]))
    assert time.perf_counter() - begin < 1


@given(st.text(alphabet=st.sampled_from("ab: -[]{}#&*!|>'\"%\n\t,?1.~\x00é"), max_size=60))
def test_any_text_is_a_tree_or_an_error_with_a_position(text: str) -> None:
    """Nothing else ever comes out of the parser."""
    try:
        position = parse(text).position(())
    except YamlError as error:
        position = (error.line, error.column)
    assert min(position) >= 1
