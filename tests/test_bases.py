"""Bases that are environments: one recipe each, standing in its users' recipes by its hash."""

from pathlib import Path

import pytest
from labform.bases import all_bases
from labform.draft import Draft
from labform.loading import read
from labform.recipes import recipes_of

from tests.environments.golden import write
from tests.labs import stack_file

LAB = """\
format: 1
lab: test
runs_on: {kind: docker, hosts: {local: {}}}
bases:
  python: {image: "python:3.12-slim"}
  tools: {environment: {kind: dockerfile, directory: tools, base: python}}
  more-tools: {environment: {kind: dockerfile, directory: more, base: tools}}
  unused: {environment: {kind: prebuilt, image: "unused:1"}}
defaults: {base: more-tools}
people: {anna: {uid: 10042}}
projects:
  a: {owner: anna, environment: {kind: pip, directory: a}, run: {command: [python]}}
  b: {owner: anna, environment: {kind: dockerfile, directory: b, base: tools}, run: {command: [python]}}
  c: {owner: anna, environment: {kind: pip, directory: a, base: python}, run: {command: [python]}}
"""
FILES = {
    "tools/Dockerfile": "# escape=\\\nARG BASE\nFROM $BASE\n",
    "more/Dockerfile": "ARG BASE\nFROM $BASE AS x\nFROM x\n",
    "a/requirements.txt": "six==1.17.0\n",
    "b/Dockerfile": "ARG BASE\nFROM ${BASE}\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lab with bases on bases."""
    write(tmp_path, FILES)
    stack_file(tmp_path, LAB)
    return tmp_path


def draft(folder: Path) -> Draft:
    """The lab as it is read."""
    return read(folder / "lab.yaml")


def test_a_recipe_begins_with_its_base_as_an_argument(folder: Path) -> None:
    """The default names the base's recipe; every FROM takes the argument, whatever else stands in the file."""
    made = recipes_of(draft(folder))
    recipes, problems = made.recipes, made.problems
    assert problems == []
    tools = recipes["b"].bases["tools"]
    assert recipes["b"].dockerfile.startswith(
        f"ARG BASE\nARG LABFORM_BASE_TOOLS=labform-base/tools:{tools.hash}\nFROM ${{LABFORM_BASE_TOOLS}}\n"
    )
    assert tools.dockerfile.startswith("# escape=\\\nARG BASE\nFROM python")
    text = recipes["a"].dockerfile
    assert text.startswith("ARG LABFORM_BASE_MORE_TOOLS=labform-base/more-tools:")
    assert text.count("FROM ${LABFORM_BASE_MORE_TOOLS}") == 3
    assert "FROM python" not in text
    assert list(all_bases(recipes["a"])) == ["tools", "more-tools"]
    assert recipes["c"].bases == {}


def test_a_base_s_change_is_its_users_change_and_nobody_else_s(folder: Path) -> None:
    """Hashes say at preview which projects an edit of a base rebuilds."""
    before = recipes_of(draft(folder)).recipes
    write(folder, {"more/Dockerfile": "ARG BASE\nFROM $BASE\nRUN true\n"})
    after = recipes_of(draft(folder)).recipes
    assert [name for name in before if before[name].hash != after[name].hash] == ["a"]
    write(folder, {"tools/Dockerfile": "ARG BASE\nFROM $BASE\nRUN true\n"})
    last = recipes_of(draft(folder)).recipes
    assert [name for name in before if after[name].hash != last[name].hash] == ["a", "b"]


def test_what_no_running_project_stands_on_is_not_locked(folder: Path) -> None:
    """The lock holds the tags of the bases that are built, and none that stands for a recipe."""
    assert recipes_of(draft(folder)).images == ("python:3.12-slim",)


def test_a_broken_base_is_said_once(folder: Path) -> None:
    """Three recipes need it; one line says what is wrong, where the base is declared."""
    (folder / "tools" / "Dockerfile").unlink()
    problems = recipes_of(draft(folder)).problems
    assert [one.location for one in problems] == [("bases", "tools", "environment", "dockerfile")]
