"""uv environments: what their lock says, and nothing else of the project."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from labform.environments import RecipeError
from labform.environments.uv_lock import Selection, UvLock
from labform.environments.uv_stale import stale

from tests.environments.golden import CASES, FOLDER, declare, environment, recipe, refused, site, write


def contents(folder: Path, **declared: object) -> dict[str, str]:
    """The locks of the layers, by layer."""
    files = declare(kind="uv", directory="project", **declared).recipe(site(folder)).files
    return {one.name.split("/")[1]: one.text for one in files if one.text is not None}


def chosen(**declared: object) -> set[str]:
    """The packages of the case with groups and extras."""
    texts = contents(FOLDER / "uv-groups-and-extras", **declared).values()
    return {name for text in texts for name in re.findall(r'^name = "(.*)"$', text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ({}, {"delta", "gamma", "alpha"}),
        ({"extras": ["gpu"]}, {"alpha", "delta", "gamma"}),
        ({"extras": ["cpu"]}, {"beta", "delta", "gamma", "alpha"}),
        ({"groups": ["unused"]}, {"beta", "delta", "gamma", "alpha"}),
    ],
)
def test_groups_and_extras_choose(declared: dict[str, list[str]], names: set[str]) -> None:
    """The default group comes with every choice, as uv has it; what is not chosen is no part of the recipe."""
    assert chosen(**declared) == names


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("uv")])
def test_a_choice_is_what_uv_exports(name: str) -> None:
    """The packages and versions of each case are those that uv itself reads from the lock."""
    case = environment(FOLDER / name)
    words = [f"--{kind[:-1]}={one}" for kind in ("groups", "extras") for one in getattr(case, kind)]
    command = [Path(sys.executable).with_name("uv"), "export", "--frozen", "--offline", "--no-config"]
    command += ["--no-hashes", "--no-header", "--no-annotate", "--no-emit-project", "--quiet", *words]
    said = subprocess.run(command, cwd=FOLDER / name / "project", capture_output=True, text=True, check=True).stdout
    names = {re.split(r"[=;@ ]", line)[0].rpartition("/")[2] for line in said.replace("-e ", "").split("\n") if line}
    lock = UvLock.parse((FOLDER / name / "project" / "uv.lock").read_text())
    groups = ("dev", *case.groups) if "groups" in name else ()
    found = lock.packages(Selection(str(lock.root()), groups, case.extras))
    assert {one.name for one in found} == names


def test_the_order_of_groups_and_packages_changes_nothing() -> None:
    """Groups, extras and Debian packages are sets: two people who list them in another order share an image."""
    one, other = ({"groups": ["unused", "dev"], "extras": ["gpu", "cpu"], "apt": ["git", "curl"]} for _ in "ab")
    other = {key: value[::-1] for key, value in other.items()}
    hashes = {
        declare(kind="uv", directory="project", **declared).recipe(site(FOLDER / "uv-groups-and-extras")).hash
        for declared in (one, other)
    }
    assert len(hashes) == 1


def test_nothing_is_resolved_at_build_time() -> None:
    """Each layer is what the lock says, without a look at what its packages need."""
    text = recipe(FOLDER / "uv-plain").dockerfile
    installs = [line for line in text.splitlines() if "install_layer.py install" in line]
    assert installs
    assert all("install --no-deps --requirements /tmp/environment/pylock." in line for line in installs)


def test_what_is_not_installed_changes_nothing(tmp_path: Path) -> None:
    """A comment, a version of a group that is not chosen: the lock changes, the image does not."""
    shutil.copytree(FOLDER / "uv-groups-and-extras", tmp_path, dirs_exist_ok=True)
    before = declare(kind="uv", directory="project").recipe(site(tmp_path)).hash
    lock = tmp_path / "project" / "uv.lock"
    lock.write_text("# note\n" + lock.read_text().replace('"beta"\nversion = "2.0"', '"beta"\nversion = "2.1"'))
    assert declare(kind="uv", directory="project").recipe(site(tmp_path)).hash == before


EDITS = [
    ('dependencies = ["alpha"]', 'dependencies = ["alpha>=1"]', "pyproject.toml asks for alpha>=1 in dependencies"),
    ('dependencies = ["alpha"]', "dependencies = []", "pyproject.toml does not ask for alpha in dependencies any more"),
    ('["alpha"]', '["alpha", "numpy"]', "pyproject.toml asks for numpy in dependencies"),
    ('["alpha"]', "[\"alpha; sys_platform == 'linux'\"]", "pyproject.toml asks for alpha in dependencies"),
    ('["alpha"]', '["alpha[x]"]', "pyproject.toml asks for alpha[x] in dependencies"),
    ('">=3.11"', '">=3.12"', "requires-python is >=3.12, and the lock has >=3.11"),
    ("[tool.uv]", '[dependency-groups]\ndev = ["beta"]\n[tool.uv]', "pyproject.toml asks for beta in group dev"),
    (
        "[tool.uv]",
        '[project.optional-dependencies]\nx = ["beta"]\n[tool.uv]',
        "pyproject.toml asks for beta in extra x",
    ),
    (
        "[tool.uv]",
        '[tool.uv.sources]\nalpha = { path = "wheels" }\n[tool.uv]',
        "pyproject.toml asks for alpha from folder wheels in dependencies",
    ),
    (
        "[tool.uv]",
        '[tool.uv]\noverride-dependencies = ["beta==2"]',
        "pyproject.toml asks for beta==2 in overrides",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), EDITS)
def test_a_lock_that_is_older_than_its_project_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    """With what the lock does not know and the command to run; nobody asks the network."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "project" / "pyproject.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="project").recipe(site(tmp_path))
    hint = "run `uv lock --directory project` in the stack file's folder"
    assert refused(error.value) == [
        f"error[stale-uv-lock] directory: uv.lock is older than its project: {said}; {hint}"
    ]


