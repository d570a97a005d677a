"""No mutation of a stack file is more than a readable error."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from labform.loading import load
from labform.problems import LabformError
from labform.yaml_tree import parse

ROOT = Path(__file__).parents[1]
DEV = (ROOT / "stacks" / "dev.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
BYTES = "".join(DEV).encode()
WORDS = [
    b"",
    b"\t",
    b"\xff",
    b"\x00",
    b"&a ",
    b"*a",
    b"!!x ",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"'",
    b'"',
    b"#",
    b"null",
    b"true",
    b"-1",
]
WORDS += [
    b"9" * 50,
    b"1e999",
    b"<<: ",
    b"? ",
    b"%x",
    b"---\n",
    b"...\n",
    b"|\n",
    "ü".encode(),
    b"../",
    b"/",
    b"\\0",
    b"env: {A: 1}\n",
]


def survives(data: bytes, folder: Path) -> None:
    """Loading gives a lab or a LabformError with a message, whatever the bytes are."""
    path = folder / "dev.yaml"
    path.write_bytes(data)
    try:
        load(path)
    except LabformError as error:
        message = str(error)
    else:
        message = str(path)
    assert message.startswith(str(path))
    assert "Traceback" not in message


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for mutations of the example lab, below a repository that has none of its projects."""
    root = tmp_path_factory.mktemp("fuzz")
    (root / ".git").mkdir()
    (root / "stacks").mkdir()
    return root / "stacks"


@settings(max_examples=150)
@given(st.integers(0, len(BYTES)), st.integers(0, 12), st.sampled_from(WORDS))
@example(0, len(BYTES), b"")
def test_no_change_of_bytes_is_more_than_an_error(fuzzed: Path, at: int, length: int, word: bytes) -> None:
    """Bytes of the example lab are deleted and replaced anywhere: never a traceback."""
    survives(BYTES[:at] + word + BYTES[at + length :], fuzzed)


@settings(max_examples=150)
@given(st.data())
def test_no_change_of_lines_is_more_than_an_error(fuzzed: Path, data: st.DataObject) -> None:
    """Lines are deleted, doubled, exchanged and moved in, several at once."""
    lines = [*DEV]
    for _ in range(data.draw(st.integers(1, 4))):
        at, other = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["delete", "double", "exchange", "indent"]))
        if change == "delete":
            del lines[at]
        elif change == "double":
            lines.insert(other, lines[at])
        elif change == "exchange":
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] = data.draw(st.sampled_from(["  ", "\t", " "])) + lines[at]
    survives("".join(lines).encode(), fuzzed)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 70000)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "docker", "uv", "b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["kind", "path", "owner", "a", ""]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(st.data())
def test_no_value_in_any_place_is_more_than_an_error(fuzzed: Path, data: st.DataObject) -> None:
    """Any value of the example lab is replaced by any other shape."""
    tree = parse("".join(DEV)).value
    at, holder = tree, None
    while isinstance(at, (dict, list)) and at and data.draw(st.booleans() if holder else st.just(value=True)):
        key = data.draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.integers(0, len(at) - 1))
        holder, at = (at, key), at[key]
    assert holder is not None
    holder[0][holder[1]] = data.draw(VALUES)
    survives(json.dumps(tree).encode(), fuzzed)
