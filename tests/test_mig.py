"""MIG: the counts that NVIDIA's rules lead to, from the table alone, and a search that misses nothing."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.mig import (
    GEOMETRY,
    Profile,
    equivalent,
    full_word,
    largest_part,
    layout,
    layouts,
    offered,
    profile_of,
    why_not,
)

BASE = frozenset({19, 14, 9, 5, 0})
"""The five base profiles of a GPU with seven compute slices."""
SEVEN = sorted(model for model in GEOMETRY if model != "A30-24GB")
MODELS = sorted(GEOMETRY)

Multiset = tuple[str, ...]


def kinds(model: str, ids: Iterable[int]) -> list[Profile]:
    """Profiles of a model by their ids."""
    return [one for one in offered(model) if one.id in ids]


def counted(profiles: list[Profile]) -> tuple[int, int, int, int]:
    """Layouts, maximal layouts, multisets of maximal layouts, multisets of all layouts."""
    every = [frozenset(one) for one in layouts(profiles)]
    assert len(every) == len(set(every))
    maximal = [one for one in every if not any(one < other for other in every)]
    return len(every), len(maximal), len(multisets(maximal)), len(multisets(every))


def multisets(found: Iterable[Iterable]) -> set[Multiset]:
    """The profiles of layouts, wherever they stand."""
    return {tuple(sorted(one.profile for one in placed)) for placed in found}


@pytest.mark.parametrize("model", SEVEN)
def test_five_base_profiles_have_19_maximal_placements(model: str) -> None:
    """NVIDIA's own figure, and the others of the oracle, follow from the table of every model with seven slices."""
    assert counted(kinds(model, BASE)) == (298, 19, 14, 38)


@pytest.mark.parametrize("model", SEVEN)
def test_the_profile_with_twice_the_memory_adds_to_them(model: str) -> None:
    """With profile 15 the oracle has 723 layouts, 78 of them maximal, in 38 and 78 multisets."""
    assert counted(kinds(model, BASE | {15})) == (723, 78, 38, 78)


