"""Which uv.lock is older than its project: what uv itself has locked a moment ago is fresh, and an edit is seen."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from labform.environments import Recipe, RecipeError

from tests.environments.golden import declare, refused, site, write

UV = Path(sys.executable).with_name("uv")
BUILD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
SOURCES = '[tool.uv.sources]\nlib = {path = "lib"}\ntool = {path = "tool"}\n'


def project(name: str, dependencies: str = "", more: str = "", *, python: str = ">=3.11") -> str:
    """A pyproject.toml."""
    requires = f'requires-python = "{python}"\n' if python else ""
    return f'[project]\nname = "{name}"\nversion = "0.1"\n{requires}dependencies = [{dependencies}]\n{more}'


PACKAGES = {"lib/pyproject.toml": project("lib", "", BUILD), "tool/pyproject.toml": project("tool", "", BUILD)}


def locked(folder: Path, files: Mapping[str, str]) -> None:
    """A project with two packages beside it, as uv locks it."""
    write(folder / "p", {**PACKAGES, **files})
    command = [UV, "lock", "--quiet", "--offline", "--no-config", "--python", sys.executable]
    subprocess.run([*command, "--directory", folder / "p"], check=True)


def recipe(folder: Path, **declared: object) -> Recipe:
    """The project's recipe."""
    return declare(kind="uv", directory="p", **declared).recipe(site(folder))


@pytest.mark.parametrize(
    ("files", "then", "said"),
    [
        (
            {"pyproject.toml": project("a", '"lib"', SOURCES)},
            {
                "lib/pyproject.toml": project(
                    "lib", '"tool"', f'{BUILD}[tool.uv.sources]\ntool = {{path = "../tool"}}\n'
                )
            },
            "lib/pyproject.toml asks for tool from folder tool in dependencies",
        ),
        (
            {"pyproject.toml": project("a", '"lib"', SOURCES)},
            {"lib/pyproject.toml": project("lib", "", f'[project.optional-dependencies]\nx = ["six"]\n{BUILD}')},
            "lib/pyproject.toml asks for six in extra x",
        ),
        (
            {
                "pyproject.toml": project(
                    "a", "\"tool; python_version < '3.12'\", \"tool; python_version >= '3.13'\"", SOURCES
                )
            },
            {"pyproject.toml": project("a", "\"tool; python_version >= '3.13'\"", SOURCES)},
            "pyproject.toml has fewer lines for tool in dependencies",
        ),
        (
            {"pyproject.toml": project("a", '"lib"', SOURCES)},
            {"pyproject.toml": project("a", '"lib"', SOURCES + BUILD)},
            "pyproject.toml is a package, and the lock has only what it needs",
        ),
    ],
    ids=["a package beside it asks for more", "its extra does", "one line of two is gone", "it became a package"],
)
def test_an_edit_after_the_lock_is_seen(files: dict[str, str], then: dict[str, str], said: str, tmp_path: Path) -> None:
    """With what uv.lock does not know."""
    locked(tmp_path, files)
    recipe(tmp_path)
    write(tmp_path / "p", then)
    with pytest.raises(RecipeError) as error:
        recipe(tmp_path)
    (line,) = refused(error.value)
    assert line.startswith(f"error[stale-uv-lock] directory: uv.lock is older than its project: {said}; ")


WORKSPACE = '[tool.uv.workspace]\nmembers = ["m"]\n'
GROUPS = """\
[dependency-groups]
inner = ["lib"]
dev = ["tool ; sys_platform == 'linux'", {include-group = "inner"}]
[tool.uv.dependency-groups]
inner = {requires-python = ">=3.12"}
dev = {requires-python = ">=3.11.2,<3.15"}
"""


@pytest.mark.parametrize(
    ("files", "declared"),
    [
        ({"pyproject.toml": WORKSPACE, "m/pyproject.toml": project("m")}, {"package": "m"}),
        ({"pyproject.toml": project("a", python="")}, {}),
        ({"pyproject.toml": project("a", "", GROUPS + SOURCES)}, {}),
        (
            {
                "pyproject.toml": project("a", '"m", "lib"', f"{WORKSPACE}[tool.uv.sources]\nm = {{workspace = true}}\n"
                                          'lib = {path = "lib"}\n'),
                "m/pyproject.toml": project("m", '"tool"', '[tool.uv.sources]\ntool = {path = "../tool"}\n' + BUILD),
            },
            {},
        ),
        (
            {
                "pyproject.toml": project("a", '"n"', '[tool.uv.sources]\nn = {path = "other/n"}\n'),
                "other/pyproject.toml": '[tool.uv]\nworkspace.members = ["n"]\nsources.lib = {path = "../lib"}\n',
                "other/n/pyproject.toml": project("n", '"lib"', BUILD),
            },
            {},
        ),
    ],
    ids=["root is no project", "no requires-python", "Pythons of groups", "member", "package of another workspace"],
)  # fmt: skip
def test_what_uv_has_just_locked_is_fresh(files: dict[str, str], declared: dict[str, object], tmp_path: Path) -> None:
    """Whatever a project leaves out or adds."""
    locked(tmp_path, files)
    recipe(tmp_path, **declared)


def test_a_member_has_default_groups_of_its_own(tmp_path: Path) -> None:
    """Not the root's, as uv has it."""
    root = f'[tool.uv]\ndefault-groups = ["lint"]\n[dependency-groups]\nlint = []\n{WORKSPACE}'
    sources = '[tool.uv.sources]\nlib = {path = "../lib"}\ntool = {path = "../tool"}\n'
    member = f'[dependency-groups]\nlint = ["lib"]\ndev = ["tool"]\n{sources}'
    locked(tmp_path, {"pyproject.toml": project("a", "", root), "m/pyproject.toml": project("m", "", member)})
    made = recipe(tmp_path, package="m")
    texts = "".join(one.text or "" for one in made.files if "pylock" in one.name)
    assert 'name = "tool"' in texts
    assert 'name = "lib"' not in texts
    assert list(made.declared) == ["pyproject.toml", "m/pyproject.toml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("project = 'x'\n", "project: expected a table"),
        ("tool = 'x'\n", "tool: expected a table"),
        ("[project]\nname = 'a'\ndependencies = 'numpy'\n", "project.dependencies: expected a list"),
        ("[tool.uv]\nsources = []\n", "tool.uv.sources: expected a table"),
        (project("a", "", "[tool.uv.dependency-groups]\ndev = 3\n"), "tool.uv.dependency-groups: dev gives no set of"),
    ],
)
def test_a_project_of_another_shape_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    """Never a traceback."""
    locked(tmp_path, {"pyproject.toml": project("a")})
    write(tmp_path / "p", {"pyproject.toml": text})
    with pytest.raises(RecipeError) as error:
        recipe(tmp_path)
    assert refused(error.value)[0].startswith(f"error[pyproject] directory: pyproject.toml: {said}")
