"""GitLab's pipeline: linted, by which jobs an event starts, and run from checkout to note, for strangers too."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.forge import Forge
from tests.ci.gitlab import IMAGES, Pipeline, Project, Variable
from tests.ci.hostile import SECRET, Hostile, stand_in_pulumi
from tests.ci.steps import topic
from tests.plan.repository import SLEEP, Repository

pytestmark = pytest.mark.enable_socket
TEMPLATE = Path(str(resources.files("labform"))) / "ci" / "gitlab" / "gitlab-ci.yml"
TOKEN = "glpat-of-the-team"
HEAD = "refs/merge-requests/7/head"
ON_MAIN = {"CI_COMMIT_BRANCH": "main"}


def variables() -> dict[str, list[Variable]]:
    """What the first lines of the file ask for."""
    return {
        **{key: [Variable(value)] for key, value in IMAGES.items()},
        "STACK": [Variable("lab")],
        "GITLAB_TOKEN": [Variable(TOKEN, protected=True, environment="comment")],
        "PULUMI_CONFIG_PASSPHRASE": [Variable(SECRET, True, one) for one in ("preview", "production")],
        "REGISTRY_PASSWORD": [Variable(SECRET, True, one) for one in ("build", "preview", "production")],
    }


class Team:
    """The team's project, and what happens to it."""

    def __init__(self, repository: Repository, forge: Forge, folder: Path) -> None:
        """A project whose main has the pipeline's file."""
        self.repository, self.forge, self.folder = repository, forge, folder
        self.path, self.previewed = stand_in_pulumi(folder)
        (repository.folder / ".gitlab-ci.yml").write_text(TEMPLATE.read_text())
        repository.commit()
        self.project = Project(repository.folder, 1, variables())

    @property
    def main(self) -> str:
        """The commit that main is at."""
        return self.repository.git("rev-parse", "main").strip()

    def pipeline(self, project: Project, commit: str, ref: str, **given: Any) -> Pipeline:
        """A pipeline, not yet run."""
        folder = self.folder / f"pipeline-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        given["event"] |= {"CI_API_V4_URL": self.forge.address}
        return Pipeline(project, folder, commit, ref, env={"PATH": self.path}, **given)

    def merge_request(self, repository: Repository, **attributes: Any) -> Pipeline:
        """The branch `topic` as merge request 7, and the pipeline that its webhook starts on main."""
        self.repository.git("fetch", "--quiet", str(repository.folder), f"+topic:{HEAD}")
        told = {
            "iid": 7, "state": "opened", "target_branch": "main", "source_project_id": 1,
            "last_commit": {"id": self.repository.git("rev-parse", HEAD).strip()}, **attributes,
        }  # fmt: skip
        payload = json.dumps({"object_kind": "merge_request", "object_attributes": told})
        event = {**ON_MAIN, "CI_PIPELINE_SOURCE": "trigger"}
        return self.pipeline(self.project, self.main, "refs/heads/main", protected=True, event=event, payload=payload)

    def own_pipeline(self, project: Project, commit: str, ref: str) -> Pipeline:
        """The merge request's own pipeline, in a project."""
        event = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "7"}
        return self.pipeline(project, commit, ref, event=event)


@pytest.fixture
def team(repository: Repository, forge: Forge, tmp_path: Path) -> Team:
    """The team."""
    (tmp_path / "runs").mkdir()
    return Team(repository, forge, tmp_path / "runs")


