"""Recipes are deterministic: the same declaration and bytes give the same image, everywhere and at any time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labform.environments import RecipeError
from labform.environments.recipe import context_file, project_folder, read_files, secrets, writable

from tests.environments.golden import CASES, FOLDER, declare, environment, recipe, refused, site, write


@pytest.fixture
def umask() -> Iterator[None]:
    """A umask that takes everything from everybody else."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def copied(name: str, place: Path, order: Random | None = None) -> Path:
    """A case, somewhere else; files are made anew, in any order, with the modes and times of here and now."""
    paths = sorted((FOLDER / name).rglob("*"))
    for path in order.sample(paths, len(paths)) if order else paths:
        target = place / path.relative_to(FOLDER / name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
        elif path.is_file():
            target.write_bytes(path.read_bytes())
            target.chmod(target.stat().st_mode | (path.stat().st_mode & 0o100))
            os.utime(target, (1, 1))
    return place


@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_its_dockerfile(name: str) -> None:
    """The text of the Dockerfile is the one that was reviewed."""
    expected = FOLDER / name / "Dockerfile.expected"
    text = recipe(FOLDER / name).dockerfile
    if os.environ.get("LABFORM_WRITE_EXPECTED"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_every_kind_has_its_cases() -> None:
    """Three cases of each kind at least."""
    kinds = [getattr(environment(FOLDER / name), "kind", "") for name in CASES]
    every = ("uv", "pip", "conda", "dockerfile", "devcontainer", "prebuilt", "detect")
    assert {kind: kinds.count(kind) for kind in every if kinds.count(kind) < 3} == {}
    assert len([name for name in CASES if name.startswith("pixi")]) >= 3


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("umask")
def test_place_umask_and_time_change_nothing(name: str, tmp_path: Path) -> None:
    """A copy at another path, with another umask and other times, is the same recipe."""
    here, there = recipe(FOLDER / name), recipe(copied(name, tmp_path / "a" / "longer path"))
    assert (here.hash, here.dockerfile, here.context_size) == (there.hash, there.dockerfile, there.context_size)
    assert [(one.name, one.executable, one.link) for one in here.files] == [
        (one.name, one.executable, one.link) for one in there.files
    ]


@pytest.mark.parametrize("name", CASES)
def test_every_byte_that_is_read_counts(name: str, tmp_path: Path) -> None:
    """One more byte in any of the project's files in the context is another recipe, and so is one that can be run."""
    place = copied(name, tmp_path)
    before, files = recipe(place).hash, recipe(place).files
    for one in (one for one in files if one.text is None and one.source.is_relative_to(place)):
        if one.link:
            continue
        bytes_before, mode = one.source.read_bytes(), one.source.stat().st_mode
        one.source.write_bytes(bytes_before + b"\n")
        assert recipe(place).hash != before, one.name
        one.source.write_bytes(bytes_before)
        one.source.chmod(mode ^ 0o100)
        assert recipe(place).hash != before, one.name
        one.source.chmod(mode)
    assert recipe(place).hash == before


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("uv", "pip"))])
@pytest.mark.timeout(20)
def test_what_is_not_named_is_not_read(name: str, tmp_path: Path) -> None:
    """Two GiB, a pipe that nobody writes to and a dangling link beside a project change nothing: none is opened."""
    place = copied(name, tmp_path)
    before = recipe(place).hash
    with (place / "project" / "data.bin").open("wb") as data:
        data.truncate(2 * 1024**3)
    os.mkfifo(place / "project" / "pipe")
    (place / "project" / "dangling").symlink_to("nowhere")
    (place / "project" / ".venv").mkdir()
    assert recipe(place).hash == before
    assert recipe(place).context_size < 30_000


HASHES = """
import sys
from pathlib import Path
from tests.environments.golden import recipe
print(*(recipe(Path(one)).hash for one in sys.argv[1:]))
"""