def sourced(tmp_path: Path, source: str, metadata: str) -> Path:
    """The plainest case, whose package comes from a place in both files, as uv would write them."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    project, lock = tmp_path / "project" / "pyproject.toml", tmp_path / "project" / "uv.lock"
    project.write_text(project.read_text() + f"\n[tool.uv.sources]\nalpha = {source}\n")
    lock.write_text(lock.read_text().replace('requires-dist = [{ name = "alpha" }]', f"requires-dist = [{metadata}]"))
    return tmp_path


GIT = "https://example.org/alpha"


@pytest.mark.parametrize(
    ("source", "metadata", "fresh"),
    [
        (f'{{ git = "{GIT}", rev = "v1" }}', f'{{ name = "alpha", git = "{GIT}?rev=v1" }}', True),
        (f'{{ git = "{GIT}", rev = "v2" }}', f'{{ name = "alpha", git = "{GIT}?rev=v1" }}', False),
        (f'{{ git = "{GIT}", branch = "x" }}', f'{{ name = "alpha", git = "{GIT}?branch=x" }}', True),
        ('{ path = "a" }', '{ name = "alpha", directory = "a" }', True),
        ('{ path = "a", editable = true }', '{ name = "alpha", editable = "a" }', True),
        ('{ path = "b" }', '{ name = "alpha", directory = "a" }', False),
        ('{ url = "https://x/a.zip" }', '{ name = "alpha", url = "https://x/a.zip" }', True),
        (
            '[{ path = "a", marker = "sys_platform == \'linux\'" }]',
            '{ name = "alpha", directory = "a", marker = "sys_platform == \'linux\'" }',
            True,
        ),
    ],
)
def test_sources_are_compared(source: str, metadata: str, fresh: bool, tmp_path: Path) -> None:
    """Another revision or folder is another lock; where a marker decides, uv alone can tell."""
    place = sourced(tmp_path, source, metadata)
    found = UvLock.parse((place / "project" / "uv.lock").read_text())
    project = tomllib.loads((place / "project" / "pyproject.toml").read_text())
    assert (stale(found, {".": project}) == []) is fresh


def test_older_spellings_of_development_packages_are_read(tmp_path: Path) -> None:
    """`tool.uv.dev-dependencies` is the group `dev`."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    project, lock = tmp_path / "project" / "pyproject.toml", tmp_path / "project" / "uv.lock"
    project.write_text(project.read_text().replace("[tool.uv]", '[tool.uv]\ndev-dependencies = ["alpha>=1"]'))
    more = '\n[package.metadata.requires-dev]\ndev = [{ name = "alpha", specifier = ">=1" }]\n'
    lock.write_text(lock.read_text() + more)
    assert declare(kind="uv", directory="project").recipe(site(tmp_path)).notes == ()


