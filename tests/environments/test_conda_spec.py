"""conda's words for packages and versions, as conda's own tools take them; a doubtful one passes."""

import pytest
from labform.environments.conda_spec import fits, name_of, versions_of


@pytest.mark.parametrize(
    ("word", "name", "versions"),
    [
        ("numpy", "numpy", ""),
        ("NumPy=1.26", "numpy", "=1.26"),
        ("conda-forge::numpy>=2", "numpy", ">=2"),
        ("numpy >= 2 , <3", "numpy", ">=2,<3"),
        ("numpy =2.1", "numpy", "=2.1"),
        ("numpy 1.26.*", "numpy", "1.26.*"),
        ("numpy=1.26=py312_0", "numpy", "=1.26"),
        ("numpy==1.26=py312_0", "numpy", "==1.26"),
        ("numpy 1.26.4 py312_0", "numpy", "1.26.4"),
        ("pytorch=2.1=*cuda*", "pytorch", "=2.1"),
        ("numpy>=1.2,<2=py*", "numpy", ">=1.2,<2"),
    ],
)
def test_a_word_has_a_name_and_versions(word: str, name: str, versions: str) -> None:
    """Its channel and build aside."""
    assert (name_of(word), versions_of(word)) == (name, versions)


@pytest.mark.parametrize(
    ("wanted", "fitting", "others"),
    [
        ("", ["1"], []),
        ("*", ["1"], []),
        ("=1.26", ["1.26", "1.26.4"], ["1.2", "1.260", "2"]),
        ("1.26.*", ["1.26", "1.26.4"], ["1.27", "1"]),
        ("=1.26.0", ["1.26"], ["1.26.1"]),
        ("=1.1.1", ["1.1.1w"], ["1.1.2", "1.1.10"]),
        ("==1.1.1", ["1.1.1", "1.1.1.0"], ["1.1.1w", "1.1"]),
        ("==2.1.*", ["2.1.5"], ["2.2"]),
        ("!=1.26", ["1.26.4"], ["1.26", "1.26.0"]),
        ("!=1.26.*", ["1.27"], ["1.26.4"]),
        (">=2,<3", ["2", "2.9"], ["1.26", "3", "3.0"]),
        (">=1.26,<2|>=3", ["1.26", "3.1"], ["2.1", "1.2"]),
        ("~=1.26.1", ["1.26.1", "1.26.9"], ["1.26.0", "1.27"]),
        ("<=2.1", ["2.1.0", "1"], ["2.1.1"]),
        (">2.0", ["2.0.1"], ["2.0", "2"]),
        (">=3.11,<3.12.0a0", ["3.11.9"], ["3.10.1", "3.13"]),
        (">=2023c", ["2024a", "2023d"], ["2022g"]),
        ("[version='>=2']", ["1"], []),
        ("(>=1,<2)|4", ["9"], []),
        (">=2", ["1!1.0"], []),
        ("whatever", ["1"], []),
    ],
)
def test_a_version_fits_or_not(wanted: str, fitting: list[str], others: list[str]) -> None:
    """As rattler has it; where letters, epochs or brackets decide, it passes."""
    assert {one: fits(wanted, one) for one in (*fitting, *others)} == dict.fromkeys(fitting, True) | dict.fromkeys(
        others, False
    )
