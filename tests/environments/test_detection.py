"""Folders without a kind: their files tell it."""

from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import declare, refused, site, write

LOCKED = "version: 6\nenvironments: {}\npackages: []\n"


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["Dockerfile"], "dockerfile"),
        (["Dockerfile", "pyproject.toml", "README.md"], "dockerfile"),
        ([".devcontainer/devcontainer.json", ".devcontainer/Dockerfile"], "devcontainer"),
        ([".devcontainer.json"], "devcontainer"),
        (["pyproject.toml", "uv.lock"], "uv"),
        (["pyproject.toml"], "uv"),
        (["requirements.txt", "pyproject.toml"], "pip"),
        (["environment.yml", "conda-lock.yml"], "conda"),
        (["environment.yaml"], "conda"),
        (["pixi.toml", "pixi.lock"], "pixi"),
        (["pyproject.toml", "pixi.lock"], "pixi"),
    ],
)
def test_files_tell_the_kind(files: list[str], kind: str, tmp_path: Path) -> None:
    """A lock and what it was made from are one description; other files are none."""
    write(tmp_path, dict.fromkeys(files, ""))
    assert declare(directory=".").found(site(tmp_path)).kind == kind


@pytest.mark.parametrize(
    "files", [("Dockerfile", "uv.lock"), ("requirements.txt", "environment.yml"), ("uv.lock", "pixi.toml")]
)
def test_two_kinds_are_one_too_many(files: tuple[str, str], tmp_path: Path) -> None:
    """Both files are named, and what to write: no silent order of precedence."""
    write(tmp_path, dict.fromkeys(files, ""))
    with pytest.raises(RecipeError) as error:
        declare(directory=".").recipe(site(tmp_path))
    (line,) = refused(error.value)
    assert all(file in line for file in files)
    assert line.count("kind: ") == 2


def test_what_is_given_is_the_kind_s(tmp_path: Path) -> None:
    """Written keys are handed on; the same environment with its kind written is the same recipe."""
    write(tmp_path, {"requirements.txt": "six==1.17.0\n", "train.py": ""})
    given = {"directory": ".", "files": ["train.py"], "base": "torch"}
    found = declare(**given).recipe(site(tmp_path))
    assert found.hash == declare(kind="pip", **given).recipe(site(tmp_path)).hash
    assert declare(kind="detect", **given).recipe(site(tmp_path)).hash == found.hash