def test_environment_changes_nothing(tmp_path: Path) -> None:
    """Another locale, time zone, home, hash seed, working directory and index of the caller's."""
    repository = Path(__file__).parents[2]
    other = {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata", "HOME": str(tmp_path), "PYTHONHASHSEED": "7"}
    other |= {"UV_DEFAULT_INDEX": "https://example.org", "PIP_INDEX_URL": "https://example.org", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", HASHES, *(str(FOLDER / name) for name in CASES)]
    env = {**os.environ, **other, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [recipe(FOLDER / name).hash for name in CASES]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(CASES),
    seed=st.integers(0, 2**31),
    mask=st.sampled_from([0o000, 0o002, 0o022, 0o027, 0o077]),
    moment=st.integers(0, 2**31),
    place=st.sampled_from(["x", "Ein Ort/mit Leerzeichen", "a/b/c/d/e"]),
)
def test_no_fact_of_a_checkout_matters(name: str, seed: int, mask: int, moment: int, place: str) -> None:
    """Where a clone is, in which order its files were written, when, and by whose umask: the recipe is the same."""
    with TemporaryDirectory() as made:
        before = os.umask(mask)
        try:
            folder = copied(name, Path(made) / place, Random(seed))
        finally:
            os.umask(before)
        for path in folder.rglob("*"):
            os.utime(path, (moment, moment), follow_symlinks=False)
        here, there = recipe(FOLDER / name), recipe(folder)
        assert (here.hash, here.text) == (there.hash, there.text)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("dockerfile-ignored")])
def test_windows_line_ends_are_the_same_environment(name: str, tmp_path: Path) -> None:
    """A clone by git on Windows: every text of a project is read, and asks for the same packages and images."""
    place = copied(name, tmp_path)
    for path in place.joinpath("project").rglob("*") if (place / "project").is_dir() else ():
        if path.is_file() and not path.is_symlink() and b"\0" not in (content := path.read_bytes()):
            path.write_bytes(content.replace(b"\n", b"\r\n"))
    text = recipe(place).dockerfile.replace("\r", "")
    assert text == (FOLDER / name / "Dockerfile.expected").read_text()


@pytest.mark.parametrize("kind", sorted({name.partition("-")[0] for name in CASES}))
def test_a_byte_changes_the_images_that_use_it_alone(kind: str, tmp_path: Path) -> None:
    """Every file that a kind's cases send is edited in turn: its own case is another image, and no other one is."""
    places = {name: copied(name, tmp_path / name) for name in CASES if name.startswith(kind)}
    before = {name: recipe(place).hash for name, place in places.items()}
    for name, place in places.items():
        for one in recipe(place).files:
            if one.text is None and one.link is None and one.source.is_relative_to(place):
                kept = one.source.read_bytes()
                one.source.write_bytes(kept + b"\n")
                changed = {key for key, other in places.items() if recipe(other).hash != before[key]}
                one.source.write_bytes(kept)
                assert changed == {name}, one.name


def test_the_parts_of_a_hash_do_not_run_together(tmp_path: Path) -> None:
    """Moving a letter from one file's name or text to its neighbour's is another recipe."""
    first = write(tmp_path / "one", {"requirements.txt": "", "ab": "c", "d": "e"})
    second = write(tmp_path / "two", {"requirements.txt": "", "a": "bc", "d": "e"})
    hashes = {
        declare(kind="pip", directory=".", files=names).recipe(site(folder)).hash
        for folder, names in ((first, ["ab", "d"]), (second, ["a", "d"]), (second, ["a"]))
    }
    assert len(hashes) == 3


def test_the_base_is_part_of_the_recipe(tmp_path: Path) -> None:
    """Another base, and another digest for the same base, is another recipe."""
    folder = write(tmp_path, {"requirements.txt": "numpy\n"})
    hashes = {declare(kind="pip", directory=".", base=base).recipe(site(folder)).hash for base in ("python", "torch")}
    assert len(hashes) == 2


def test_mount_points_are_words_of_the_shell() -> None:
    """A place with a space or a command in it is one directory, and each is named once."""
    line = writable(["/my data", "/$(reboot)", "/data"]).splitlines()[0]
    assert line == (
        "RUN mkdir -p '/$(reboot)' /data /home/lab '/my data' /workspace"
        " && chmod 1777 '/$(reboot)' /data /home/lab '/my data' /workspace"
    )


def test_a_folder_is_below_the_lab(tmp_path: Path) -> None:
    """A folder that is outside, by its name or by a link, is refused; one that is a file too."""
    lab = write(tmp_path / "lab", {"file": ""})
    (lab / "link").symlink_to(tmp_path)
    for directory, code in (
        ("..", "path-escapes"),
        ("/", "path-escapes"),
        ("link", "path-escapes"),
        ("file", "no-directory"),
    ):
        with pytest.raises(RecipeError, match=rf"error\[{code}\] directory: "):
            project_folder(directory, site(lab))


