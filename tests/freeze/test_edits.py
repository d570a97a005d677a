"""Changes written into a project's own files: what stays is as it was, to the byte."""

from pathlib import Path

import pytest
from labform.freeze.packages import Change, Package
from labform.freeze.pyproject import edit_pyproject, edit_pyprojects
from labform.freeze.requirements import edit_requirements

COMMIT = "c" * 40
GIT = f"git+https://git.example.org/six.git@{COMMIT}"


def changed(new: Package) -> Change:
    """A package that is another one now."""
    return Change(new.name.lower(), Package(new.name, "0.1"), new)


def removed(name: str) -> Change:
    """A package that is gone."""
    return Change(name, Package(name, "0.1"), None)


def added(package: Package) -> Change:
    """A package that the image lacks."""
    return Change(package.name.lower(), None, package)


SIX = changed(Package("six", "1.17.0"))


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("six==1.16.0\n", SIX, "six==1.17.0\n"),
        ("# why\nSix >= 1.0  # for dates\r\n", SIX, "# why\nSix==1.17.0  # for dates\r\n"),
        ("six[a,b]>=1; python_version < '3.13'\n", SIX, 'six[a,b]==1.17.0; python_version < "3.13"\n'),
        ("six==1.16.0", SIX, "six==1.17.0"),
        ("six \\\n  >=1.0 \\\n  ,<2\nnumpy\n", SIX, "six==1.17.0\nnumpy\n"),
        ("numpy", SIX, "numpy\nsix==1.17.0\n"),
        ("", SIX, "six==1.17.0\n"),
        ("six\nnumpy\n", removed("six"), "numpy\n"),
        ("six; python_version < '4'\n", changed(Package("six", "1", url=GIT)), f'six @ {GIT} ; python_version < "4"\n'),
        (f"six @ {GIT}\n", SIX, "six==1.17.0\n"),
        (f"-e {GIT}#egg=six\n", SIX, "six==1.17.0\n"),
        (
            f"{GIT}#egg=six\n",
            changed(Package("six", "1", url=GIT.replace("c", "d"))),
            f"six @ {GIT.replace('c', 'd')}\n",
        ),
        ("# C:\\x\\\nsix==1\n", SIX, "# C:\\x\\\nsix==1.17.0\n"),
        ("numpy\r\n", SIX, "numpy\r\nsix==1.17.0\r\n"),
        ("six\n", changed(Package("six", "1", url="file:///opt/project/lib", editable=True)), "-e ./lib\n"),
        ("six\n", changed(Package("six", "1", url="file:///opt/project")), ".\n"),
        (
            "--index-url https://example.org\nsixer==1\n",
            SIX,
            "--index-url https://example.org\nsixer==1\nsix==1.17.0\n",
        ),
    ],
)
def test_requirements(before: str, change: Change, after: str) -> None:
    """The line of the package is edited where it stands; every other line is as it was."""
    assert edit_requirements({"requirements.txt": before}, [change]) == ({"requirements.txt": after}, [])


def test_the_file_that_names_a_package_is_edited() -> None:
    """An included file keeps its lines; a new package goes into the project's own."""
    texts = {"requirements.txt": "-r base.txt\n", "base.txt": "six==1.16.0\n"}
    edited, problems = edit_requirements(texts, [SIX, changed(Package("new", "1"))])
    assert problems == []
    assert edited == {"requirements.txt": "-r base.txt\nnew==1\n", "base.txt": "six==1.17.0\n"}


@pytest.mark.parametrize(
    ("main", "other", "after"),
    [
        ("-c other.txt\nnumpy\n", "six==1.16.0\n", "-c other.txt\nnumpy\nsix==1.17.0\n"),
        ("six; sys_platform == 'win32'\n", "", 'six==1.17.0; sys_platform == "win32"\nsix==1.17.0\n'),
        ("six\n", "", "six==1.17.0\n"),
        ("--requirement=other.txt\n", "six==1.16.0\n", "--requirement=other.txt\n"),
    ],
    ids=["constraint", "of another system", "named since", "included and named since"],
)
def test_what_the_image_lacks_is_asked_for(main: str, other: str, after: str) -> None:
    """A constraint installs nothing; what the files have asked for since the image was built is not said twice."""
    six = added(Package("six", "1.17.0"))
    edited, problems = edit_requirements({"requirements.txt": main, "other.txt": other}, [six])
    assert problems == []
    assert edited == {"requirements.txt": after, "other.txt": other.replace("1.16.0", "1.17.0")}


def test_what_a_constraint_alone_names_is_not_the_projects() -> None:
    """It was removed, and the next image has it again: another package needs it."""
    texts = {"requirements.txt": "-c limits/c.txt\nnumpy\n", "limits/c.txt": "-r d.txt\n", "limits/d.txt": "six==1\n"}
    edited, (problem,) = edit_requirements(texts, [removed("six")])
    assert (edited, problem.code) == (texts, "not-declared")


@pytest.mark.parametrize(
    ("before", "change", "said"),
    [
        ("numpy\n", removed("six"), "error[not-declared] six: was removed, and the project's files do not name it"),
        (
            "numpy\n",
            changed(Package("six", "1", url="file:///workspace/six", editable=True)),
            "error[not-in-image] six: is installed from file:///workspace/six, which no build sees",
        ),
        (
            "six==1.16.0 --hash=sha256:ab\n",
            SIX,
            "error[hashed] six: requirements.txt holds hashes, and the change has none: six 0.1 -> 1.17.0",
        ),
    ],
    ids=["removed", "folder", "hashes"],
)
def test_what_requirements_cannot_say_is_said(before: str, change: Change, said: str) -> None:
    """One line each, and the file is as it was."""
    edited, (problem,) = edit_requirements({"requirements.txt": before}, [change])
    assert str(problem).startswith(f"{said}; ")
    assert edited == {"requirements.txt": before}


