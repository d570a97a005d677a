"""Locks that were cut short, at every line: refused, or nothing is missing; never an image that lacks something."""

import shutil
from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import FOLDER, recipe

LOCKS = {
    "uv-groups-and-extras": "uv.lock",
    "uv-workspace": "uv.lock",
    "conda-locked": "conda-lock.yml",
    "pixi-environment": "pixi.lock",
    "pixi-pyproject": "pixi.lock",
}
OPEN = {"pip-pylock": "pylock.toml", "conda-explicit": "spec.txt"}
"""Formats of which any part, up to the end of an entry, is a whole: nothing in them says what comes after."""


@pytest.mark.parametrize("name", [*LOCKS, *OPEN])
def test_a_lock_that_was_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    """One clear error, and no traceback; what is accepted gives the same image."""
    place = tmp_path / name
    shutil.copytree(FOLDER / name, place)
    before = recipe(place).hash
    lock = place / "project" / {**LOCKS, **OPEN}[name]
    lines = lock.read_text().splitlines(keepends=True)
    refused = 0
    for count in range(len(lines)):
        lock.write_text("".join(lines[:count]))
        try:
            accepted = recipe(place).hash
        except RecipeError:
            refused += 1
        else:
            assert accepted == before or name in OPEN, count
    assert refused >= len(lines) // 2


def test_a_lock_lacks_what_a_package_needs(tmp_path: Path) -> None:
    """conda-lock says what each package needs: a list without it is no lock."""
    shutil.copytree(FOLDER / "conda-locked", tmp_path / "case")
    lock = tmp_path / "case" / "project" / "conda-lock.yml"
    lock.write_text("".join(line for line in lock.read_text().splitlines(keepends=True) if "{name: hello" not in line))
    with pytest.raises(RecipeError, match="greeter needs hello, which it lacks"):
        recipe(tmp_path / "case")


def test_a_lock_lacks_what_is_asked_for(tmp_path: Path) -> None:
    """environment.yml beside conda-lock.yml asks for more, by whatever spelling."""
    shutil.copytree(FOLDER / "conda-locked", tmp_path / "case")
    asked = tmp_path / "case" / "project" / "environment.yml"
    before = recipe(tmp_path / "case").hash
    asked.write_text(asked.read_text().replace("[greeter]", "[Greeter >=1, 'conda-forge::hello=2.*']"))
    assert recipe(tmp_path / "case").hash == before
    asked.write_text(asked.read_text().replace("Greeter >=1", "greeter, {pip: [SciKit_Learn]}, numpy"))
    with pytest.raises(RecipeError, match=r"asks for numpy, scikit-learn, which conda-lock\.yml lacks"):
        recipe(tmp_path / "case")
