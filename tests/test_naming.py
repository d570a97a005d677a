"""Names in the world: always valid, and never the same for two things of a lab."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform import naming

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
DOCKER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""What Docker takes as the name of a container, a volume or a network."""


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (naming.container("ds01", "thesis"), "ds01-thesis"),
        (naming.volume("ds01", "thesis-home"), "ds01-thesis-home"),
        (naming.network("ds01"), "labform-ds01"),
    ],
)
def test_names_are_what_people_expect(made: str, name: str) -> None:
    """They are part of the contract: another name would be another volume."""
    assert made == name


@given(NAMES, NAMES)
def test_every_name_is_valid_in_docker(lab: str, name: str) -> None:
    """Whatever a lab and its things are called."""
    made = (naming.container(lab, name), naming.volume(lab, name), naming.network(lab))
    assert all(DOCKER.fullmatch(one) for one in made)
    assert all(len(one) <= 81 for one in made)


@given(NAMES, st.lists(NAMES, unique=True, max_size=5))
def test_no_two_things_of_a_lab_share_a_name(lab: str, names: list[str]) -> None:
    """Different names stay different."""
    assert len({naming.container(lab, name) for name in names}) == len(names)
    assert len({naming.volume(lab, name) for name in names}) == len(names)


def test_labels_share_one_prefix_and_are_apart() -> None:
    """One look at a container shows what labform put there."""
    labels = [naming.LAB_LABEL, naming.PROJECT_LABEL, naming.VOLUME_LABEL, naming.OWNER_LABEL]
    assert all(label.startswith("labform.") for label in labels)
    assert len(set(labels)) == len(labels)


def test_the_home_is_a_mount_point() -> None:
    """A new volume mounted at the home takes its mode from the image's directory."""
    assert naming.HOME in naming.MOUNT_POINTS