def test_a_folder_of_files_is_read_in_full_but_caches(tmp_path: Path) -> None:
    """Files below a folder come in the order of their names; what Python caches does not come."""
    write(tmp_path / "src", {"b.py": "", "a/c.py": ""})
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "b.pyc").write_bytes(b"cache")
    names = [one.name for one in read_files(tmp_path, ["src", "./src/b.py"], site(tmp_path), into="project")]
    assert names == ["project/src/a/c.py", "project/src/b.py", "project/src/b.py"]


def test_a_link_is_read_as_what_it_leads_to(tmp_path: Path) -> None:
    """Bytes behind a link within the lab are part of the recipe, since the link's end is no part of the context."""
    folder = write(tmp_path / "project", {"shared/base.txt": "numpy\n"})
    (folder / "requirements.txt").symlink_to("shared/base.txt")
    environment = declare(kind="pip", directory="project")
    before = environment.recipe(site(tmp_path)).hash
    write(folder, {"shared/base.txt": "numpy==2\n"})
    after = environment.recipe(site(tmp_path))
    assert "environment/exact-2/requirements.txt" in [one.name for one in after.files if one.link is None]
    assert after.hash != before


def test_a_link_out_of_the_lab_is_refused(tmp_path: Path) -> None:
    """Nothing outside of the lab's folder is read, neither by a named file nor by one below a named folder."""
    lab = write(tmp_path / "lab", {"src/a.py": ""})
    write(tmp_path, {"secret": "CANARY"})
    (lab / "named").symlink_to("../secret")
    (lab / "src" / "below").symlink_to("../../secret")
    with pytest.raises(RecipeError) as error:
        read_files(lab, ["named", "src"], site(lab), into="project")
    assert refused(error.value) == [
        'error[path-escapes] files.0: "named" leads out of the lab\'s folder',
        'error[path-escapes] files.1: "src/below" leads out of the lab\'s folder',
    ]


def test_links_to_folders_are_followed_within_the_lab(tmp_path: Path) -> None:
    """In the order of names; nothing outside is looked at, and what cannot be copied is said."""
    lab = write(tmp_path / "lab", {"src/a.py": "", "common/x/y.py": "", "src/.#a.py": ""})
    (lab / "src" / "common").symlink_to("../common")
    (lab / "src" / ".#b.py").symlink_to("anna@desk.1:2")
    names = [one.name for one in read_files(lab, ["src"], site(lab), into="project")]
    assert names == ["project/src/a.py", "project/src/common/x/y.py"]
    write(tmp_path, {"data/secret": "CANARY"})
    (lab / "common" / "x" / "back").symlink_to("..")
    (lab / "src" / "data").symlink_to("../../data")
    (lab / "src" / "gone").symlink_to("nowhere")
    with pytest.raises(RecipeError) as error:
        read_files(lab, ["src"], site(lab), into="project")
    assert refused(error.value) == [
        'error[no-file] files.0: link "src/common/x/back" leads nowhere, or back to a folder that it is in',
        'error[path-escapes] files.0: "src/data" leads out of the lab\'s folder',
        'error[no-file] files.0: link "src/gone" leads nowhere, or back to a folder that it is in',
    ]


def test_a_folder_without_files_is_missing(tmp_path: Path) -> None:
    """A folder that would add nothing to the image is said to be missing, as COPY would fail on it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r'files\.0: no file "empty"'):
        read_files(tmp_path, ["empty"], site(tmp_path), into="project")


def test_an_unreadable_file_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without the permission to read is named before anything is built."""
    write(tmp_path, {"closed": ""})
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="closed"):
        context_file(tmp_path / "closed", "closed")


def test_keys_are_known_by_their_names() -> None:
    """Files that hold keys by convention are found at any depth, a folder once, with their whole path."""
    names = [
        ".env",
        "a/.env",
        ".git/config",
        ".git/HEAD",
        "x/id_rsa",
        "x/id_rsa.pub",
        "server.pem",
        "a/.netrc",
        "env.py",
    ]
    assert secrets(names) == [".env", ".git", "a/.env", "a/.netrc", "server.pem", "x/id_rsa"]


def test_a_copy_of_a_copy_is_the_same(tmp_path: Path) -> None:
    """A tree that was copied with its times and modes gives the recipe of the original."""
    shutil.copytree(FOLDER / "dockerfile-plain", tmp_path / "copy")
    assert recipe(tmp_path / "copy").hash == recipe(FOLDER / "dockerfile-plain").hash