def test_settings_of_how_packages_are_built_are_refused(tmp_path: Path) -> None:
    """None is ignored in silence."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    project = tmp_path / "project" / "pyproject.toml"
    project.write_text(project.read_text().replace("[tool.uv]", '[tool.uv]\nno-binary-package = ["alpha"]'))
    with pytest.raises(RecipeError, match=r"sets tool.uv.no-binary-package, which labform does not follow"):
        declare(kind="uv", directory="project").recipe(site(tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dependencies", "# note\ndependencies"),
        ('["alpha"]', '["Alpha"]'),
        ("version = ", 'description = "x"\nversion = '),
    ],
)
def test_an_edit_that_means_the_same_is_no_staleness(old: str, new: str, tmp_path: Path) -> None:
    """A comment, another spelling of a name, a description: the lock is as good as before."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "project" / "pyproject.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    assert declare(kind="uv", directory="project").recipe(site(tmp_path)).hash == recipe(FOLDER / "uv-plain").hash


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("uv.lock", "[[package]]", "[[pack", "error[lock] directory: uv.lock is cut short or is not TOML: "),
        ("uv.lock", "version = 1", "version = 2", "error[lock] directory: uv.lock has format 2, and 1 is read"),
        ("uv.lock", '{ name = "alpha" }', '{ name = "alfa" }', "error[lock] directory: uv.lock has 0 packages alfa"),
        ("uv.lock", 'virtual = "."', 'virtual = "x"', "error[lock] directory: uv.lock names no project"),
        ("uv.lock", 'registry = "wheels"', 'floppy = "a:"', "error[lock] directory: uv.lock has alpha from a source"),
        ("uv.lock", "py3-none-any", "py3-none-win32", "error[lock] directory: uv.lock has neither a wheel of alpha"),
        ("uv.lock", "alpha-1.0", "alpha-1.5", 'error[no-file] directory: no file "wheels/alpha-1.5'),
        ("uv.lock", 'registry = "wheels"', 'registry = "../../.."', "error[path-escapes] directory: "),
        ("pyproject.toml", "[project]", "[project", "error[pyproject] directory: pyproject.toml is not TOML: "),
        (
            "pyproject.toml",
            '["alpha"]',
            '["alpha=1"]',
            'error[pyproject] directory: pyproject.toml: dependencies: "alpha=1"',
        ),
        (
            "pyproject.toml",
            '">=3.11"',
            '"3"',
            "error[pyproject] directory: pyproject.toml: requires-python: 3 is no set",
        ),
        (
            "pyproject.toml",
            "[tool.uv]",
            '[dependency-groups]\na = [{include-group = "a"}]\n[tool.uv]',
            "error[pyproject] directory: pyproject.toml: dependency-groups: a -> a includes itself",
        ),
        (
            "pyproject.toml",
            "[tool.uv]",
            '[[tool.uv.index]]\nurl = "https://u:CANARY@example.org/simple"\n[tool.uv]',
            "error[secret-in-clear] directory: pyproject.toml holds a login for example.org",
        ),
        (
            "pyproject.toml",
            "[tool.uv]",
            '[[tool.uv.index]]\nurl = "https://example.org/simple"\nauthenticate = "always"\n[tool.uv]',
            "error[index-login] directory: example.org wants a login",
        ),
    ],
)
def test_a_bad_project_is_one_clear_line(name: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    """Never a traceback, never a secret."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "project" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="project").recipe(site(tmp_path))
    (line,) = refused(error.value)
    assert line.startswith(said)
    assert "CANARY" not in line


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"groups": ["plot"]}, 'error[no-group] groups.0: pyproject.toml has no group "plot"; did you mean "plots"?'),
        ({"extras": ["tpu"]}, 'error[no-extra] extras.0: pyproject.toml has no extra "tpu"; allowed: cpu, gpu'),
        ({"package": "other"}, 'error[no-package] package: no package "other" in the workspace; '),
        ({"python": "3.11"}, "error[python] python: python 3.11 is wanted, and the base python:3.12-slim has 3.12"),
    ],
)
def test_what_the_project_does_not_have_is_said(declared: dict[str, object], said: str) -> None:
    """With what it has, or the nearest to it."""
    with pytest.raises(RecipeError) as error:
        chosen(**declared)
    (line,) = refused(error.value)
    assert line.startswith(said)


def test_a_member_of_a_workspace_is_chosen_by_name() -> None:
    """Its own packages come, and itself last, editable; no other member does."""
    made = declare(kind="uv", directory="project", package="model").recipe(site(FOLDER / "uv-workspace"))
    names = [one.name for one in made.files]
    assert "local/opt/project/packages/model/model.py" in names
    assert not any("report" in name for name in names)
    assert "install --no-deps --editable /opt/project/packages/model" in made.dockerfile


def test_a_member_without_its_lock_says_where_that_is(tmp_path: Path) -> None:
    """The lock of a workspace stands at its root."""
    shutil.copytree(FOLDER / "uv-workspace", tmp_path, dirs_exist_ok=True)
    with pytest.raises(RecipeError, match="the workspace's lock is in project/: write that directory, and package:"):
        declare(kind="uv", directory="project/packages/model").recipe(site(tmp_path))


def test_a_package_whose_sources_are_not_named_is_noted(tmp_path: Path) -> None:
    """A project that is a package is installed where `files` brings its sources; else a note says that it is not."""
    shutil.copytree(FOLDER / "uv-plain", tmp_path, dirs_exist_ok=True)
    lock = tmp_path / "project" / "uv.lock"
    lock.write_text(lock.read_text().replace('virtual = "."', 'editable = "."'))
    (note,) = declare(kind="uv", directory="project").recipe(site(tmp_path)).notes
    assert (note.code, note.location) == ("not-installed", ("files",))
    named = declare(kind="uv", directory="project", files=["pyproject.toml"]).recipe(site(tmp_path))
    assert named.notes == ()
    assert "install --no-deps --editable /opt/project\n" in named.dockerfile


def test_a_project_that_was_never_locked_says_how(tmp_path: Path) -> None:
    """Without uv.lock the hint is the command to run."""
    write(tmp_path, {"thesis/pyproject.toml": ""})
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="thesis").recipe(site(tmp_path))
    assert refused(error.value) == [
        "error[no-uv-lock] directory: no uv.lock in thesis; run `uv lock --directory thesis` in the stack file's folder"
    ]


def test_a_folder_without_a_project_names_both_files(tmp_path: Path) -> None:
    """Every missing file is named in one run."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError) as error:
        declare(kind="uv", directory="empty").recipe(site(tmp_path))
    assert refused(error.value) == [
        'error[no-file] directory: no file "pyproject.toml" in empty/',
        'error[no-file] directory: no file "uv.lock" in empty/',
    ]


@pytest.mark.parametrize("name", ["", "-x", "a b", "a;b", "$(a)"])
def test_a_group_is_a_word(name: str) -> None:
    """What would be another word for the shell is no group's name."""
    with pytest.raises(ValueError, match="groups"):
        declare(kind="uv", directory=".", groups=[name])


def test_the_lock_of_images_is_asked_for_the_base() -> None:
    """A uv environment needs the digest of its base."""
    assert declare(kind="uv", directory="project").images(site(FOLDER)) == ("python:3.12-slim",)
    assert declare(kind="uv", directory="project", base="torch").images(site(FOLDER)) == (
        "registry.example.org/bases/torch:2.9",
    )
