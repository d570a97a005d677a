"""Two people lock on two branches, and git merges: conflicts are local, and a merge that is wrong is refused."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.loading import load
from labform.problems import ProblemsError

from tests.cli.conftest import Terminal
from tests.labs import GPUS, hosts, project

JUPYTER = {"kind": "jupyter"}
FILE = Path("lab.yaml")
OLD = ["m-one", "m-two"]


def git(*words: str, fails: bool = False) -> str:
    """Run git as nobody in particular; what it printed."""
    who = [f"GIT_{role}_{part}=x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")]
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **dict(one.split("=") for one in who)}
    done = subprocess.run(["git", *words], capture_output=True, text=True, env={**os.environ, **settings}, check=False)
    assert (done.returncode != 0) is fails, done.stderr
    return done.stdout


def written(projects: dict[str, Any]) -> None:
    """The stack file with these projects, in the order of names."""
    lab = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(
            gpu1={"address": "ssh://lab@gpu1.invalid", "gpus": GPUS}, gpu2={"address": "ssh://lab@gpu2.invalid"}
        ),
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}, "bert": {"uid": 10043}},
        "volumes": {"home": {"owner": "anna", "host": "gpu1"}},
        "projects": projects,
    }
    FILE.write_text(yaml.safe_dump(lab))


def declared() -> dict[str, Any]:
    """The projects of the stack file as it is."""
    return yaml.safe_load(FILE.read_text())["projects"]


@pytest.fixture
def branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> Any:
    """A repository with a locked lab; the function makes a branch of it where a change was locked."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    written({name: project(gpus=1) for name in OLD})
    assert labform("lock", str(FILE), "--offline")[0] == 0
    git("add", ".")
    git("commit", "--quiet", "--message", "a lab")

    def made(name: str, **changed: dict[str, Any] | None) -> None:
        git("checkout", "--quiet", "-b", name, "main")
        now = {**declared(), **{key.replace("_", "-"): one for key, one in changed.items()}}
        written({key: one for key, one in sorted(now.items()) if one is not None})
        assert labform("lock", str(FILE), "--offline")[0] == 0
        git("commit", "--quiet", "--all", "--message", name)

    return made


def refused() -> list[str]:
    """What loading the merged lab says."""
    with pytest.raises(ProblemsError) as caught:
        load(FILE)
    return str(caught.value).splitlines()


def test_two_changes_apart_merge_and_hold(branch: Any, labform: Terminal) -> None:
    """One retires a project, another adds one: no conflict, nothing to lock again."""
    branch("left", m_one=None)
    branch("right", z_new=project(gpus=1))
    git("merge", "--quiet", "--no-edit", "left")
    assert labform("check", str(FILE))[0] == 0
    assert labform("lock", str(FILE), "--check")[0] == 0


@pytest.mark.parametrize(
    ("given", "field", "what"),
    [({"gpus": 1}, "gpus", "GPU-c"), ({"service": JUPYTER, "host": "gpu1"}, "service", "port 20000 of gpu1")],
)
def test_a_merge_that_is_wrong_in_meaning_is_refused(
    branch: Any,
    labform: Terminal,
    given: dict[str, Any],
    field: str,
    what: str,
) -> None:
    """Both took what was free on main: git sees no conflict, labform does, everywhere, with holders and command."""
    branch("left", a_new=project(**given))
    branch("right", z_new=project(**given, owner="bert"))
    git("merge", "--quiet", "--no-edit", "left")
    (message,) = refused()
    assert (
        f"error[lock-conflict] projects.z-new.{field}: the lock gives {what} to a-new (anna) and to z-new (bert)"
        in message
    )
    for words in (["check"], ["lock", "--check"], ["lock", "--offline"]):
        code, _, err = labform(*words, str(FILE))
        assert (code, err) == (1, f"{message}\n")
    before = yaml.safe_load(Path("lab.lock").read_text())["projects"]
    code, out, _ = labform("lock", str(FILE), "--offline", "--move", "z-new")
    after = yaml.safe_load(Path("lab.lock").read_text())["projects"]
    assert (code, out.count("->")) == (0, 1)
    assert {name for name in after if after[name] != before[name]} == {"z-new"}
    assert labform("check", str(FILE))[0] == 0


def test_a_conflict_is_local_to_the_projects_that_both_touched(branch: Any, labform: Terminal) -> None:
    """Neighbours conflict, those beside them do not; until it is solved the lock is refused with what to do."""
    branch("left", n_left=project(gpus=1))
    branch("right", n_right=project(gpus=1))
    git("merge", "--quiet", "--no-edit", "left", fails=True)
    text = Path("lab.lock").read_text()
    inside = text[text.index("<<<<<<<") : text.index(">>>>>>>")]
    assert [name for name in [*OLD, "n-left", "n-right"] if f"{name}:" in inside] == ["n-left", "n-right"]
    assert all(f"  {name}: {{host: gpu1, gpus: [" in text for name in OLD)
    git("checkout", "--quiet", "--ours", str(FILE))
    code, _, err = labform("lock", str(FILE), "--offline")
    line = text[: text.index("<<<<<<<")].count("\n") + 1
    assert (code, err) == (
        1,
        (
            f"lab.lock:{line}:1: error[unmerged] git left a conflict here; take the lock of the branch that is "
            "deployed, then run `labform lock`\n"
        ),
    )
    git("checkout", "--quiet", "--ours", "lab.lock")
    assert labform("lock", str(FILE), "--offline")[0] == 0


def test_data_and_the_lock_must_agree_where_a_project_is(branch: Any, labform: Terminal) -> None:
    """One pins a project, the other gives it data elsewhere or moves it: the merge is refused with both."""
    branch("left", m_one=project(host="gpu2"))
    branch("right", z_new=project())
    git("checkout", "--quiet", "left")
    projects = {**declared(), "m-one": project(mounts={"home": "/home/lab"})}
    git("merge", "--quiet", "--no-edit", "right")
    written(dict(sorted({**projects, "z-new": declared()["z-new"]}.items())))
    (message,) = refused()
    assert message.endswith(
        "error[stale-lock] projects.m-one: the lock has host gpu2, now gpu1: its volumes and host: allow gpu1; "
        "run `labform lock lab.yaml`"
    )
