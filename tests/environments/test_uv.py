"""uv environments: what their lock says, and nothing else of the project."""

from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import CASES, FOLDER, declare, recipe, refused, site, write


def install(**declared: object) -> str:
    """The command that installs the packages of the plainest case."""
    text = declare(kind="uv", directory="project", **declared).recipe(site(FOLDER / "uv-plain")).dockerfile
    return next(line for line in text.splitlines() if "uv sync" in line)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("uv")])
def test_the_context_is_project_and_lock_and_what_is_named(name: str) -> None:
    """Two files decide the packages; the project's own files come as they are named, below another folder."""
    names = [one.name for one in recipe(FOLDER / name).files]
    assert names[:2] == ["environment/pyproject.toml", "environment/uv.lock"]
    assert names[2:] == (
        ["project/train.py", "project/src/data/labels.txt", "project/src/model.py"]
        if name == "uv-files-and-apt"
        else []
    )


def test_the_order_of_groups_and_packages_changes_nothing() -> None:
    """Groups, extras and Debian packages are sets: two people who list them in another order share an image."""
    assert install(groups=["b", "a"], extras=["d", "c"]) == install(groups=["a", "b"], extras=["c", "d"])


def test_nothing_is_resolved_at_build_time() -> None:
    """The build takes the lock as it is, or fails."""
    assert "uv sync --locked --inexact --no-install-project" in install()


def test_a_project_that_was_never_locked_says_how(tmp_path: Path) -> None:
    """Without uv.lock the hint is the command to run."""
    write(tmp_path, {"thesis/pyproject.toml": ""})
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="thesis").recipe(site(tmp_path))
    assert refused(error.value) == [
        "error[no-uv-lock] directory: no uv.lock in thesis; run `uv lock --directory thesis` in the stack file's folder"
    ]


def test_a_folder_without_a_project_names_both_files(tmp_path: Path) -> None:
    """Every missing file is named in one run."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="empty").recipe(site(tmp_path))
    assert refused(error.value) == [
        'error[no-file] directory: no file "pyproject.toml" in empty/',
        'error[no-file] directory: no file "uv.lock" in empty/',
    ]


@pytest.mark.parametrize("name", ["", "-x", "a b", "a;b", "$(a)"])
def test_a_group_is_a_word(name: str) -> None:
    """What would be another word for the shell is no group's name."""
    with pytest.raises(ValueError, match="groups"):
        declare(kind="uv", directory=".", groups=[name])


def test_the_lock_of_images_is_asked_for_the_base() -> None:
    """A uv environment needs the digest of its base."""
    assert declare(kind="uv", directory="project").images(site(FOLDER)) == ("python:3.12-slim",)
    assert declare(kind="uv", directory="project", base="torch").images(site(FOLDER)) == (
        "registry.example.org/bases/torch:2.9",
    )
