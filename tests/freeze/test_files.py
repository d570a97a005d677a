"""A project's files by their format: conda's, pixi's, and the stack file's `apt:`; what stays is as it was."""

import pytest
from labform.freeze import Change, Changed, Package, edit_apt, edit_files
from labform.freeze.environment_yml import edit_environment
from labform.freeze.pixi import edit_pixi

GIT = f"git+https://git.example.org/six.git@{'c' * 40}"
LOCAL = Package("lib", "1", url="file:///opt/project/lib", editable=True)
PYTHON = [Change("six", Package("six", "1.16.0"), Package("six", "1.17.0"))]


def added(name: str, version: str, **more: object) -> Change:
    """A package that was not there."""
    return Change(name, None, Package(name, version, **more))  # type: ignore[arg-type]


def upgraded(name: str, version: str, **more: object) -> Change:
    """A package that is another one now."""
    return Change(name, Package(name, "0.1"), Package(name, version, **more))  # type: ignore[arg-type]


def removed(name: str) -> Change:
    """A package that is gone."""
    return Change(name, Package(name, "0.1"), None)


ENVIRONMENT = """\
name: thesis
channels: [conda-forge]
dependencies:
  - python=3.12  # as the server has
  - conda-forge::NumPy >=2
  - pip
  - pip:
      - six[a]>=1  # old code
      - torch
"""


@pytest.mark.parametrize(
    ("conda", "pip", "old", "new"),
    [
        (upgraded("python", "3.12.4"), None, "python=3.12 ", "python==3.12.4 "),
        (upgraded("numpy", "2.1.0"), None, "conda-forge::NumPy >=2", "conda-forge::numpy==2.1.0"),
        (removed("numpy"), None, "  - conda-forge::NumPy >=2\n", ""),
        (added("zlib", "1.3"), None, "  - pip\n", "  - pip\n  - zlib==1.3\n"),
        (None, upgraded("six", "1.17"), "six[a]>=1  #", "six[a]==1.17  #"),
        (None, upgraded("six", "1.17", url=GIT), "six[a]>=1  #", f"six[a] @ {GIT}  #"),
        (None, removed("torch"), "      - torch\n", ""),
        (None, added("attrs", "25"), "      - torch\n", "      - torch\n      - attrs==25\n"),
    ],
)
def test_environment_yml(conda: Change | None, pip: Change | None, old: str, new: str) -> None:
    """The one word is edited, in conda's list or in pip's."""
    edited, problems = edit_environment(ENVIRONMENT, [conda] if conda else [], [pip] if pip else [])
    assert problems == []
    assert edited == ENVIRONMENT.replace(old, new)
    assert edited != ENVIRONMENT


def test_a_first_package_of_pip_gets_its_list() -> None:
    """Below the others."""
    before = "dependencies:\n- python=3.12\n- pip # why\n"
    assert edit_environment(before, [], [added("six", "1")]) == (f"{before}- pip:\n    - six==1\n", [])


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (ENVIRONMENT, removed("attrs"), "error[not-declared] attrs: was removed"),
        (ENVIRONMENT, Change("lib", None, LOCAL), "error[not-in-image] lib: is installed from file:///opt/project/lib"),
        ("dependencies: [python]\n", added("six", "1"), "error[layout] environment.yml: dependencies has no list for"),
        ("dependencies: &a [python]\n", added("six", "1"), "error[layout] environment.yml: error[anchor]"),
    ],
    ids=["removed", "folder", "brackets", "anchor"],
)
def test_what_environment_yml_cannot_say_is_said(text: str, change: Change, said: str) -> None:
    """One line, and the file is as it was."""
    edited, (problem,) = edit_environment(text, [], [change])
    assert str(problem).startswith(said)
    assert edited == text


