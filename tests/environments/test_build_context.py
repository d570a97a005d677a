"""The build context: Docker's own reading of .dockerignore, compared with the builder itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from labform.environments import RecipeError
from labform.environments.build_context import context, ignored, rules

import sandbox
from tests.environments.golden import refused, site, write
from tests.warm import warm_sandbox

TREE = (
    *("a.txt", "b.log", ".hidden", "space name", "[x].txt", "UPPER.TXT", "data/a.txt", "data/b.log", "data/deep/a.txt"),
    *("data/deep/er/b.log", "docs/README.md", "docs/more.md", "src/a.py", "src/build/out.o", "build/out.o", "x/build"),
    *("keep/a.txt", "keep/b.txt", "node_modules/m/i.js", "src/node_modules/m/i.js", "file-1", "file-2", "file-a", "é"),
)
IGNORES = {
    "nothing": "",
    "comments": "# a.txt\n #a.txt\n\n   \nb.log   \n",
    "leading-slash": "/a.txt\n/src/\n",
    "stars": "*.txt\n*/*.log\n",
    "deep": "**/*.log\n**/node_modules\n",
    "deep-middle": "data/**/a.txt\n",
    "deep-end": "data/**\n",
    "everything-but": "*\n!src\n!docs/*.md\n",
    "exception-below": "data\n!data/deep/a.txt\n",
    "last-wins": "*.md\n!docs/README.md\ndocs/README.md\n",
    "brought-back": "docs\n!docs/README.md\ndocs/R*\n!docs/README*\n",
    "classes": "file-[0-9]\n",
    "not-class": "file-[^0-9]\n",
    "escaped": "\\[x\\].txt\n",
    "question": "?.txt\nfile-?\n",
    "dots": "./a.txt\nsrc/../build\n.\n",
    "double-slash": "src//build\n",
    "case": "upper.txt\n",
    "windows-lines": "a.txt\r\n!keep\r\nkeep\r\n",
    "bom": "\ufeffa.txt\n",
    "exception-spaces": "keep\n! keep/a.txt\n",
    "hidden": ".*\n",
    "utf-8": "é\n",
    "itself": ".dockerignore\nDockerfile\n",
}
"""Ignore files for the tree; names say what is special."""


@pytest.fixture(scope="module")
def box() -> Iterator[sandbox.Sandbox]:
    """A daemon of this run's own."""
    with warm_sandbox("context") as made:
        yield made


def files(folder: Path) -> set[str]:
    """The names of a folder's files."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.sandbox
def test_the_builder_leaves_out_the_same(box: sandbox.Sandbox, tmp_path: Path) -> None:
    """`COPY . /` of each tree gives the files that are sent, less what the builder itself leaves out of them."""
    env = {**os.environ, **box.env, "DOCKER_BUILDKIT": "1"}
    for name, text in IGNORES.items():
        folder = write(tmp_path / name, {one: one for one in TREE} | {"Dockerfile": "FROM scratch\nCOPY . /\n"})
        (folder / ".dockerignore").write_text(text, encoding="utf-8")
        output = tmp_path / f"{name}-out"
        command = [str(box.docker_cli), "build", "--quiet", "--output", str(output), str(folder)]
        subprocess.run(command, env=env, check=True, capture_output=True)
        ignore = rules(text, ".dockerignore")
        sent = {one.name for one in context(folder, "Dockerfile", 10**6, site(folder))} | {"Dockerfile"}
        assert files(output) == {one for one in sent if not ignored(one, ignore)}, name


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n[\n", '.dockerignore:2: "[" is not a pattern'),
        ("!\n", '.dockerignore:1: "!" is not a pattern'),
        ("a[b-]\n[]\n", '.dockerignore:2: "[]" is not a pattern'),
        ("a\\\n", '.dockerignore:1: "a\\" is not a pattern'),
    ],
)
def test_a_line_that_is_no_pattern_is_refused(text: str, line: str) -> None:
    """The builder would refuse the whole build; here it is one line with its number."""
    with pytest.raises(RecipeError) as error:
        rules(text, ".dockerignore")
    assert any(line in one for one in refused(error.value))


def test_a_folder_that_is_left_out_is_not_entered(tmp_path: Path) -> None:
    """A data folder that nobody may read is no fault where it is ignored."""
    write(tmp_path, {".dockerignore": "data\n", "data/x": "", "a": ""})
    looked: list[str] = []
    scandir = os.scandir
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: (looked.append(Path(path).name), scandir(path))[1])
        sent = [one.name for one in context(tmp_path, "Dockerfile", 10**6, site(tmp_path))]
    assert (sent, "data" in looked) == ([".dockerignore", "a"], False)


def test_the_dockerfile_s_own_ignore_file_wins(tmp_path: Path) -> None:
    """`<Dockerfile>.dockerignore` replaces `.dockerignore`, as BuildKit has it."""
    write(tmp_path, {".dockerignore": "a\n", "x/Dockerfile.dockerignore": "b\n", "a": "", "b": ""})
    sent = [one.name for one in context(tmp_path, "x/Dockerfile", 10**6, site(tmp_path))]
    assert sent == [".dockerignore", "a", "x/Dockerfile.dockerignore"]
