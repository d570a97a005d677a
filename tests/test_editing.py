"""Edits of a stack file: one word changes, every other byte stays."""

import difflib
from pathlib import Path

import pytest
from labform.editing import with_entry, with_state
from labform.problems import LabformError
from labform.yaml_tree import parse

DEV = (Path(__file__).parents[1] / "stacks" / "dev.yaml").read_text()
BLOCK = "projects:\n  a:   # the first\n    owner: anna\n    run: {command: [x]}\n  b: {owner: anna} # flow\n"


def lines(before: str, after: str) -> list[str]:
    """What a diff shows."""
    shown = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in shown if line[0] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("project", sorted(parse(DEV).value["projects"]))
def test_a_project_of_the_example_lab_is_retired_and_deployed(project: str) -> None:
    """One line is added, then one word is changed."""
    retired = with_state(DEV, project, "retired")
    assert lines(DEV, retired) == ["+    state: retired"]
    assert lines(retired, with_state(retired, project, "running")) == ["-    state: retired", "+    state: running"]


@pytest.mark.parametrize(
    ("before", "project", "after"),
    [
        (BLOCK, "b", BLOCK.replace("{owner", "{state: retired, owner")),
        ("projects: {a: {owner: anna}}", "a", "projects: {a: {state: retired, owner: anna}}"),
        ("projects:\n  a:\n    owner: x\n    state: 'running' # ok\n", "a", None),
        ('projects:\n  a: {owner: x, state: "running"}\n', "a", None),
        ("projects:\n  a: {owner: x, state: running}\n", "a", None),
        ("projects:\r\n  a:\r\n    state: running\r\n", "a", None),
        ("projects:\n  'a': {\n    owner: x\n  }\n", "a", "projects:\n  'a': {\n    state: retired, owner: x\n  }\n"),
        ("projects:\n  state:\n    state: running\n", "state", "projects:\n  state:\n    state: retired\n"),
        ("projects:\n  a:\n    ? owner\n    : x\n", "a", "error"),
    ],
)
def test_layouts(before: str, project: str, after: str | None) -> None:
    """Block and flow, quoted and plain, with comments and Windows line ends."""
    if after == "error":
        with pytest.raises(LabformError, match="by hand"):
            with_state(before, project, "retired")
        return
    replaced = before.replace("'running'", "retired").replace('"running"', "retired").replace("running", "retired")
    assert with_state(before, project, "retired") == (after or replaced)


def test_what_is_so_already_is_left() -> None:
    """A project without a state is running."""
    assert with_state(BLOCK, "a", "running") is BLOCK


@pytest.mark.parametrize(("text", "project"), [(BLOCK, "c"), ("lab: x\n", "lab"), ("projects: 3\n", "a")])
def test_an_unknown_project_is_refused(text: str, project: str) -> None:
    """With the projects that there are."""
    with pytest.raises(LabformError, match="unknown-project"):
        with_state(text, project, "retired")


ENTRY = {"owner": "anna", "mounts": {"home": "/home/lab"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lab: x\n", "lab: x\n\nprojects:\n  new: ENTRY\n"),
        ("lab: x", "lab: x\n\nprojects:\n  new: ENTRY\n"),
        ("projects: {}   # none yet\nlab: x\n", "projects:   # none yet\n  new: ENTRY\nlab: x\n"),
        ("projects:\nlab: x\n", "projects:\n  new: ENTRY\nlab: x\n"),
        (
            "projects:\n    a: {b: 1} # one\n\n# next\nlab: x\n",
            "projects:\n    a: {b: 1} # one\n    new: ENTRY\n\n# next\nlab: x\n",
        ),
        (
            "projects:\n  a:\n    b: 1\n    # of a\n\nlab: x\n",
            "projects:\n  a:\n    b: 1\n    # of a\n  new: ENTRY\n\nlab: x\n",
        ),
        ("lab: x\nprojects:\n  a:\n    b: [1,\n  2]\n", "lab: x\nprojects:\n  a:\n    b: [1,\n  2]\n  new: ENTRY\n"),
    ],
)
@pytest.mark.parametrize("lines", [False, True])
def test_an_entry_is_added_at_the_end_of_its_section(before: str, after: str, lines: bool) -> None:
    """Whatever stands around it stays, comments of the next section too."""
    indent = "    " if before.startswith("projects:\n    a") else "  "
    fields = "".join(f"\n{indent}  {line}" for line in ("owner: anna", "mounts: {home: /home/lab}"))
    shown = fields if lines else " {owner: anna, mounts: {home: /home/lab}}"
    assert with_entry(before, "projects", "new", ENTRY, lines=lines) == after.replace(" ENTRY", shown)


@pytest.mark.parametrize(("section", "name"), [("projects", "notebook"), ("people", "anna"), ("volumes", "rooms")])
def test_an_entry_that_is_there_is_refused(section: str, name: str) -> None:
    """Nothing is replaced."""
    with pytest.raises(LabformError, match="exists"):
        with_entry(DEV, section, name, ENTRY)


@pytest.mark.parametrize("section", ["people", "volumes", "projects", "groups", "retired"])
def test_the_example_lab_grows_by_lines_alone(section: str) -> None:
    """No line of it goes."""
    assert {line[0] for line in lines(DEV, with_entry(DEV, section, "new", ENTRY, lines=True))} == {"+"}


@pytest.mark.parametrize("text", ["projects: {a: {b: 1}}\n", "{projects: {}}\n", "projects: {\n}\n"])
def test_a_layout_that_cannot_be_edited_is_said(text: str) -> None:
    """With what to write by hand."""
    with pytest.raises(LabformError, match=r"by hand:\n *new: \{owner: anna"):
        with_entry(text, "projects", "new", ENTRY)
