"""Prebuilt environments: an image of somebody else, and one thin layer."""

from pathlib import Path

import pytest

from tests.environments.golden import CASES, FOLDER, declare, pinned, recipe, site


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("prebuilt")])
def test_it_reads_no_file(name: str) -> None:
    """The image is all that decides; the context is empty."""
    made = recipe(FOLDER / name)
    assert (made.files, made.context_size, dict(made.args)) == ((), 0, {})


def test_the_lock_is_asked_for_a_tag() -> None:
    """A tag has to be in the lock, and what is built is its digest."""
    environment = declare(kind="prebuilt", image="team/image:1")
    assert environment.images(site(FOLDER)) == ("team/image:1",)
    assert environment.recipe(site(FOLDER)).dockerfile.startswith(f"FROM {pinned('team/image:1')}\n")


def test_another_digest_is_another_recipe() -> None:
    """A tag that was pushed anew, once the lock knows it, is another image."""
    hashes = {declare(kind="prebuilt", image=image).recipe(site(FOLDER)).hash for image in ("a:1", "a:2", "b:1")}
    assert len(hashes) == 3


def test_a_tag_and_its_digest_are_the_same_recipe(tmp_path: Path) -> None:
    """What counts is what a tag stands for, not how it was written."""
    by_tag = declare(kind="prebuilt", image="a:1").recipe(site(tmp_path))
    by_digest = declare(kind="prebuilt", image=pinned("a:1")).recipe(site(tmp_path))
    assert by_tag.hash == by_digest.hash


@pytest.mark.parametrize("image", ["", "a b", "A:1", "https://a/b:1", "a:", "a@sha256:12", "a:1\nRUN reboot", "-a"])
def test_an_image_is_a_name(image: str) -> None:
    """What could be another instruction, or is no name, is refused."""
    with pytest.raises(ValueError, match="image"):
        declare(kind="prebuilt", image=image)
