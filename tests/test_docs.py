"""The documentation says what is so: generated pages are fresh, the site builds, every example is read or run."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import commands
from tests.pages import FOLLOWED, OFFLINE, PAGES, ROOT, TASKS, WRITTEN, Reader, blocks_of, follower_of, needs_engine

DOCS = ROOT / "docs"
GENERATED = {"commands.md", "errors.md", "stack-file.md"}
"""Reference pages: their examples are run by tests/test_examples.py, tests/test_explain.py; a declaration has none."""


@pytest.mark.parametrize("name", ["stack-file.md", "commands.md", "errors.md"])
def test_a_page_from_the_code_is_fresh(name: str) -> None:
    """`make docs` writes it."""
    pages = runpy.run_path(str(DOCS / "_generate.py"))["pages"]()
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_the_site_builds(tmp_path: Path) -> None:
    """Without a warning: each page is in the navigation, each link leads somewhere."""
    mkdocs = Path(sys.executable).with_name("mkdocs")
    command = [
        mkdocs,
        "build",
        "--strict",
        "--quiet",
        "--config-file",
        ROOT / "mkdocs.yml",
        "--site-dir",
        tmp_path / "site",
    ]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "coming-from" / "index.html").is_file()
    assert not list((tmp_path / "site").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_every_block_is_executed_and_compared(page: Path) -> None:
    """A file that is written or edited, or commands; what labform prints is shown, and so compared."""
    for block in blocks_of(page):
        if block.kind != "console":
            assert block.title, f"{block}: nobody executes it; give it a title to write it to a file"
            continue
        assert block.text.startswith("$ "), f"{block}: no command prints its first line"
        for command, shown in block.commands:
            quiet = command.split()[0] not in ("labform", ".venv/bin/labform") or command.split()[1] == "lock"
            assert quiet or shown.replace("…", "").strip(), f"{block}: $ {command}: nobody compares what it prints"


def test_every_block_of_the_readme_is_executed() -> None:
    """By tests/engine/test_readme.py, which finds each by what is in it; one picture is drawn."""
    test = ROOT / "tests" / "engine" / "test_readme.py"
    found = re.findall(r'containing="([^"]+)"', test.read_text())
    for block in blocks_of(ROOT / "README.md"):
        known = block.kind == "console" or "┌" in block.text or any(one in block.text for one in found)
        assert known, f"{block}: {test.name} does not use it"


def test_reference_pages_are_those_whose_examples_are_run() -> None:
    """A new one must say who runs what it shows."""
    assert {path.name for path in (DOCS / "reference").glob("*.md")} <= GENERATED


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab as the index has it, from which every page starts."""
    reader = Reader(tmp_path_factory.mktemp("start") / "lab", os.environ, OFFLINE)
    reader.follow(TASKS / "index.md")
    return reader.folder


@pytest.mark.parametrize("page", [one for one in FOLLOWED if not needs_engine(one)], ids=lambda one: one.stem)
def test_a_page_goes_as_shown(page: Path, start: Path, tmp_path: Path) -> None:
    """Every file, edit and command of the page, in a lab that nothing runs of."""
    reader = Reader(tmp_path / "lab", os.environ, OFFLINE)
    shutil.copytree(start, reader.folder, symlinks=True, dirs_exist_ok=True)
    reader.follow(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_a_page_is_short_and_found(page: Path) -> None:
    """A few screens at most; a test that follows it in place of the common one names it."""
    assert len(page.read_text().splitlines()) <= 150
    if test := follower_of(page):
        assert page.name in (ROOT / test).read_text()


@pytest.mark.parametrize("page", [ROOT / "README.md", *WRITTEN], ids=lambda one: one.stem)
def test_a_command_in_a_sentence_exists(page: Path) -> None:
    """Each `labform …` in the text of a page, with every option that is written there."""
    known = dict(commands())
    for said in re.findall(r"`labform ([a-z][^`]*)`", page.read_text()):
        words = said.split(" -- ")[0].split()
        command = known.get(words[0]) or known.get(" ".join(words[:2]))
        assert command, f"{page.name}: there is no labform {said}"
        options = {one for each in command.params for one in (*each.opts, *each.secondary_opts)}
        assert {one for one in words if one.startswith("--")} <= options, f"{page.name}: labform {said}"
