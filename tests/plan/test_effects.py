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


def test_a_type_whose_rules_are_not_known_is_said() -> None:
    """An edit of it is called an update, with a note that it may be more."""
    kind = "kubernetes:apps/v1:StatefulSet"
    sides = ({(kind, "n"): Registered(kind, "n", "p", {"spec": value})} for value in (1, 2))
    assert unknown(effects(*sides)) == [kind]