PIXI = """\
[workspace]  # of the thesis
channels = ["conda-forge"]

[dependencies]
python = "3.12.*"
numpy = {version = ">=2", channel = "pytorch"}  # from there

[feature.gpu.target.linux-64.dependencies]
cuda = "*"

[pypi-dependencies]
Six = {version = "*", extras = ["a"]}
torch = "*"
"""


@pytest.mark.parametrize(
    ("conda", "pypi", "old", "new"),
    [
        (upgraded("python", "3.12.4"), None, '"3.12.*"', '"==3.12.4"'),
        (upgraded("numpy", "2.1"), None, '">=2"', '"==2.1"'),
        (upgraded("cuda", "12.4"), None, 'cuda = "*"', 'cuda = "==12.4"'),
        (removed("python"), None, 'python = "3.12.*"\n', ""),
        (None, upgraded("torch", "2.5"), 'torch = "*"', 'torch = "==2.5"'),
        (None, upgraded("six", "1"), '{version = "*", extras = ["a"]}', '{version = "==1", extras = ["a"]}'),
        (None, upgraded("torch", "1", url=GIT), 'torch = "*"',
         f'torch = {{git = "https://git.example.org/six.git", rev = "{"c" * 40}"}}'),
        (None, Change("lib", None, LOCAL), 'torch = "*"\n',
         'torch = "*"\nlib = {path = "./lib", editable = true}\n'),
        (None, upgraded("torch", "1", url="https://example.org/torch.whl#sha256=ab"), 'torch = "*"',
         'torch = {url = "https://example.org/torch.whl#sha256=ab"}'),
    ],
)  # fmt: skip
def test_pixi(conda: Change | None, pypi: Change | None, old: str, new: str) -> None:
    """The one entry is edited, of whichever feature and platform it is; a channel and extras stay."""
    edited, problems = edit_pixi(PIXI, [conda] if conda else [], [pypi] if pypi else [])
    assert problems == []
    assert edited == PIXI.replace(old, new)


def test_a_package_of_another_feature_joins_the_environment() -> None:
    """It is pinned there, and asked for where its image gets it."""
    edited, problems = edit_pixi(PIXI, [added("cuda", "12.4")], [])
    assert problems == []
    new = PIXI.replace('cuda = "*"', 'cuda = "==12.4"').replace("# from there\n", '# from there\ncuda = "==12.4"\n')
    assert edited == new


def test_a_workspace_in_pyproject_is_edited_there() -> None:
    """And a first package makes its table."""
    text = '[project]\nname = "a"\n\n[tool.pixi.workspace]\nchannels = []\n'
    edited, problems = edit_pixi(text, [added("zlib", "1.3")], [])
    assert (edited, problems) == (f'{text}\n[tool.pixi.dependencies]\nzlib = "==1.3"\n', [])


@pytest.mark.parametrize(
    ("files", "edited", "relock"),
    [
        ({"pyproject.toml": "[project]\ndependencies = ['six']\n"}, "pyproject.toml", "uv lock --directory {folder}"),
        ({"pyproject.toml": '[tool.pixi.pypi-dependencies]\nsix = "*"\n', "pixi.lock": ""}, "pyproject.toml",
         "pixi lock --manifest-path {file}"),
        ({"conda-lock.yml": "", "environment.yml": "dependencies:\n- pip:\n  - six\n"}, "environment.yml",
         "conda-lock lock --platform linux-64 --file {file}"),
        ({"environment.yaml": "dependencies:\n- pip:\n  - six\n"}, "environment.yaml", ""),
        ({"requirements.txt": "six\n"}, "requirements.txt", ""),
    ],
    ids=["uv", "pixi", "conda-lock", "conda", "pip"],
)  # fmt: skip
def test_the_format_is_told_by_the_files(files: dict[str, str], edited: str, relock: str) -> None:
    """And so is what brings the lock up to date; the lock itself is left alone."""
    done = edit_files(files, Changed(python=PYTHON))
    assert [name for name, text in done.texts.items() if text != files[name]] == [edited]
    assert "1.17.0" in done.texts[edited]
    assert (list(done.problems), done.relock) == ([], relock)


