"""Layers: which packages share one, and that one more package changes no other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.environments.locked import LockedPackage, archived, layers, wheel_fits
from labform.problems import LabformError
from packaging.pylock import Pylock

MIB = 1024**2
PACKAGES = st.builds(
    lambda name, version, size, pure: package(name, version, size, pure=pure),
    st.from_regex(r"[a-z][a-z0-9-]{0,12}[a-z0-9]", fullmatch=True),
    st.sampled_from(["1.0", "1.1", "2.0"]),
    st.one_of(st.none(), st.integers(1, 1000 * MIB)),
    st.booleans(),
)


def package(name: str, version: str = "1.0", size: int | None = None, *, pure: bool = True) -> LockedPackage:
    """A package of one wheel."""
    tag = "py3-none-any" if pure else "cp312-cp312-manylinux_2_28_x86_64"
    wheel: dict[str, Any] = {"url": f"https://example.org/{name.replace('-', '_')}-{version}-{tag}.whl"}
    wheel |= {"hashes": {"sha256": "aa"}} | ({"size": size} if size else {})
    found = archived(name, {"name": name, "version": version}, [wheel])
    assert found
    return found


def locks(packages: list[LockedPackage]) -> dict[str, str]:
    """What each layer is installed from."""
    return {one.name: one.pylock for one in layers({one.name: one for one in packages}.values())}


@given(st.lists(PACKAGES, max_size=40), PACKAGES)
def test_one_more_package_changes_one_layer(packages: list[LockedPackage], more: LockedPackage) -> None:
    """Another version of one that was there, of another size, changes two at most: where it was and where it is."""
    before, after = locks(packages), locks([*packages, more])
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert len(changed) <= (2 if any(one.name == more.name for one in packages) else 1)


@given(st.lists(PACKAGES, max_size=60))
def test_layers_are_few_and_lose_nothing(packages: list[LockedPackage]) -> None:
    """Whatever the lock, every package is in one layer, in an order that is not the lock's, and layers are bounded."""
    unique = list({one.name: one for one in packages}.values())
    made = layers(unique)
    assert sorted(one.name for layer in made for one in layer.packages) == sorted(one.name for one in unique)
    assert made == layers(reversed(unique))
    assert len(made) <= 15
    assert [one.name for one in layers([*unique])] == [one.name for one in made]


@pytest.mark.parametrize(
    ("one", "layer"),
    [
        (package("torch", size=800 * MIB, pure=False), "heavy"),
        (package("numpy", size=17 * MIB, pure=False), "large"),
        (package("numpy", pure=False), "large"),
        (package("six", size=11_000), "small"),
        (package("six"), "small"),
        (package("jupyterlab", size=12 * MIB), "large"),
    ],
)
def test_size_decides_or_else_whether_it_is_compiled(one: LockedPackage, layer: str) -> None:
    """An index that tells no sizes leaves the wheel's own tags."""
    assert one.layer.rpartition("-")[0] == layer


def test_an_upgrade_stays_in_its_layer() -> None:
    """The name decides, not the version."""
    assert package("scipy", "1.0", 30 * MIB).layer == package("scipy", "2.0", 35 * MIB).layer


def test_a_layers_lock_is_a_standard_one() -> None:
    """The standard's own reader takes it, odd characters too."""
    import tomllib

    table = {
        "name": "a",
        "version": "1",
        "marker": 'python_version >= "3.9"',
        "archive": {"url": "https://x/\x7f\u00e9"},
    }
    table["archive"] |= {"hashes": {"sha256": "aa"}}
    (layer,) = layers([LockedPackage("a", table, "source")])
    document = tomllib.loads(layer.pylock)
    assert document["packages"] == [table]
    assert str(Pylock.from_dict(document).packages[0].version) == "1"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-2-py3-none-any.whl", True),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("a-1-cp39-abi3-linux_x86_64.whl", True),
        ("a-1-cp312-cp312-musllinux_1_2_x86_64.whl", False),
        ("a-1-cp312-cp312-manylinux_2_17_aarch64.whl", False),
        ("a-1-cp312-cp312-macosx_10_13_x86_64.whl", False),
        ("a-1-cp312-cp312-win_amd64.whl", False),
    ],
)
def test_a_wheel_fits_by_its_platform(name: str, fits: bool) -> None:
    """Linux with glibc on x86-64."""
    assert wheel_fits(name) is fits


def test_what_is_no_wheel_is_refused() -> None:
    """By its name."""
    with pytest.raises(LabformError, match=r"a\.zip is not a wheel's name"):
        wheel_fits("a.zip")


def test_without_a_wheel_the_source_is_built() -> None:
    """And without either there is no package."""
    windows = {"url": "https://example.org/a-1-cp312-cp312-win_amd64.whl"}
    source = {"sdist": {"url": "https://example.org/a-1.tar.gz"}}
    built = archived("a", {"name": "a", **source}, [windows])
    assert built is not None
    assert built.layer == "source"
    assert archived("a", {"name": "a"}, [windows]) is None
