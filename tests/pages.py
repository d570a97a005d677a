"""Pages of the documentation as a reader follows them: files are written, edits are made, commands are run.

In a page of docs/ that nobody generates, from its top to its end, in a lab's repository as docs/tasks/index.md has it:
a block with a title is written to the file of that name; a `diff` with a title edits it; of a `console`, each command
is run by bash and must print what stands below it. `…` stands for any text, on a line of its own for any lines; a
command with nothing below it may print anything. Where an error, or something missing, is shown the command must fail,
else it must not. With LABFORM_WRITE_EXPECTED=1 what a command prints is written below it instead, where something
stood there.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
TASKS = ROOT / "docs" / "tasks"
LABFORM = Path(sys.executable).with_name("labform")
ZEROS = f"python:3.12-slim=python@sha256:{'0' * 64}"
OFFLINE = {
    "lock": f"--offline --image {ZEROS}",
    "render": f"--image thesis=registry.example.org/ds01/thesis@sha256:{'0' * 64}",
}
"""What stands for registries and builds where there are none."""
ENGINE = re.compile(r"^\$ .*\b(pulumi|docker|status|logs|shell|deploy|retire|freeze|build)\b", re.MULTILINE)
"""What only a lab that runs can answer; `--no-up` is not told apart, so such a page is run with the engine too."""
_COMMIT = re.compile(r"\b[0-9a-f]{12}\b(?= →| to |`$)|(?<=→ )[0-9a-f]{12}\b|(?<=image )[0-9a-f]{16}\b")
"""Names of commits and of images, which differ from reader to reader."""
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that it names, and its text."""

    page: Path
    kind: str
    title: str
    text: str

    def __str__(self) -> str:
        """Where it is, for a failing test."""
        return f"{self.page.relative_to(ROOT)}: {self.kind or 'no language'}: {self.text.splitlines()[:1]}"

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """The commands of a console, each with what is shown below it."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def blocks_of(page: Path) -> list[Block]:
    """Every block of code of a page, indented ones too, as Markdown defines them."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    found = [one for one in tokens if one.type in ("fence", "code_block")]
    return [Block(page, one.info.split(" ")[0], _title(one.info), one.content) for one in found]


def _title(info: str) -> str:
    match = _TITLE.search(info)
    return match[1] if match else ""


def follower_of(page: Path) -> str:
    """The test that follows a page, where that is not the common one: the page says so in its first lines."""
    match = re.match(r"# .*\n\n<!-- followed by (\S+) -->\n", page.read_text())
    return match[1] if match else ""


WRITTEN = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference")
PAGES = [page for page in WRITTEN if blocks_of(page)]
"""Pages with something to execute."""
FOLLOWED = [page for page in PAGES if page != TASKS / "index.md" and not follower_of(page)]
"""Pages that a test follows from top to end, in the lab of the index."""


def needs_engine(page: Path) -> bool:
    """Whether a page runs what needs a daemon and an engine."""
    return any(one.kind == "console" and ENGINE.search(one.text) for one in blocks_of(page))


class Reader:
    """Somebody who follows pages in a lab's repository."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], options: Mapping[str, str], answer: str = ""
    ) -> None:
        """In a lab's repository, or a folder for one; `answer` is what they say to questions.

        `options` are given to labform's commands, as shell words. They stand for what a reader's own network says:
        what a tag stands for, where hosts are.
        """
        self.folder, self._answer, self._written = folder, answer, dict[Path, int]()
        folder.mkdir(parents=True, exist_ok=True)
        self.tools = tools = folder.parent / "tools"
        tools.mkdir()
        cases = "".join(f'{name}) set -- "$1" {words} "${{@:2}}" ;;\n' for name, words in options.items())
        (tools / "labform").write_text(f'#!/bin/bash\ncase "$1" in\n{cases}esac\nexec {LABFORM} "$@"\n')
        (tools / "labform").chmod(0o755)
        own = {"GIT_CONFIG_GLOBAL": str(tools / "gitconfig"), "PATH": f"{tools}:{environment['PATH']}"}
        (tools / "gitconfig").write_text("[user]\nname = anna\nemail = anna@example.org\n")
        # A `make` that runs the tests has told its own commands to name the folder that they are in.
        outside = {key: one for key, one in environment.items() if not key.startswith(("MAKE", "MFLAGS"))}
        self.environment = {**outside, **own}

    def follow(self, page: Path) -> str:
        """Do all that a page says, in its order; all that was printed."""
        said = ""
        for block in blocks_of(page):
            if block.kind == "console":
                for command, shown in block.commands:
                    said += self._command(block, command, shown)
            elif block.kind == "diff":
                self._edit(block)
            else:
                assert block.title, f"{block}: nobody executes it; give it a title to write it to a file"
                path = self.folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
        return said

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command as bash runs it, with what it says on both streams."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            input=self._answer,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _edit(self, block: Block) -> None:
        """Replace the lines of a diff, which must be there once."""
        path = self.folder / block.title
        lines = block.text.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("-", " "))
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("+", " "))
        text = path.read_text()
        assert text.count(old) == 1, f"{block}: its old lines are not once in {block.title}\n{text}"
        path.write_text(text.replace(old, new))

    def _command(self, block: Block, command: str, shown: str) -> str:
        done = self.run(command)
        failed = bool(re.search(r"\berror(\[|:)|: missing;", shown))
        if shown and os.environ.get("LABFORM_WRITE_EXPECTED"):
            said = "".join(f"{_COMMIT.sub('…', line.rstrip())}\n" for line in done.stdout.splitlines())
            self._write(block.page, f"$ {command}\n{shown}", f"$ {command}\n{said}")
            return done.stdout
        assert (done.returncode != 0) == failed, f"{block}: $ {command}\n{done.stdout}"
        assert not shown or re.fullmatch(_pattern(shown), _even(done.stdout)), f"{block}: $ {command}\n{done.stdout}"
        return done.stdout

    def _write(self, page: Path, old: str, new: str) -> None:
        """Replace what is shown in a page, behind all that was replaced before."""
        text, done = page.read_text(), self._written.get(page, 0)
        start = text.index(old, done)
        page.write_text(text[:start] + new + text[start + len(old) :])
        self._written[page] = start + len(new)


def _pattern(shown: str) -> str:
    """What output must be like, as an expression."""
    lines = [
        "(.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.split("…"))) + "\n"
        for line in _even(shown).splitlines()
    ]
    return "".join(lines)


def _even(text: str) -> str:
    """A text without blank lines, trailing blanks, and the widths of columns."""
    return "".join(f"{' '.join(line.split())}\n" for line in text.splitlines() if line.strip())