@pytest.mark.parametrize("files", [{}, {"pylock.toml": ""}, {"conda-linux-64.lock": ""}, {"conda-lock.yml": ""}])
def test_what_no_file_can_say_is_said(files: dict[str, str]) -> None:
    """A lock alone is not edited, nor what a Dockerfile does."""
    done = edit_files(files, Changed(python=PYTHON, conda=[added("zlib", "1.3")]))
    assert done.texts == {}
    assert [one.message for one in done.problems] == ["six 1.16.0 -> 1.17.0", "zlib 1.3"]


STACK = """\
projects:
  web:  # the service
    environment: {kind: pip, directory: ../web}
  lib:
    environment:
      kind: pip
      apt: [git, "libgl1=1.6"]
  block:
    environment:
      kind: uv
      directory: ../block
"""


@pytest.mark.parametrize(
    ("project", "change", "old", "new"),
    [
        ("web", added("git", "1:2.39"), "../web}", "../web, apt: [git=1:2.39]}"),
        ("block", added("git", "1:2.39"), "kind: uv\n", "apt: [git=1:2.39]\n      kind: uv\n"),
        ("lib", added("zstd", "1.5"), '1.6"]', '1.6", zstd=1.5]'),
        ("lib", upgraded("libgl1", "1.7"), '"libgl1=1.6"', "libgl1=1.7"),
        ("lib", removed("git"), "git, ", ""),
        ("lib", added("zlib1g", "1", requested=False), "", ""),
    ],
    ids=["first", "first of lines", "added", "upgraded", "removed", "of another"],
)
def test_apt(project: str, change: Change, old: str, new: str) -> None:
    """The stack file's list of the project, with versions; what came with another package is not written."""
    assert edit_apt(STACK, project, [change]) == (STACK.replace(old, new) if old else STACK, [])


@pytest.mark.parametrize(
    ("environment", "edited"),
    [
        ("{kind: pip, apt: []}", "{kind: pip, apt: [git=1]}"),
        ("{kind: pip, apt: [ ], python: '3.12'}", "{kind: pip, apt: [git=1], python: '3.12'}"),
        ("{kind: pip, files: []}", "{apt: [git=1], kind: pip, files: []}"),
        ("{kind: pip, env: {}}", "{apt: [git=1], kind: pip, env: {}}"),
        ("{kind: pip, files: [a]}", "{apt: [git=1], kind: pip, files: [a]}"),
        ("\n      kind: pip\n      apt: []", "\n      kind: pip\n      apt: [git=1]"),
        ("\n      apt: # none\n      kind: pip", "\n      apt: [git=1] # none\n      kind: pip"),
        ("\n      kind: pip\n      apt:", "\n      kind: pip\n      apt: [git=1]"),
    ],
)
@pytest.mark.parametrize("more", ["", "    owner: anna\n"])
def test_a_first_package_beside_an_empty_list(environment: str, edited: str, more: str) -> None:
    """In its place, or as a field more; the rest of the file is as it was."""
    text = f"projects:\n  web:\n    environment: {environment}\n{more}"
    assert edit_apt(text, "web", [added("git", "1")]) == (text.replace(environment, edited), [])


def test_a_layout_that_cannot_be_edited_stays() -> None:
    """And it is said, with what to write."""
    text = "projects:\n  web:\n    environment:\n      kind: pip\n      apt: [\n        # none yet\n      ]\n"
    edited, (problem,) = edit_apt(text, "web", [added("git", "1")])
    assert edited == text
    assert "cannot edit projects.web.environment.apt here" in str(problem)


def test_what_a_stack_file_cannot_leave_out_is_said() -> None:
    """A package of the base that somebody removed."""
    text, (problem,) = edit_apt(STACK, "lib", [removed("perl")])
    assert text == STACK
    assert str(problem).startswith("error[apt] perl: Debian package perl removed: no stack file can leave out")
