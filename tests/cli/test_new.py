"""`labform new`: a lab that passes every check, projects from folders, nothing overwritten and nothing half done."""

import re
import stat
from pathlib import Path

import pytest
from labform.loading import unlocked
from labform.yaml_tree import parse

from tests.cli.conftest import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> Path:
    """A new lab, in which one is."""
    monkeypatch.chdir(tmp_path)
    assert labform("new", "lab", "ds01")[0] == 0
    monkeypatch.chdir("ds01")
    return tmp_path / "ds01"


def laid_out(folder: Path, **files: str) -> None:
    """A project's folder with files; `_` stands for the dot of a name."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


THESIS = ("new", "project", "thesis", "--from", "projects/thesis")
ANNA = ("--owner", "anna", "--uid", "10042")


def test_a_new_lab_is_the_files_that_are_committed(folder: Path, labform: Terminal) -> None:
    """The program and the ignored files are this repository's own; an editor finds the schema; it passes the check."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [".gitignore", "Pulumi.ds01.yaml", "Pulumi.yaml", "__main__.py", "requirements.txt",
                     "stacks/ds01.yaml", "stacks/schema.json"]  # fmt: skip
    assert (folder / "__main__.py").read_text() == (ROOT / "__main__.py").read_text()
    assert (folder / "stacks/schema.json").read_text() == (ROOT / "stacks/schema.json").read_text()
    assert set((folder / ".gitignore").read_text().split()) <= set((ROOT / ".gitignore").read_text().split())
    assert (folder / "stacks/ds01.yaml").read_text().startswith("# yaml-language-server: $schema=schema.json\n")
    assert "LAB" not in "".join((folder / name).read_text() for name in names if not name.endswith("json"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert labform("check", "stacks/ds01.yaml", "--without-lock")[0] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [(("DS01",), "name"), (("ds01",), "exists"), (("a", "--to", "ds01"), "exists"), (("a", "--to", "no/a"), "file")],
)
def test_a_lab_is_refused_before_anything_is_written(
    folder: Path, labform: Terminal, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: str
) -> None:
    """A name that no backend takes, a folder that is there, a folder in none."""
    monkeypatch.chdir(folder.parent)
    ended, _, errors = labform("new", "lab", *words)
    assert (ended, f"error[{code}]" in errors) == (1, True)
    assert [one.name for one in folder.parent.iterdir()] == ["ds01"]


def test_a_project_is_added_with_its_owner_and_a_home(folder: Path, labform: Terminal) -> None:
    """The kind is the files', the service the one they name; the two commands that come next are said."""
    laid_out(folder / "projects/thesis", requirements_txt="jupyterlab==4.4.0\n")
    before = (folder / "stacks/ds01.yaml").read_text()
    ended, out, errors = labform(*THESIS, *ANNA)
    assert (ended, errors) == (0, "")
    assert out.splitlines()[1:] == ["next:", "  labform lock stacks/ds01.yaml", "  pulumi up --stack ds01"]
    after = (folder / "stacks/ds01.yaml").read_text()
    assert after == before.replace("people: {}\n", "people:\n  anna: {uid: 10042}\n").replace(
        "volumes: {}\n", "volumes:\n  thesis-home: {owner: anna}\n"
    ).replace(
        "projects: {}\n",
        "projects:\n  thesis:\n    owner: anna\n    environment: {kind: pip, directory: ../projects/thesis}\n"
        "    mounts: {thesis-home: /home/lab}\n    service: {kind: jupyter}\n",
    )
    assert unlocked(folder / "stacks/ds01.yaml").recipes.keys() == {"thesis"}


def test_a_command_is_a_run_and_an_owner_is_added_once(folder: Path, labform: Terminal) -> None:
    """The second project of somebody needs no uid."""
    laid_out(folder / "projects/thesis", requirements_txt="jupyterlab==4.4.0\n")
    assert labform(*THESIS, *ANNA)[0] == 0
    words = ("new", "project", "nightly", "--from", "projects/thesis", "--owner", "anna")
    assert labform(*words, "--", "python", "train.py", "--fast")[0] == 0
    projects = parse((folder / "stacks/ds01.yaml").read_text()).value["projects"]
    assert projects["nightly"]["run"] == {"command": ["python", "train.py", "--fast"]}
    assert list(projects) == ["thesis", "nightly"]


def test_a_home_in_a_cluster_has_a_size(folder: Path, labform: Terminal) -> None:
    """Without one the option is named; with it the project is there."""
    laid_out(folder / "projects/thesis", requirements_txt="jupyterlab==4.4.0\n")
    path = folder / "stacks/ds01.yaml"
    text = re.sub(r"(?ms)^runs_on:.*?(?=^\S)", "runs_on: {kind: kubernetes}\n", path.read_text())
    path.write_text(text + "registry: {address: registry.example.org/ds01}\n")
    assert "a claim needs a size; write --size 50Gi" in labform(*THESIS, *ANNA)[2]
    ended, _, errors = labform(*THESIS, *ANNA, "--size", "20Gi")
    assert (ended, errors) == (0, "")
    assert "  thesis-home: {owner: anna, size: 20Gi}\n" in path.read_text()


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ({}, ANNA, "nothing here says what it runs"),
        ({"requirements_txt": "six\n"}, ANNA, "error[service-or-run]"),
        ({"requirements_txt": "jupyterlab\n", "Dockerfile": "FROM a\n"}, ANNA, "write --kind dockerfile or --kind pip"),
        ({"requirements_txt": "jupyterlab\n"}, (*ANNA, "--kind", "pipp"), "error[not-one-of]"),
        ({"requirements_txt": "jupyterlab\n"}, (*ANNA, "--service", "jupiter"), 'did you mean "jupyter"?'),
        ({"requirements_txt": "jupyterlab\n"}, (*ANNA, "--gpus", "1"), "error[no-gpu] projects.thesis.gpus"),
        ({"requirements_txt": "jupyterlab\n"}, (*ANNA, "--host", "gpu1"), "error[unknown-host]"),
        ({"requirements_txt": "jupyterlab\n"}, ("--owner", "anna"), "error[unknown-person]"),
        ({"requirements_txt": "jupyterlab\n"}, (*ANNA, "--from", "projects/none"), "projects/none: error[file]"),
        ({"uv_lock": "version = 1\n"}, (*ANNA, "--service", "jupyter"), "error[no-file]"),
    ],
)
def test_a_project_is_refused_and_the_file_stays(
    folder: Path, labform: Terminal, files: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    """Whatever is wrong, with what to write; no file of a try is left."""
    laid_out(folder / "projects/thesis", **files)
    path = folder / "stacks/ds01.yaml"
    before = path.read_bytes()
    ended, _, errors = labform(*THESIS, *words)
    assert (ended, path.read_bytes()) == (1, before)
    assert said in errors
    assert ".new" not in errors
    assert sorted(one.name for one in path.parent.iterdir()) == ["ds01.yaml", "schema.json"]


def test_what_is_there_is_not_changed(folder: Path, labform: Terminal) -> None:
    """Neither a project nor the uid of a person."""
    laid_out(folder / "projects/thesis", requirements_txt="jupyterlab==4.4.0\n")
    assert labform(*THESIS, *ANNA)[0] == 0
    assert "there is a project thesis already" in labform(*THESIS, *ANNA)[2]
    again = ("new", "project", "other", "--from", "projects/thesis", "--owner", "anna")
    assert "anna has uid 10042; leave --uid out" in labform(*again, "--uid", "10043")[2]


def test_the_stack_file_is_found_where_there_is_one(folder: Path, labform: Terminal) -> None:
    """Several, or none, are for a person to choose from."""
    laid_out(folder / "projects/thesis", requirements_txt="jupyterlab==4.4.0\n")
    (folder / "stacks/other.yaml").write_text((folder / "stacks/ds01.yaml").read_text())
    assert "ds01.yaml, other.yaml; give one by --stack-file" in labform(*THESIS, *ANNA)[2]
    assert labform(*THESIS, *ANNA, "--stack-file", "stacks/other.yaml")[0] == 0
