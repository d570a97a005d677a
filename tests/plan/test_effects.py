"""What the engine does with an edited registration, by the providers' rules."""

import pytest
from labform.plan.effects import Registered, effects, unknown

CONTAINER = "docker:index/container:Container"


def only(old: Registered, new: Registered) -> tuple[str, tuple[str, ...]]:
    """The one effect's operation and fields."""
    (found,) = effects({("t", "n"): old}, {("t", "n"): new})
    return found.operation, found.fields


@pytest.mark.parametrize(
    ("field", "replace_on", "operation"),
    [
        ("image", (), "replace"),
        ("memory", (), "update"),
        ("memory", ("memory",), "replace"),
        ("healthcheck", ("mounts", "healthcheck"), "replace"),
        ("restart", ("mounts",), "update"),
    ],
)
def test_an_edited_field_of_a_container(field: str, replace_on: tuple[str, ...], operation: str) -> None:
    """In place where the provider can, else anew, and anew where labform says so."""
    old = Registered(CONTAINER, "n", "p", {field: 1, "same": 1}, replace_on_changes=replace_on)
    new = Registered(CONTAINER, "n", "p", {field: 2, "same": 1}, replace_on_changes=replace_on)
    assert only(old, new) == (operation, (field,))


def test_a_trigger_replaces() -> None:
    """A move to another host, though no input says so."""
    old, new = (Registered(CONTAINER, "n", "p", {}, replacement_trigger=host) for host in ("one", "two"))
    assert only(old, new) == ("replace", ("host",))


def test_come_and_gone() -> None:
    """What is on one side only."""
    one = {("t", "n"): Registered(CONTAINER, "n", "p", {})}
    assert [found.operation for found in (*effects({}, one), *effects(one, {}))] == ["create", "delete"]
    assert effects(one, one) == []


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(True, None, True), (False, None, False), (True, True, True), (True, False, False), (False, True, False)],
)
def test_what_is_protected_is_neither_deleted_nor_replaced(*, before: bool, after: bool | None, refused: bool) -> None:
    """The engine refuses it; it lets go what the same edit unprotects, as `retired:` does."""
    kind = "docker:index/volume:Volume"
    old = {(kind, "n"): Registered(kind, "n", None, {"name": "a"}, protect=before)}
    new = {(kind, "n"): Registered(kind, "n", None, {"name": "b"}, protect=bool(after))}
    (found,) = effects(old, new if after is not None else {})
    assert (found.operation, found.refused) == ("delete" if after is None else "replace", refused)


def test_what_is_protected_is_created_and_updated() -> None:
    """As anything else is."""
    one = Registered(CONTAINER, "n", "p", {"memory": 1}, protect=True)
    two = Registered(CONTAINER, "n", "p", {"memory": 2}, protect=True)
    sides = {("t", "n"): one}, {("t", "n"): two}
    assert [found.refused for found in (*effects({}, sides[0]), *effects(*sides))] == [False, False]


def test_a_type_whose_rules_are_not_known_is_said() -> None:
    """An edit of it is called an update, with a note that it may be more."""
    kind = "kubernetes:apps/v1:StatefulSet"
    sides = ({(kind, "n"): Registered(kind, "n", "p", {"spec": value})} for value in (1, 2))
    assert unknown(effects(*sides)) == [kind]
