"""pip environments: a requirements file with what it includes."""

from pathlib import Path

import pytest
from labform.environments import RecipeError

from tests.environments.golden import FOLDER, declare, recipe, refused, site, write


def names(folder: Path, **declared: object) -> list[str]:
    """The files that were read, in order."""
    return list(declare(kind="pip", directory=".", **declared).recipe(site(folder)).declared)


def test_included_files_come_once_and_depth_first() -> None:
    """`-r` and `-c` are followed from where they stand, and a file that is included twice comes once."""
    assert list(recipe(FOLDER / "pip-includes").declared) == [
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
    assert names(tmp_path) == ["requirements.txt", "a.txt"]


@pytest.mark.parametrize("line", ["# -r a.txt", "numpy # -r a.txt", "--no-binary a.txt", "--only-binary :all:"])
def test_other_lines_are_no_includes(line: str, tmp_path: Path) -> None:
    """A comment or another option names no file."""
    write(tmp_path, {"requirements.txt": f"{line}\n", "a.txt": ""})
    assert names(tmp_path) == ["requirements.txt"]


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
            "error[path-escapes] requirements: requirements.txt:1: includes a file outside of lab/",
        ),
        (
            {"requirements.txt": "-r /etc/passwd\n"},
            "error[path-escapes] requirements: requirements.txt:1: includes a file outside of lab/",
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
    assert names(tmp_path) == ["requirements.txt", "a.txt"]


def test_a_files_name_is_in_no_command(tmp_path: Path) -> None:
    """A file whose name holds a command is a file: the build reads what it says under another name."""
    write(tmp_path, {"$(reboot);.txt": "six\n"})
    text = declare(kind="pip", directory=".", requirements="$(reboot);.txt").recipe(site(tmp_path)).dockerfile
    assert "reboot" not in text


def contents(folder: Path, **declared: object) -> dict[str, str]:
    """The files of the context that are made from requirements, by stage and name."""
    files = declare(kind="pip", directory=".", **declared).recipe(site(folder)).files
    return {one.name.removeprefix("environment/"): one.text for one in files if one.text is not None}


def test_two_spellings_are_one_image(tmp_path: Path) -> None:
    """Comments, continuations, blanks, newlines, byte order marks and UTF-16 change nothing; neither does the hash."""
    lines = ["--index-url https://example.org/simple", "six==1.17.0 ; python_version >= '3'", "numpy>=2,<3"]
    plain = "\n".join(lines)
    spelled = "\r\n".join(
        ["# note", lines[0].replace(" ", "="), "six == 1.17.0;\\", " python_version>='3' # x", lines[2]]
    )
    encoded = [plain.encode(), spelled.encode(), b"\xef\xbb\xbf" + spelled.encode(), spelled.encode("utf-16")]
    hashes = set()
    for data in encoded:
        (tmp_path / "requirements.txt").write_bytes(data)
        hashes.add(declare(kind="pip", directory=".").recipe(site(tmp_path)).hash)
    assert len(hashes) == 1


def test_an_exact_version_is_in_the_layer_of_its_name(tmp_path: Path) -> None:
    """Another version stays in it; no other layer's lock knows of that."""
    write(tmp_path, {"requirements.txt": "six==1\npackaging==1\nc>=1\n"})
    before = contents(tmp_path)
    write(tmp_path, {"requirements.txt": "six==2\npackaging==1\nc>=1\nd==1\n"})
    after = contents(tmp_path)
    layer_of = {text.strip(): name for name, text in before.items() if name.startswith("exact")}
    assert set(layer_of) == {"six==1", "packaging==1"}
    assert "six==2" in after[layer_of["six==1"]].splitlines()
    assert after[layer_of["packaging==1"]] == before[layer_of["packaging==1"]]


def test_a_constraint_pins_and_is_no_requirement(tmp_path: Path) -> None:
    """What constraints pin is exact; what nobody asks for is not installed."""
    write(tmp_path, {"requirements.txt": "a[x]\n-c c.txt\n", "c.txt": "a==1\nunused==2\n"})
    made = declare(kind="pip", directory=".").recipe(site(tmp_path))
    assert made.notes == ()
    found = contents(tmp_path)
    assert [text for name, text in found.items() if name.startswith("exact")] == ["a[x]==1\n"]
    assert found["rest/constraints.txt"] == "a==1\nunused==2\n"


def test_options_are_followed_or_refused(tmp_path: Path) -> None:
    """As pip: any index may have the best version; what has no counterpart is said, not left out."""
    write(tmp_path, {"requirements.txt": "--pre\n--extra-index-url https://example.org/simple\nsix\n"})
    text = declare(kind="pip", directory=".").recipe(site(tmp_path)).dockerfile
    assert "install --prerelease=allow --index-strategy=unsafe-best-match --requirements" in text
    write(tmp_path, {"requirements.txt": "--prefer-binary\nsix\n"})
    with pytest.raises(RecipeError, match=r"requirements\.txt:1: --prefer-binary is not followed; leave it out"):
        names(tmp_path)


def test_open_versions_are_noted_in_one_line(tmp_path: Path) -> None:
    """Each with its place; an exact one, a commit and a wheel of the lab are no open versions."""
    commit = "0" * 40
    text = f"numpy>=2\npandas\nsix==1.17.0\nx @ git+https://example.org/x@{commit}\ny==1.*\n"
    write(tmp_path, {"requirements.txt": text})
    (note,) = declare(kind="pip", directory=".").recipe(site(tmp_path)).notes
    shown = "requirements.txt:1 numpy>=2, requirements.txt:2 pandas, requirements.txt:5 y==1.*"
    assert note.code == "unpinned"
    assert note.message == f"another day gives another image: {shown}"


WHEEL = "a-1-py3-none-any.whl"
PYLOCK = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"requirements.txt": "numpy=2\n"},
            'error[requirement] requirements: requirements.txt:1: "numpy=2" is no requirement; write name==version',
        ),
        (
            {"requirements.txt": "a\n\n--frobnicate x\n"},
            "error[requirement] requirements: requirements.txt:3: unknown option --frobnicate",
        ),
        (
            {"requirements.txt": "a --hash='x\n"},
            "error[requirement] requirements: requirements.txt:1: its quotes do not match: No closing quotation",
        ),
        (
            {"requirements.txt": "a==1 --hash=sha256:aa\nb==1\n"},
            (
                "error[hashed] requirements: requirements.txt:2: b==1 has no hash, and others have;"
                " run `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`"
            ),
        ),
        (
            {"requirements.txt": "six==1 -r b.txt\n", "b.txt": "attrs==1\n"},
            "error[requirement] requirements: requirements.txt:1: asks for two things; write each on a line of its own",
        ),
        ({"requirements.txt": "-r b.txt -c b.txt\n", "b.txt": "attrs==1\n"}, None),
        (
            {"requirements.txt": "six==1 --config-settings='a=b'\n"},
            "error[requirement] requirements: requirements.txt:1: --config-settings is not followed; leave it out",
        ),
        (
            {"requirements.txt": f"-e git+https://example.org/a.git@{'a' * 40}#egg=a\n"},
            "error[requirement] requirements: requirements.txt:1: uv installs no repository as editable; leave out -e",
        ),
        ({"requirements.txt": "--require-hashes\na>=1 --hash=sha256:aa\n"}, None),
        (
            {"requirements.txt": "a==1\na==2\n"},
            "error[twice] requirements: requirements.txt:2: a is 2 here and 1 in requirements.txt:1; keep one of them",
        ),
        ({"requirements.txt": "./lib\n"}, 'error[no-file] requirements: requirements.txt:1: no file "lib" in lab/'),
        ({"requirements.txt": "-e ../lib\n"}, None),
        (
            {"requirements.txt": "./lib\n", "lib/a.py": ""},
            'error[no-package] requirements: requirements.txt:1: "lib" has neither pyproject.toml nor setup.py',
        ),
        (
            {"requirements.txt": "./lib\n", "lib/setup.py": "", "lib/.env": "CANARY"},
            "error[secret-in-context] requirements: requirements.txt:1: lib/.env would be sent to the builder",
        ),
        (
            {"requirements.txt": f"./{WHEEL}\n"},
            f'error[no-file] requirements: requirements.txt:1: no file "{WHEEL}" in lab/',
        ),
        (
            {"requirements.txt": "-f wheels\na\n"},
            'error[no-file] requirements: no wheel in "wheels", which --find-links names',
        ),
        (
            {"requirements.txt": "-f ../wheels\na\n"},
            'error[path-escapes] requirements: --find-links "../wheels" leads out of the lab\'s folder',
        ),
        ({"requirements.txt": "-i https://u:CANARY@example.org/simple\na\n"}, None),
        ({"requirements.txt": "--extra-index-url https://CANARY@example.org/simple\na\n"}, None),
        ({"requirements.txt": "a @ https://u:CANARY@example.org/a.whl\n"}, None),
        ({"requirements.txt": "git+https://u:CANARY@example.org/a\n"}, None),
        ({"requirements.txt": "-i https://${TOKEN}@example.org/simple\na\n"}, None),
        ({"pylock.toml": PYLOCK + "wheels = [{"}, None),
        ({"pylock.toml": 'lock-version = "9.0"\ncreated-by = "x"\npackages = []\n'}, None),
        ({"pylock.toml": PYLOCK}, None),
        (
            {
                "pylock.toml": PYLOCK
                + 'wheels = [{url = "https://x/a-1-cp312-cp312-win_amd64.whl", hashes = {sha256 = "aa"}}]\n'
            },
            (
                "error[lock] requirements: pylock.toml: has neither a wheel of a for linux/amd64 nor its source;"
                " write it anew, for example with `pip lock`"
            ),
        ),
        (
            {"pylock.toml": PYLOCK + f'wheels = [{{path = "{WHEEL}", hashes = {{sha256 = "aa"}}}}]\n'},
            f'error[no-file] requirements: no file "{WHEEL}" in lab/',
        ),
        ({"pylock.toml": PYLOCK + f'wheels = [{{path = "../{WHEEL}", hashes = {{sha256 = "aa"}}}}]\n'}, None),
    ],
)
def test_a_bad_file_is_one_clear_line(files: dict[str, str], line: str | None, tmp_path: Path) -> None:
    """Never a traceback, never a secret, and never a build that lacks something."""
    folder = tmp_path / "lab"
    folder.mkdir()
    write(folder, files)
    name = "pylock.toml" if "pylock.toml" in files else "requirements.txt"
    with pytest.raises(RecipeError) as error:
        declare(kind="pip", directory=".", requirements=name).recipe(site(folder))
    said = refused(error.value)
    assert len(said) == 1
    assert said[0].startswith("error[")
    assert "CANARY" not in said[0]
    assert "Traceback" not in said[0]
    if line:
        assert said == [line]


