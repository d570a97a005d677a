"""The scalar types of stack files: what they accept, what they hold, and how they are written back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform import declaration
from labform.declaration import Cpus, Declaration, Duration, HostPath, ImageName, Name, RelativePath, Size, mebibytes
from pydantic import TypeAdapter, ValidationError


def read(kind: Any, value: object) -> Any:
    """A value as a stack file's field would hold it."""
    return TypeAdapter(kind).validate_python(value, strict=True)


def message(kind: Any, value: object) -> str:
    """What a field says about a value that it refuses."""
    with pytest.raises(ValidationError) as refused:
        read(kind, value)
    return str(refused.value.errors()[0]["msg"])


def assert_says_something(error: ValidationError) -> None:
    """An error has a message, and no more than one for one value."""
    assert [bool(one["msg"]) for one in error.errors()] == [True]


class Book(Declaration):
    """A declaration for these tests."""

    title: str
    """What it is called."""
    pages: int = 1
    """How many it has."""


@pytest.mark.parametrize(
    ("text", "count", "back"),
    [
        ("1Mi", 1024**2, "1Mi"),
        ("512Mi", 512 * 1024**2, "512Mi"),
        ("16Gi", 16 * 1024**3, "16Gi"),
        ("1024Mi", 1024**3, "1Gi"),
        ("1.5Ti", 3 * 1024**4 // 2, "1536Gi"),
        ("0.5Gi", 512 * 1024**2, "512Mi"),
        ("1024Ki", 1024**2, "1Mi"),
        ("2Pi", 2 * 1024**5, "2Pi"),
        (16 * 1024**3, 16 * 1024**3, "16Gi"),
    ],
)
def test_a_size_is_bytes_and_has_one_spelling(text: str, count: int, back: str) -> None:
    """Sizes of different spelling are equal, so that a rewritten file is no change."""
    assert read(Size, text) == count
    assert declaration.size_text(count) == back
    assert mebibytes(count) * 1024**2 == count


@pytest.mark.parametrize(
    "value",
    [
        "16GB",
        "16G",
        "16 Gi",
        "16gi",
        "-1Gi",
        "0Gi",
        "Gi",
        "",
        "1e3Gi",
        ".5Gi",
        "٣Gi",
        "9" * 13 + "Gi",
        0,
        -1,
        1.5,
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_size_is_refused_with_an_example(value: object) -> None:
    """The message says what was given and what a size looks like."""
    assert message(Size, value).endswith("is not a size; write a number and Mi, Gi or Ti, for example 16Gi")


@pytest.mark.parametrize("value", ["1Ki", "1.5Mi", 16, 1024**2 + 1])
def test_a_size_is_whole_mebibytes(value: object) -> None:
    """Docker's unit of memory is the MiB: what is less would be rounded without a word."""
    assert message(Size, value).endswith("is not a whole number of MiB; for example 512Mi")


@pytest.mark.parametrize(
    ("text", "seconds", "back"),
    [("90s", 90, "90s"), ("30m", 1800, "30m"), ("24h", 86400, "1d"), ("2d", 172800, "2d"), (5400, 5400, "90m")],
)
def test_a_duration_is_seconds_and_has_one_spelling(text: str, seconds: int, back: str) -> None:
    """Durations of different spelling are equal."""
    assert read(Duration, text) == seconds
    assert declaration.duration_text(seconds) == back


@pytest.mark.parametrize(
    "value", ["12 h", "12", "h", "-1h", "0s", "1.5h", "1h30m", "٣h", "9" * 11 + "s", "9999999d", 0, -1, 1.5, True, None]
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    """The message says what was given and what a duration looks like."""
    assert message(Duration, value).endswith("is not a duration; write a number and s, m, h or d, for example 12h")


@given(st.integers(1, 10**9), st.integers(1, 2**40))
def test_sizes_and_durations_survive_their_own_spelling(seconds: int, mebibytes: int) -> None:
    """What is written back is read as the same value."""
    assert declaration.size(declaration.size_text(mebibytes * 1024**2)) == mebibytes * 1024**2
    assert declaration.duration(declaration.duration_text(seconds)) == seconds


@pytest.mark.parametrize(("value", "held"), [(4, "4"), (0.5, "0.5"), (1.50, "1.5"), (0.25, "0.25"), (100, "1E+2")])
def test_cpus_are_exact(value: float, held: str) -> None:
    """CPUs are decimals: 1.50 and 1.5 are the same, and sums are exact."""
    assert str(read(Cpus, value)) == held
    assert TypeAdapter(Cpus).dump_python(Decimal(held), mode="json") == float(value)


@pytest.mark.parametrize("value", [0, -1, 0.125, "4", True, None, float("inf"), float("nan"), []])
def test_what_is_no_number_of_cpus_is_refused(value: object) -> None:
    """Half a percent of a CPU, text, truth and infinity are no number of CPUs."""
    assert "is not a number of CPUs; write a positive number, for example 4 or 0.5" in message(Cpus, value)


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [
        (Name, ["a", "a-b", "a1", "1a", "a" * 40], ["", "A", "a_b", "-a", "a-", "a" * 41, "a.b", "a b", "a\n", "ä"]),
        (
            HostPath,
            ["/", "/data", "/data/a b", "/data/.hidden", "/data/..."],
            ["", "data", "/data/", "//data", "/a/../b", "/..", "/.", "/a:b", "/a,b", "/a\nb", "/a\0b", "/a\x7f"],
        ),
        (
            RelativePath,
            ["a", "a/b", ".hidden", "a..b", "..a", "."],
            ["", "/a", "..", "../a", "a/..", "a/../b", "a b", "a\\b", "a\n"],
        ),
        (
            declaration.Digest,
            [f"sha256:{'0' * 64}"],
            ["", f"sha256:{'0' * 63}", f"sha256:{'A' * 64}", f"md5:{'0' * 64}"],
        ),
        (
            ImageName,
            [
                "python",
                "python:3.12-slim",
                "a/b/c:1",
                "r.example.org:5000/a:1",
                f"a@sha256:{'0' * 64}",
                f"a:1@sha256:{'0' * 64}",
            ],
            ["", "Python", "a:", "a b", "https://a/b", f"a@sha256:{'0' * 63}", "a/B", "a\n", "-a"],
        ),
        (
            declaration.RegistryAddress,
            ["registry.example.org", "127.0.0.1:5000", "r.example.org:5000/a/b-c"],
            ["", "https://r", "r/A", "r:port", "r/", "a b", "user@r"],
        ),
        (declaration.EnvironmentVariable, ["A", "_a1"], ["", "1A", "A-B", "A=B", "A\n", "Ä"]),
        (declaration.Port, [1, 8888, 65535], [0, -1, 65536, "80", 8.5, True]),
        (declaration.Uid, [1000, 2_000_000_000], [0, 999, 2_000_000_001, "1000", True]),
    ],
    ids=["name", "host-path", "relative-path", "digest", "image", "registry", "variable", "port", "uid"],
)
def test_each_type_takes_what_it_says(kind: Any, accepted: list[object], refused: list[object]) -> None:
    """The edges of every type, from both sides."""
    for value in accepted:
        assert read(kind, value) == value
    for value in refused:
        with pytest.raises(ValidationError):
            read(kind, value)


@given(st.text())
def test_no_text_breaks_a_type(text: str) -> None:
    """Whatever is written, a type takes it as it is or refuses it."""
    for kind in (Name, HostPath, RelativePath, ImageName, Size, Duration, Cpus, declaration.RegistryAddress):
        try:
            assert read(kind, text) is not None
        except ValidationError as error:
            assert_says_something(error)


def test_a_long_value_is_cut_in_its_message() -> None:
    """A message stays readable, whatever was pasted."""
    assert len(message(Name, "x" * 10_000)) < 300


def test_a_declaration_is_strict_frozen_and_closed() -> None:
    """Unknown keys are errors, values are not converted, and nobody changes what was validated."""
    book = Book(title="Labs")
    for wrong in ({"title": "a", "titel": "b"}, {"title": 1}, {"title": "a", "pages": "1"}, {}):
        with pytest.raises(ValidationError):
            Book.model_validate(wrong)
    with pytest.raises(ValidationError, match="frozen"):
        book.pages = 2


def test_the_string_under_a_field_is_its_documentation() -> None:
    """Editors and the reference page show what stands below a field."""
    assert Book.model_json_schema()["properties"]["title"]["description"] == "What it is called."


def test_an_error_holds_no_input() -> None:
    """What was given may be a secret: an error that nobody translated does not show it."""
    with pytest.raises(ValidationError) as refused:
        Book.model_validate({"title": ["CANARY"]})
    assert "CANARY" not in str(refused.value)
