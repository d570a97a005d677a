"""The documentation says what is so: generated pages are fresh, the site builds, every example is read or run."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from labform.loading import read
from labform.recipes import recipes_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "reference")
BLOCK = re.compile(r"^```(?P<kind>\w+)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
README_COMMANDS = set(re.findall(r"^\$ (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE))
"""Those that a test of the real engine runs, in a clone."""


def blocks(kind: str) -> list[str]:
    """All blocks of a kind in the pages that people write."""
    return [one["text"] for page in WRITTEN for one in BLOCK.finditer(page.read_text()) if one["kind"] == kind]


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