def test_only_3g_3g_1g_has_the_slices_and_no_place() -> None:
    """Seven compute slices are enough for every multiset of base profiles but one."""
    base = kinds("A100-40GB", BASE)
    fitting = multisets(layouts(base))
    wanted = [()]
    for one in base:
        wanted = [(*rest, *[one.name] * count) for rest in wanted for count in range(7 // one.compute + 1)]
    compute = {one.name: one.compute for one in base}
    few = {tuple(sorted(names)) for names in wanted if sum(compute[name] for name in names) <= 7}
    assert few - fitting == {("1g.5gb", "3g.20gb", "3g.20gb")}
    assert fitting <= few


def test_a30_has_four_slices() -> None:
    """A30's layouts, with one of either size of media instance at most."""
    base = kinds("A30", {14, 5, 0})
    assert multisets(frozenset(one) for one in layouts(base) if sum(part.size for part in one) == 4) == {
        ("1g.6gb",) * 4,
        ("1g.6gb", "1g.6gb", "2g.12gb"),
        ("2g.12gb", "2g.12gb"),
        ("4g.24gb",),
    }
    assert layout("A30", ["1g.6gb+me", "2g.12gb"]) is not None
    assert layout("A30", ["1g.6gb+me", "2g.12gb+me"]) is None


@pytest.mark.parametrize("model", MODELS)
def test_media_engines_belong_to_one_instance(model: str) -> None:
    """No layout has two instances with media engines."""
    assert max(sum(one.profile.endswith("+me") for one in placed) for placed in layouts(offered(model))) == 1


@pytest.mark.parametrize("model", MODELS)
def test_no_layout_breaks_the_table(model: str) -> None:
    """Instances keep their starts and limits, stay on the axis, and never share a slice."""
    axis = max(one.memory for one in offered(model))
    for placed in layouts(offered(model)):
        slices = [place for one in placed for place in range(one.start, one.start + one.size)]
        assert len(slices) == len(set(slices))
        assert set(slices) <= set(range(axis))
        for name, count in Counter(one.profile for one in placed).items():
            kind = profile_of(model, name)
            assert kind
            assert count <= kind.limit
            assert {one.start for one in placed if one.profile == name} <= set(kind.starts)
            assert sum(equivalent(model, one.profile) or 0 for one in placed) <= 1


@pytest.mark.parametrize("model", MODELS)
def test_every_limit_can_be_reached(model: str) -> None:
    """As many of one profile as the table says fit, and one more does not."""
    for one in offered(model):
        assert layout(model, [one.name] * one.limit) is not None
        assert layout(model, [one.name] * (one.limit + 1)) is None


ALL = {model: multisets(layouts(offered(model))) for model in ("A100-40GB", "A30-24GB")}


@given(st.sampled_from(sorted(ALL)), st.data())
def test_the_search_is_exact(model: str, data: st.DataObject) -> None:
    """A layout is found exactly where the enumeration of all layouts has one, and it is that multiset."""
    names = data.draw(st.lists(st.sampled_from([one.name for one in offered(model)]), max_size=8))
    placed = layout(model, names)
    assert (placed is not None) == (tuple(sorted(names)) in ALL[model])
    if placed is not None:
        assert sorted(one.profile for one in placed) == sorted(names)
        assert list(placed) == sorted(placed)


@given(st.permutations(["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]))
def test_the_order_of_wishes_changes_nothing(names: list[str]) -> None:
    """The same multiset gets the same placement."""
    found = layout("A100-40GB", names)
    assert found == layout("A100-40GB", sorted(names))


@given(st.lists(st.sampled_from([one.name for one in offered("A100-40GB")]), min_size=1, max_size=9))
def test_what_is_offered_instead_fits_and_is_wanted(names: list[str]) -> None:
    """The largest part of an impossible layout is possible, is a part of it, and cannot be extended from it."""
    part = largest_part("A100-40GB", names)
    rest = Counter(names) - Counter(part)
    assert layout("A100-40GB", part) is not None
    assert Counter(part) <= Counter(names)
    assert all(layout("A100-40GB", [*part, more]) is None for more in rest)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["3g.20gb", "3g.20gb", "1g.5gb"], "they need 9 memory slices and it has 8"),
        (["4g.20gb", "4g.20gb"], "it can have 1 of 4g.20gb, not 2"),
        (
            ["2g.10gb", "2g.10gb", "3g.20gb", "1g.5gb"],
            "they need 9 memory slices and it has 8",
        ),
        (
            ["1g.5gb"] * 6 + ["2g.10gb"],
            "no places are left: 2g.10gb begins at 0, 2, 4; 1g.5gb begins at 0, 1, 2, 3, 4, 5, 6",
        ),
    ],
)
def test_what_stands_in_the_way_is_said(names: list[str], reason: str) -> None:
    """A limit, the slices, or the starts: the first that explains it."""
    assert layout("A100-40GB", names) is None
    assert why_not("A100-40GB", names) == reason


def test_two_media_instances_are_the_reason() -> None:
    """Where each is within its own limit, the engines are named."""
    assert why_not("A30", ["1g.6gb+me", "2g.12gb+me"]) == "one instance can have its media engines (+me)"


@pytest.mark.parametrize(
    ("model", "name", "share"),
    [
        ("A100-40GB", "1g.5gb", Fraction(1, 7)),
        ("A100-80GB", "1g.20gb", Fraction(1, 7)),
        ("H100-80GB", "3g.40gb", Fraction(3, 7)),
        ("H100-NVL", "7g.94gb", Fraction(1)),
        ("A30", "2g.12gb", Fraction(1, 2)),
        ("B200", "4g.90gb", Fraction(4, 7)),
        ("A100-40GB", "1g.10gb+me", None),
        ("V100-32GB", "1g.5gb", None),
    ],
)
def test_gpu_equivalents_are_exact(model: str, name: str, share: Fraction | None) -> None:
    """Compute slices of all compute slices; nothing where the model does not offer the profile."""
    assert equivalent(model, name) == share


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("A100-40GB", "1g.5gb 1g.5gb+me 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb"),
        ("A100-80GB", "1g.10gb 1g.10gb+me 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"),
        ("H100-80GB", "1g.10gb 1g.10gb+me 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"),
        ("H100-NVL", "1g.12gb 1g.12gb+me 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb"),
        ("H200", "1g.18gb 1g.18gb+me 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb"),
        ("B200", "1g.23gb 1g.23gb+me 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb"),
        ("A30", "1g.6gb 1g.6gb+me 2g.12gb 2g.12gb+me 4g.24gb"),
        ("V100-32GB", ""),
    ],
)
def test_the_names_are_nvidias(model: str, names: str) -> None:
    """The profiles of each model, as the MIG user guide lists them; none for a model without MIG."""
    assert [one.name for one in offered(model)] == names.split()


@pytest.mark.parametrize("model", MODELS)
def test_ids_name_one_profile(model: str) -> None:
    """No two profiles of a model share an id, a name, or both slices and engines."""
    rows = offered(model)
    assert len({one.id for one in rows}) == len({one.name for one in rows}) == len(rows)
    assert all(one.starts[-1] + one.memory <= max(other.memory for other in rows) for one in rows)


def test_a_model_of_one_size_has_a_short_word() -> None:
    """`H200` is understood, a word with its memory is left as it is."""
    assert full_word("H200") == "H200-141GB"
    assert full_word("A100-40GB") == "A100-40GB"


def test_a_foreign_profile_is_not_searched() -> None:
    """A profile that the model does not offer is the caller's fault."""
    with pytest.raises(KeyError):
        layout("A100-40GB", ["3g.40gb"])
