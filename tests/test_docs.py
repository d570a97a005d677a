"""The documentation says what is so: generated pages are fresh, the site builds, every example is read or run."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from labform.loading import read
from labform.recipes import recipes_of

from tests.pages import OFFLINE, ROOT, TASKS, Reader, blocks_of, follower_of, needs_engine

DOCS = ROOT / "docs"
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "reference")
GENERATED = {"commands.md", "errors.md", "stack-file.md"}
"""Reference pages: their examples are run by tests/test_examples.py, tests/test_explain.py; a declaration has none."""
README_COMMANDS = set(re.findall(r"^\$ (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE))
"""Those that a test of the real engine runs, in a clone."""


SHOWN = {"drift.md": "text", "editors.md": "text", "builders.md": "dockerfile"}
"""Pages with blocks of a kind that show a part or a state which no page brings about: those alone are not run."""
PLAIN = [page for page in WRITTEN if page.parent != TASKS or page.name in SHOWN]
"""Pages whose blocks stand alone."""
FOLLOWED = [
    page
    for page in sorted(TASKS.glob("*.md"))
    if page in WRITTEN and page not in PLAIN and page.stem != "index" and not follower_of(page)
]
"""Pages that a test follows from top to end; each begins with what the index does."""


def blocks(kind: str) -> list[str]:
    """All blocks of a kind in the pages that stand alone."""
    return [one.text for page in PLAIN for one in blocks_of(page) if one.kind == kind]


COMMANDS = sorted({line[2:] for text in blocks("console") for line in text.splitlines() if line.startswith("$ ")})


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


@pytest.mark.parametrize("page", PLAIN, ids=lambda one: one.stem)
def test_every_block_is_one_that_is_executed(page: Path) -> None:
    """A stack file, which is validated, or commands, which are run; none shows what nobody compares."""
    for block in blocks_of(page):
        known = ("yaml", "console", SHOWN.get(page.name))
        assert block.kind in known, f"{block}: nobody executes it"
        if block.kind == "console":
            assert all(not shown for _, shown in block.commands), f"{block}: nobody compares what is shown"
            assert block.text.startswith("$ "), str(block)


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
def test_a_task_goes_as_shown(page: Path, start: Path, tmp_path: Path) -> None:
    """Every file, edit and command of the page, in a lab that nothing runs of."""
    reader = Reader(tmp_path / "lab", os.environ, OFFLINE)
    shutil.copytree(start, reader.folder, symlinks=True, dirs_exist_ok=True)
    reader.follow(page)


@pytest.mark.parametrize("page", sorted(TASKS.glob("*.md")), ids=lambda one: one.stem)
def test_a_task_is_short_and_found(page: Path) -> None:
    """Two screens at most; who follows it is a test that names it, or the common one."""
    assert len(page.read_text().splitlines()) <= 120
    if test := follower_of(page):
        assert page.name in (ROOT / test).read_text()


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_stack_file_is_valid(text: str, tmp_path: Path) -> None:
    """Each one that is shown passes every check, with the environments it names."""
    path = tmp_path / "stacks" / "shown.yaml"
    path.parent.mkdir()
    path.write_text(text)
    draft = read(path)
    draft.refuse(recipes_of(draft).problems)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in README_COMMANDS])
def test_a_command_runs(command: str, tmp_path: Path) -> None:
    """In a clone; those that the README has too are run by its own test."""
    words = command.split()
    assert words[0] == ".venv/bin/labform", f"nobody runs {command}"
    done = subprocess.run(
        [Path(sys.executable).with_name("labform"), *words[1:]], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