def test_every_word_is_known() -> None:
    """GitLab's own schema has nothing against the pipeline."""
    lint = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [lint, "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_job_has_a_limit_and_an_image_of_the_labs() -> None:
    """No version is made up, and no job that takes its event from a webhook is cancelled by the next one's."""
    file = yaml.safe_load(TEMPLATE.read_text())
    jobs = {key: one for key, one in file.items() if isinstance(one, dict) and "script" in one}
    assert set(jobs) == {"check", "plan", "preview", "comment", "build", "up", "drift"}
    assert {key for key, job in jobs.items() if job.get("interruptible")} == {"check"}
    for job in jobs.values():
        assert job["timeout"]
        assert job.get("image", file["default"]["image"])[1:] in IMAGES


@pytest.mark.parametrize(
    ("event", "protected", "own", "jobs"),
    [
        ({"CI_PIPELINE_SOURCE": "push", **ON_MAIN}, True, True, ["check", "build", "up"]),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "lab/a"}, True, True, ["build"]),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "topic"}, False, True, []),
        ({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1"}, True, True, []),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, False, True, ["check"]),
        ({"CI_PIPELINE_SOURCE": "schedule", **ON_MAIN}, True, True, ["drift"]),
        (
            {"CI_PIPELINE_SOURCE": "trigger", **ON_MAIN, "TRIGGER_PAYLOAD": "{}"},
            True,
            True,
            ["plan", "preview", "comment"],
        ),
        ({"CI_PIPELINE_SOURCE": "trigger", **ON_MAIN}, True, True, []),
        ({"CI_PIPELINE_SOURCE": "trigger", "CI_COMMIT_BRANCH": "topic", "TRIGGER_PAYLOAD": "{}"}, False, True, []),
        ({"CI_PIPELINE_SOURCE": "web", **ON_MAIN}, True, True, []),
        ({"CI_PIPELINE_SOURCE": "push", **ON_MAIN}, True, False, []),
        ({"CI_PIPELINE_SOURCE": "schedule", **ON_MAIN}, True, False, []),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, False, False, []),
    ],
)
def test_which_jobs_an_event_starts(
    team: Team, event: dict[str, str], protected: bool, own: bool, jobs: list[str]
) -> None:
    """A fork, which has none of the variables, starts none that would only fail."""
    project = team.project if own else Project(team.repository.folder, 2)
    made = team.pipeline(project, "main", "refs/heads/main", event=dict(event), protected=protected)
    assert list(made.jobs) == jobs


@pytest.mark.engine
def test_a_merge_request_gets_one_note_of_each_kind(team: Team) -> None:
    """From checkout to note; main, which moved on, keeps what it got, and the next push changes the two notes."""
    repository = team.repository
    head, lab = topic(repository)
    assert team.own_pipeline(team.project, head, "refs/heads/topic").run() == {"check": "success"}
    first = team.merge_request(repository)
    assert first.run() == dict.fromkeys(["plan", "preview", "comment"], "success")
    assert first.images == {
        "plan": IMAGES["PYTHON_IMAGE"],
        "preview": IMAGES["PULUMI_IMAGE"],
        "comment": IMAGES["PYTHON_IMAGE"],
    }
    assert team.previewed.read_text() == "print('the program of the base')\n2\n", "the group's and the project's"
    assert (first.folder / "preview" / "stacks" / "new.txt").exists()
    plan, preview = (one["body"] for one in team.forge.comments)
    assert "`GPU-b` `A100-40GB` | `one` | free | `thesis`" in plan
    assert "no changes" in preview
    assert {token for _, _, token in team.forge.requests} == {TOKEN}
    assert all(
        path == "/user" or path.startswith("/projects/1/merge_requests/7/notes") for _, path, _ in team.forge.requests
    )
    repository.git("checkout", "--quiet", "topic")
    lab["projects"]["more"] = {**SLEEP, "host": "one"}
    repository.write(lab)
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    second = team.merge_request(repository)
    assert set(second.run().values()) == {"success"}
    assert len(team.forge.comments) == 2
    assert "| `more` | `anna` | created, image built |" in team.forge.comments[0]["body"]
    seen = "".join([*first.seen.values(), *second.seen.values()])
    assert SECRET not in seen + str(team.forge.comments)
    assert TOKEN not in seen + str(team.forge.comments)


