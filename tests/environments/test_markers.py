"""Markers, asked for every Python that a lock may be installed on."""

import pytest
from labform.environments.markers import holds, marker_for, pythons
from packaging.specifiers import SpecifierSet
from packaging.version import Version

MARKERS = ["python_full_version < '3.12'", "python_full_version >= '3.11.3'", "sys_platform == 'win32'"]


def test_each_range_has_one_python() -> None:
    """Where a marker may change there is an edge; what the lock is not for is left out."""
    found = [str(one) for one in pythons(MARKERS, SpecifierSet(">=3.11,<3.14"))]
    assert found == ["3.11", "3.11.1", "3.11.3", "3.11.4", "3.12", "3.12.1", "3.13"]


def test_a_declared_python_is_the_only_one() -> None:
    """With the edges within it."""
    assert [str(one) for one in pythons(MARKERS, SpecifierSet(">=3.9"), "3.11")] == [
        "3.11",
        "3.11.1",
        "3.11.3",
        "3.11.4",
    ]


@pytest.mark.parametrize(
    ("marker", "python", "truth"),
    [
        ("", "3.12", True),
        ("python_version < '3.12'", "3.11.9", True),
        ("python_version < '3.12'", "3.12", False),
        ("sys_platform == 'linux' and platform_machine == 'x86_64'", "3.12", True),
        ("sys_platform == 'darwin'", "3.12", False),
        ("extra == 'extra-6-thesis-gpu'", "3.12", True),
        ("extra != 'extra-6-thesis-gpu'", "3.12", False),
        ("extra == 'group-6-thesis-dev' or python_version < '3'", "3.12", False),
    ],
)
def test_a_marker_holds(marker: str, python: str, truth: bool) -> None:
    """On Linux, and for the extras and groups that were chosen in uv's own words."""
    assert holds(marker, Version(python), frozenset({"extra-6-thesis-gpu"})) is truth


def test_a_package_for_some_pythons_says_which() -> None:
    """In ranges; one for all needs no marker."""
    every = tuple(map(Version, ("3.9", "3.10", "3.11", "3.12")))
    assert marker_for(every, every) == ""
    assert marker_for(every[:1], every) == "python_full_version < '3.10'"
    assert marker_for(every[2:], every) == "python_full_version >= '3.11'"
    split = "python_full_version < '3.10' or python_full_version >= '3.11' and python_full_version < '3.12'"
    assert marker_for({every[0], every[2]}, every) == split


def test_patches_count_where_only_the_first_is_left_out() -> None:
    """`>3.11` is 3.11.1 and on: a package for 3.11 alone is not lost."""
    found = pythons(["python_version < '3.12'"], SpecifierSet(">3.11"))
    assert any(holds("python_version < '3.12'", one) for one in found)
