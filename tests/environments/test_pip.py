"""pip environments: a requirements file with what it includes."""

from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import FOLDER, declare, recipe, refused, site, write


def names(folder: Path, **declared: object) -> list[str]:
    """The names of a context's files."""
    return [one.name for one in declare(kind="pip", directory=".", **declared).recipe(site(folder)).files]


def test_included_files_come_once_and_depth_first() -> None:
    """`-r` and `-c` are followed from where they stand, and a file that is included twice comes once."""
    assert [one.name.removeprefix("environment/") for one in recipe(FOLDER / "pip-includes").files] == [
        "requirements/all.txt",
        "requirements/base.txt",
        "constraints.txt",
        "requirements/plots.txt",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "-r a.txt",
        "-ra.txt",
        "  -r   a.txt  # why",
        "--requirement a.txt",
        "--requirement=a.txt",
        "-c a.txt",
        "--constraint=a.txt",
    ],
)
def test_an_include_is_known_in_every_spelling(line: str, tmp_path: Path) -> None:
    """What pip follows is followed."""
    write(tmp_path, {"requirements.txt": f"numpy\n{line}\n", "a.txt": ""})
    assert names(tmp_path) == ["environment/requirements.txt", "environment/a.txt"]


@pytest.mark.parametrize("line", ["# -r a.txt", "numpy # -r a.txt", "--no-binary a.txt", "-e ./a.txt", "requests -r"])
def test_other_lines_are_no_includes(line: str, tmp_path: Path) -> None:
    """A comment or another option names no file."""
    write(tmp_path, {"requirements.txt": f"{line}\n", "a.txt": ""})
    assert names(tmp_path) == ["environment/requirements.txt"]


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({}, 'error[no-file] requirements: no file "requirements.txt" in lab/'),
        (
            {"requirements.txt": "-r x/a.txt\n", "x/a.txt": "-r b.txt\n"},
            'error[no-file] requirements: no file "x/b.txt" in lab/, included by x/a.txt',
        ),
        (
            {"requirements.txt": "-r requirements.txt\n"},
            "error[circular] requirements: requirements.txt -> requirements.txt includes itself",
        ),
        (
            {"requirements.txt": "-r x/../y.txt\n", "y.txt": "-c requirements.txt\n"},
            "error[circular] requirements: requirements.txt -> y.txt -> requirements.txt includes itself",
        ),
        (
            {"requirements.txt": "-r ../x.txt\n"},
            "error[path-escapes] requirements: requirements.txt includes a file outside of lab/",
        ),
        (
            {"requirements.txt": "-r /etc/passwd\n"},
            "error[path-escapes] requirements: requirements.txt includes a file outside of lab/",
        ),
    ],
    ids=["missing", "include-missing", "self", "circle", "above", "absolute"],
)
def test_a_file_that_cannot_be_included_is_named(files: dict[str, str], line: str, tmp_path: Path) -> None:
    """The message says which file, and which other one includes it."""
    folder = tmp_path / "lab"
    folder.mkdir()
    write(folder, files)
    with pytest.raises(RecipeError) as error:
        names(folder)
    assert refused(error.value) == [line]


def test_requirements_with_another_encoding_are_read(tmp_path: Path) -> None:
    """A byte order mark and a comment that is not UTF-8 hide no include."""
    (tmp_path / "requirements.txt").write_bytes(b"\xef\xbb\xbf-r a.txt\n# caf\xe9\n")
    write(tmp_path, {"a.txt": ""})
    assert names(tmp_path) == ["environment/requirements.txt", "environment/a.txt"]


def test_a_name_is_one_word_of_the_shell(tmp_path: Path) -> None:
    """A file whose name holds a command is a file."""
    write(tmp_path, {"$(reboot);.txt": ""})
    text = declare(kind="pip", directory=".", requirements="$(reboot);.txt").recipe(site(tmp_path)).dockerfile
    assert "-r '$(reboot);.txt' \\\n" in text


@pytest.mark.parametrize("package", ["--allow-unauthenticated", "lib gl", "libgl1;reboot", "Libgl1", "a"])
def test_a_debian_package_is_a_word(package: str) -> None:
    """What would be an option or another word is no package."""
    with pytest.raises(ValueError, match="apt"):
        declare(kind="pip", directory=".", apt=[package])


def test_no_base_is_said_with_what_to_write(tmp_path: Path) -> None:
    """A base that nobody declared, and none at all, are two faults with two hints."""
    write(tmp_path, {"requirements.txt": ""})
    with pytest.raises(RecipeError, match='no base "pyton"; did you mean "python"'):
        names(tmp_path, base="pyton")