PYPROJECT = """\
[project]
name = "notebook"
dependencies = [
  "jupyterlab>=4.4",  # the service
  "six[a]>=1; python_version < '4'",
]

[dependency-groups]
dev = ["pytest"]

[tool.uv]
package = false
"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (SIX, "\"six[a]>=1; python_version < '4'\"", "\"six[a]==1.17.0; python_version < '4'\""),
        (changed(Package("pytest", "9")), '["pytest"]', '["pytest==9"]'),
        (removed("six"), "  \"six[a]>=1; python_version < '4'\",\n", ""),
        (
            changed(Package("attrs", "25", requested=False)),
            "package = false\n",
            'package = false\nconstraint-dependencies = [\n    "attrs==25",\n]\n',
        ),
        (changed(Package("iniconfig", "2")), "'4'\",\n]", '\'4\'",\n  "iniconfig==2",\n]'),
    ],
    ids=["upgraded", "group", "removed", "of-another", "added"],
)
def test_pyproject(change: Change, old: str, new: str) -> None:
    """The one entry is edited; comments and layout stay."""
    assert edit_pyproject(PYPROJECT, [change]) == (PYPROJECT.replace(old, new), [])


def test_an_editable_folder_of_the_project_becomes_a_source() -> None:
    """As uv writes it."""
    text, problems = edit_pyproject(
        PYPROJECT, [changed(Package("lib", "1", url="file:///opt/project/lib", editable=True))]
    )
    assert problems == []
    assert '"lib"' in text
    assert '[tool.uv.sources]\nlib = {path = "./lib", editable = true}\n' in text


def test_a_source_is_dropped_with_what_it_was_for() -> None:
    """A package that came from git and comes from the index now."""
    text = PYPROJECT + f'\n[tool.uv.sources]\nsix = {{git = "https://git.example.org/six.git", rev = "{COMMIT}"}}\n'
    edited, problems = edit_pyproject(text, [SIX])
    assert problems == []
    assert "git.example.org" not in edited


def test_the_index_of_a_package_stays() -> None:
    """It has the other versions too, until the package comes from elsewhere."""
    text = PYPROJECT + '\n[tool.uv.sources]\nsix = {index = "cuda"}\n'
    assert edit_pyproject(text, [SIX])[0].endswith('six = {index = "cuda"}\n')
    assert '"cuda"' not in edit_pyproject(text, [changed(Package("six", "1", url=GIT))])[0]


@pytest.mark.parametrize(
    "more",
    [
        '[project.optional-dependencies]\ntest = ["six"]\n',
        '[dependency-groups]\nother = ["six"]\n',
        '[tool.uv]\nconstraint-dependencies = ["six"]\n',
        '[tool.uv]\ndev-dependencies = ["six"]\n',
    ],
)
def test_what_the_image_lacks_becomes_a_dependency(more: str) -> None:
    """An extra or group that is not chosen installs nothing, nor does a constraint."""
    text = f'[project]\ndependencies = ["numpy"]\n{more}'
    edited, problems = edit_pyproject(text, [added(Package("six", "1.17.0"))])
    assert problems == []
    assert edited == text.replace('"six"', '"six==1.17.0"').replace('["numpy"]', '["numpy", "six==1.17.0"]')


def test_what_the_image_has_is_edited_where_it_is_named() -> None:
    """Also in uv's older table; and what was named since the image was built is named once."""
    text = '[project]\ndependencies = []\n[tool.uv]\ndev-dependencies = ["six"]\n'
    assert edit_pyproject(text, [SIX])[0] == text.replace('"six"', '"six==1.17.0"')
    text = '[project]\ndependencies = ["six"]\n'
    assert edit_pyproject(text, [added(Package("six", "1.17.0"))])[0] == text.replace('"six"', '"six==1.17.0"')


MEMBER = '[project]\nname = "m"\ndependencies = ["lib>=1"]\n'


def test_a_member_of_a_workspace_gets_what_is_its_own() -> None:
    """What it names and what was asked for; constraints are the root's, and folders are seen from where it is."""
    root = '[tool.uv.workspace]\nmembers = ["m"]\n'
    of_another = changed(Package("attrs", "25", requested=False))
    local = changed(Package("lib", "1", url="file:///opt/project/lib"))
    texts, problems = edit_pyprojects(
        {"pyproject.toml": root, "m/pyproject.toml": MEMBER}, [added(Package("six", "1.17.0")), of_another, local]
    )
    assert problems == []
    assert texts["pyproject.toml"].endswith(root)
    assert 'constraint-dependencies = [\n    "attrs==25",\n]' in texts["pyproject.toml"]
    sources = '\n[tool.uv.sources]\nlib = {path = "../lib"}\n'
    assert texts["m/pyproject.toml"] == MEMBER.replace('["lib>=1"]', '["lib", "six==1.17.0"]') + sources


@pytest.mark.parametrize("more", ["", 'constraint-dependencies = ["attrs"]\n'])
def test_what_pyproject_cannot_say_is_said(more: str) -> None:
    """A removal of what only another package needs, be it limited or not."""
    text, (problem,) = edit_pyproject(PYPROJECT + more, [removed("attrs")])
    assert (text, problem.code) == (PYPROJECT + more, "not-declared")


def test_nothing_changes_without_a_change() -> None:
    """Not a byte, also of our own project's file."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert edit_pyproject(text, []) == (text, [])
