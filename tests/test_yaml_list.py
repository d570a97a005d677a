"""A list of words edited where it stands: every other byte is as it was."""

import pytest
from labform.problems import LabformError
from labform.yaml_list import edited_list

BLOCK = 'a: 1\nwords:  # why\n  - one   # first\n  - two >=1\n  - "three"\n  - more: [x]\nz: 2\n'


@pytest.mark.parametrize(
    ("text", "words", "added", "after"),
    [
        (BLOCK, {0: "uno"}, [], BLOCK.replace("- one", "- uno")),
        (BLOCK, {1: "two==2", 2: "tre"}, [], BLOCK.replace("two >=1", "two==2").replace('"three"', "tre")),
        (BLOCK, {0: None}, [], BLOCK.replace("  - one   # first\n", "")),
        (BLOCK, {}, ["four"], BLOCK.replace('- "three"\n', '- "three"\n  - four\n')),
        (BLOCK, {2: None}, ["5"], BLOCK.replace('- "three"\n', '- "5"\n')),
        ("words: [one, 'two', three]", {1: "2 b"}, [], "words: [one, 2 b, three]"),
        ("words: [one, two]  # why\n", {0: None}, [], "words: [two]  # why\n"),
        ("words: [one, two]\n", {1: None}, ["x: y"], 'words: [one, "x: y"]\n'),
        ("words:\n- one\n", {0: "a[b], c"}, ["d: e"], 'words:\n- a[b], c\n- "d: e"\n'),
        ("words: [one,\n  two]\n", {1: "a, b"}, [], 'words: [one,\n  "a, b"]\n'),
        ("words:\r\n- one\r\n- two\r\n", {0: "uno"}, ["three"], "words:\r\n- uno\r\n- two\r\n- three\r\n"),
        ("words:\n- one", {}, ["two"], "words:\n- one\n- two\n"),
    ],
)
def test_a_list_is_edited(text: str, words: dict[int, str | None], added: list[str], after: str) -> None:
    """On lines of its own and within brackets; words that would be something else get quotes."""
    assert edited_list(text, ("words",), words, added) == after


@pytest.mark.parametrize(
    ("text", "words", "added"),
    [
        ("words:\n- one\n", {0: None}, []),
        ("words: [one, [two]]\n", {1: "two"}, []),
        ("words: []\n", {}, ["one"]),
    ],
    ids=["the only line", "no word", "nothing to go by"],
)
def test_a_layout_that_cannot_be_edited_is_refused(text: str, words: dict[int, str | None], added: list[str]) -> None:
    """With what to write, rather than with another meaning."""
    with pytest.raises(LabformError, match=r"cannot edit words here; write it by hand: \["):
        edited_list(text, ("words",), words, added)
