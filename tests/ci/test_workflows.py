"""The pipelines: linted, pinned, without a right they do not need, and run from checkout to comment."""

import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.ci.forge import Forge
from tests.ci.hostile import SECRET, Hostile, stand_in_pulumi
from tests.ci.steps import topic
from tests.ci.workflow import Runner, workflow
from tests.plan.repository import SLEEP, Repository, small

pytestmark = pytest.mark.enable_socket
TEMPLATES = Path(str(resources.files("labform"))) / "ci"
GITHUB = sorted((TEMPLATES / "github").glob("*.yml"))


@pytest.mark.parametrize("path", GITHUB, ids=lambda one: one.stem)
def test_pinned_and_with_least_rights(path: Path) -> None:
    """Actions by hash with their version, no right by default, no expression in a script, a limit in time."""
    file = workflow(path)
    assert file["permissions"] == {}
    for used in re.findall(r"uses: (.*)", path.read_text()):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
    for job in file["jobs"].values():
        assert job["timeout-minutes"]
        writes = {key for key, value in job["permissions"].items() if value == "write"}
        assert writes <= {"pull-requests"}
        if writes:
            assert "environment" not in job, "the job that writes has no secret"
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_jobs_that_meet_strangers_have_no_secret() -> None:
    """Neither the check nor the plan names one; the preview runs for the team's own branches only."""
    for name in ("labform-check", "labform-plan"):
        assert "secrets." not in (TEMPLATES / "github" / f"{name}.yml").read_text()
    preview = workflow(TEMPLATES / "github" / "labform-preview.yml")
    assert preview["jobs"]["preview"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_nothing_for_an_attacker() -> None:
    """Zizmor finds nothing, but for the one trigger that each workflow which needs it explains."""
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    command = [zizmor, "--offline", "--no-progress", *map(str, GITHUB)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "".join(path.read_text() for path in GITHUB).count("zizmor: ignore") == 2


@pytest.mark.engine
def test_linted() -> None:
    """Actionlint finds nothing; it is a Go module, built as the engine is."""
    command = ["go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "-shellcheck=", *map(str, GITHUB)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pull_request(repository: Repository) -> dict[str, Any]:
    """The event of a pull request whose head is what is committed now, as the forge keeps it."""
    head = repository.git("rev-parse", "HEAD").strip()
    base = repository.git("rev-parse", "main").strip()
    repository.git("update-ref", "refs/pull/7/head", head)
    merge = repository.git("commit-tree", f"{head}^{{tree}}", "-p", base, "-p", head, "-m", "merge").strip()
    repository.git("update-ref", "refs/pull/7/merge", merge)
    repository.git("checkout", "--quiet", "main")
    return {"pull_request.number": 7, "pull_request.base.sha": base, "pull_request.head.sha": head}


def planned(repository: Repository, forge: Forge, folder: Path) -> Runner:
    """The plan's workflow, run for the pull request."""
    event = pull_request(repository)
    runner = Runner(workflow(TEMPLATES / "github" / "labform-plan.yml"), repository.folder, folder, event)
    runner.env = {"GITHUB_API_URL": forge.address}
    runner.run()
    return runner


def test_from_checkout_to_comment(repository: Repository, forge: Forge, tmp_path: Path) -> None:
    """A pull request gets one comment, which the next push changes."""
    repository.git("checkout", "--quiet", "-b", "topic")
    lab = small()
    lab["projects"]["thesis"]["gpus"] = 2
    repository.write(lab)
    repository.commit()
    planned(repository, forge, tmp_path / "one")
    assert len(forge.comments) == 1
    assert "`GPU-b` `A100-40GB` | `one` | free | `thesis`" in forge.comments[0]["body"]
    assert {token for _, _, token in forge.requests} == {"Bearer workflow-token"}
    repository.git("checkout", "--quiet", "topic")
    lab["projects"]["more"] = {**SLEEP, "host": "one"}
    repository.write(lab)
    repository.commit()
    planned(repository, forge, tmp_path / "two")
    assert len(forge.comments) == 1
    assert "| `more` | `anna` | created, image built |" in forge.comments[0]["body"]


def test_a_pull_request_that_conflicts(repository: Repository, forge: Forge, tmp_path: Path) -> None:
    """Where there is no merge of this head, the branch's own change is planned."""
    repository.git("checkout", "--quiet", "-b", "topic")
    lab = small()
    lab["projects"].pop("paper")
    repository.write(lab)
    repository.commit()
    event = pull_request(repository)
    repository.git("update-ref", "-d", "refs/pull/7/merge")
    runner = Runner(workflow(TEMPLATES / "github" / "labform-plan.yml"), repository.folder, tmp_path / "run", event)
    runner.env = {"GITHUB_API_URL": forge.address}
    runner.run()
    assert "| `paper` | `anna` | **removed** |" in forge.comments[0]["body"]


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.engine)])
def test_a_hostile_pull_request(count: int, repository: Repository, forge: Forge, tmp_path: Path) -> None:
    """No secret, no write, nothing of it run, and a comment that says what the lab would become."""
    repository.git("checkout", "--quiet", "-b", "topic")
    hostile = Hostile(repository, tmp_path / "outside", count)
    runner = planned(repository, forge, tmp_path / "run")
    (comment,) = forge.comments
    hostile.check(comment["body"], "".join(runner.seen))
    assert {command for command, _, _ in forge.requests} == {"GET", "POST"}
    assert runner.workflow["jobs"]["plan"]["permissions"] == {"contents": "read"}
    assert repository.git("status", "--porcelain") == ""


def test_preview_runs_the_base_branchs_program(repository: Repository, forge: Forge, tmp_path: Path) -> None:
    """A stand-in `pulumi` sees the base's program, the pull request's stack file, and the environment's secrets."""
    path, seen = stand_in_pulumi(tmp_path)
    head, _ = topic(repository)
    repository.git("checkout", "--quiet", "--detach", head)
    event = pull_request(repository)
    file = workflow(TEMPLATES / "github" / "labform-preview.yml")
    runner = Runner(file, repository.folder, tmp_path / "run", event, {"PULUMI_CONFIG_PASSPHRASE": SECRET})
    runner.variables = {"STACK": "lab"}
    runner.env = {"GITHUB_API_URL": forge.address, "PATH": path}
    runner.run()
    assert seen.read_text() == "print('the program of the base')\n2\n", (
        "two lines say so: the group's and the project's"
    )
    assert (tmp_path / "run" / "preview" / "stacks" / "new.txt").exists(), "what main got since then stays"
    assert "no changes" in forge.comments[0]["body"]
    assert SECRET not in forge.comments[0]["body"] + "".join(runner.seen)