def test_data_beside_a_local_packages_sources_is_refused(tmp_path: Path) -> None:
    """By its size alone: it is not read."""
    write(tmp_path, {"requirements.txt": "./lib\n", "lib/setup.py": ""})
    with (tmp_path / "lib" / "data").open("wb") as data:
        data.truncate(2 * 1024**3)
    with pytest.raises(RecipeError, match=r'"lib" has 2048 MiB, and a local package at most 64Mi'):
        names(tmp_path)


def test_a_link_out_of_a_local_package_is_refused(tmp_path: Path) -> None:
    """Nothing outside of the lab is sent."""
    lab = write(tmp_path / "lab", {"requirements.txt": "./lib\n", "lib/setup.py": ""})
    write(tmp_path, {"secret": "CANARY"})
    (lab / "lib" / "out").symlink_to("../../secret")
    with pytest.raises(RecipeError, match='"lib/out" leads out of the lab'):
        names(lab)


def test_the_sources_of_a_local_package_come_in_full(tmp_path: Path) -> None:
    """What is made beside them does not; below, a name such as build is a package's, and a link to a folder is read."""
    sources = ["pyproject.toml", "src/lib/build/__init__.py", "src/lib/dist/a.py", "src/venv/a.py", "more/setup.py"]
    made = ["build/old.py", "dist/a.whl", "env/pyvenv.cfg", "env/bin/python", "uv.lock", "more/build/old.py"]
    write(tmp_path / "lib", dict.fromkeys([*sources, *made, "lib.egg-info/PKG-INFO", "src/__pycache__/a.pyc"], ""))
    write(tmp_path, {"requirements.txt": "./lib\n", "common/x.py": ""})
    (tmp_path / "lib" / "src" / "common").symlink_to("../../common")
    (tmp_path / "lib" / "data").symlink_to("/data")
    (tmp_path / "lib" / "here").symlink_to("/")
    files = declare(kind="pip", directory=".").recipe(site(tmp_path)).files
    local = {one.name.removeprefix("local/opt/project/lib/") for one in files if one.name.startswith("local/")}
    assert local == {*sources, "src/common/x.py"}


def test_a_python_that_the_base_lacks_is_refused(tmp_path: Path) -> None:
    """Where the base's tag says what it has."""
    write(tmp_path, {"requirements.txt": "six\n"})
    with pytest.raises(RecipeError, match=r"python 3.11 is wanted, and the base python:3.12-slim has 3.12"):
        names(tmp_path, python="3.11")
    assert names(tmp_path, python="3.12") == ["requirements.txt"]


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