@pytest.mark.engine
def test_a_hostile_merge_request_of_a_fork(team: Team, tmp_path: Path) -> None:
    """Its own pipeline, in the fork or started by a member, has no secret; main's says honestly what it would do."""
    fork = Repository(tmp_path / "fork")
    fork.git("pull", "--quiet", str(team.repository.folder), "main")
    fork.git("checkout", "--quiet", "-b", "topic")
    steal = "steal:\n  stage: test\n  image: x\n  environment: {name: comment}\n"
    steal += "  rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"'}]\n  script: [env]\n"
    (fork.folder / ".gitlab-ci.yml").write_text(f"stages: [test]\n{steal}")
    hostile = Hostile(fork, tmp_path / "outside", 1_000)
    main = team.merge_request(fork, source_project_id=2)
    commit = fork.git("rev-parse", "HEAD").strip()
    for project, ref in ((Project(fork.folder, 2), "refs/heads/topic"), (team.project, HEAD)):
        own = team.own_pipeline(project, commit, ref)
        assert own.run() == {"steal": "success"}
        assert "CI_MERGE_REQUEST_IID=7" in own.seen["steal"]
        assert not any(secret in own.seen["steal"] for secret in (SECRET, TOKEN))
    assert main.run() == dict.fromkeys(["plan", "preview", "comment"], "success")
    (note,) = team.forge.comments
    hostile.check(note["body"], "".join(main.seen.values()))
    assert not any(line.startswith("/") for line in note["body"].splitlines()), "GitLab would obey it as a quick action"
    assert [method for method, _, _ in team.forge.requests] == ["GET", "GET", "POST"]
    assert not team.previewed.exists()
    assert team.repository.git("status", "--porcelain") == ""


@pytest.mark.engine
def test_what_is_not_to_be_said(team: Team) -> None:
    """A merge request that is merged, that is for another branch, or that has moved on gets no note."""
    repository = team.repository
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    for attributes in ({"state": "merged"}, {"target_branch": "old"}, {"last_commit": {"id": "0" * 40}}):
        assert set(team.merge_request(repository, **attributes).run().values()) == {"success"}
    assert team.forge.requests == []


@pytest.mark.engine
def test_a_preview_that_fails_is_said_to_have_failed(team: Team, tmp_path: Path) -> None:
    """A link among the data of a branch is not followed with a secret in reach, and the older page does not stay."""
    repository = team.repository
    team.forge.add(team.forge.author, "<!-- labform: preview -->\nan older one")
    repository.git("checkout", "--quiet", "-b", "topic")
    for number in range(2_000):
        (repository.folder / "stacks" / f"{number:05}-{'long' * 20}.txt").write_text("")
    (repository.folder / "stacks" / "0.yaml").symlink_to("/proc/self/environ")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    results = team.merge_request(repository).run()
    assert "links in stacks/ or projects/ are not previewed" in results["preview"]
    assert results["comment"] == "success"
    assert not team.previewed.exists()
    assert "failed" in team.forge.comments[0]["body"]
    assert "a link out of the repository" in team.forge.comments[1]["body"]


@pytest.mark.engine
def test_the_night_has_the_key_of_the_hosts(team: Team) -> None:
    """Readable by its owner only, whole, and not in what the job prints."""
    for key, value in {"SSH_KEY": "begin\nsecret-key\nend", "KNOWN_HOSTS": "gpu1 ssh-ed25519 A\n"}.items():
        team.project.variables[key] = [Variable(value, protected=True, environment="production", file=True)]
    event = {**ON_MAIN, "CI_PIPELINE_SOURCE": "schedule"}
    made = team.pipeline(team.project, team.main, "refs/heads/main", protected=True, event=event)
    assert made.run() == {"drift": "success"}
    key = made.folder / "drift-home" / ".ssh" / "id_ed25519"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("begin\nsecret-key\nend\n", 0o600)
    assert key.with_name("known_hosts").read_text() == "gpu1 ssh-ed25519 A\n"
    assert "secret-key" not in made.seen["drift"]
