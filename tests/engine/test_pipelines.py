"""The pipelines that deploy, on the real engine, daemon and registry: build and push, `up` on main, nightly drift.

Both forges' pipelines deploy the one lab, each a change of its own.
"""

import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from sandbox import Sandbox
from tests.ci.gitlab import IMAGES, Pipeline, Project, Variable
from tests.ci.workflow import Runner, workflow
from tests.engine.bench import PORTS, REPOSITORY, sh
from tests.engine.reader import removed
from tests.plan.repository import Repository
from toolchain import Toolchain

LAB = "piped"
TEMPLATES = Path(str(resources.files("labform"))) / "ci" / "github"


def lab(box: Sandbox) -> dict[str, Any]:
    """A lab whose addresses are the sandbox's: nothing stands between the pipeline and what it deploys to."""
    return {
        "format": 1,
        "lab": LAB,
        "runs_on": {"kind": "docker", "hosts": {"gpu1": {"address": box.docker_host, "ports": PORTS}}},
        "builder": {"address": box.docker_host},
        "registry": {
            "address": f"{box.registry_address}/{LAB}",
            "username": box.registry_username,
            "password": {"from": "registry-password"},
        },
        "people": {"anna": {"uid": 10042}},
        "projects": {
            "web": {
                "owner": "anna",
                "environment": {"kind": "prebuilt", "image": "python:3.12-slim"},
                "service": {"kind": "command", "command": ["sleep", "infinity"]},
            }
        },
    }


class Team:
    """A lab's repository with its program, stack and lock on main, and what runs pipelines of it at either forge."""

    def __init__(self, folder: Path, box: Sandbox, tools: Toolchain) -> None:
        """Committed, with a stack that is empty."""
        self.folder, self.seen = folder, ""
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").symlink_to(box.docker_cli)
        self.env = {**tools.env, "DOCKER_HOST": box.docker_host, "PATH": f"{folder / 'bin'}:{tools.env['PATH']}"}
        self.variables = {
            "STACK": LAB, "PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "REGISTRY": box.registry_address,
            "REGISTRY_USERNAME": box.registry_username,
        }  # fmt: skip
        password = box.registry_password_file.read_text().strip()
        self.secrets = {"PULUMI_CONFIG_PASSPHRASE": "x", "REGISTRY_PASSWORD": password}
        self.origin = Repository(folder / "origin")
        (folder / "state").mkdir()
        _filled(self.origin.folder, lab(box), {**self.env, **self.variables, **self.secrets}, box)
        self.origin.commit()

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}-{len(list(self.folder.iterdir()))}"

    def github(self, name: str) -> None:
        """Run a workflow; a step that fails is raised."""
        file = workflow(TEMPLATES / f"labform-{name}.yml")
        made = Runner(file, self.origin.folder, self._place(name), {}, self.secrets, self.variables, self.env)
        made.run()
        self.seen += "".join(made.seen)

    def gitlab(self, source: str) -> dict[str, str]:
        """Run a pipeline of main; the result of each job."""
        given = {key: [Variable(one)] for key, one in {**IMAGES, **self.variables}.items()}
        given |= {key: [Variable(one, True, at) for at in ("build", "production")] for key, one in self.secrets.items()}
        project, folder = Project(self.origin.folder, 1, given), self._place(source)
        folder.mkdir()
        event = {"CI_PIPELINE_SOURCE": source, "CI_COMMIT_BRANCH": "main"}
        commit = self.origin.git("rev-parse", "main").strip()
        made = Pipeline(project, folder, commit, "refs/heads/main", event, protected=True, env=self.env)
        made.run()
        self.seen += "".join(made.seen.values())
        return made.results


@pytest.fixture
def team(tmp_path: Path, box: Sandbox, tools: Toolchain) -> Iterator[Team]:
    """The team."""
    yield Team(tmp_path, box, tools)
    removed(box, LAB)


def _filled(folder: Path, declared: dict[str, Any], env: dict[str, str], box: Sandbox) -> None:
    for part in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(REPOSITORY / part, folder / part)
    (folder / ".gitignore").write_text(".venv\n.labform\n")
    (folder / "stacks").mkdir()
    (folder / "stacks" / f"{LAB}.yaml").write_text(yaml.safe_dump(declared))
    image = f"python:3.12-slim={box.base_reference}"
    labform = str(REPOSITORY / ".venv" / "bin" / "labform")
    sh(labform, "ci", "gitlab", cwd=folder, env=env)
    sh(labform, "lock", f"stacks/{LAB}.yaml", "--offline", "--image", image, cwd=folder, env=env)
    sh("pulumi", "stack", "init", LAB, cwd=folder, env=env)
    for key, value in {"lab-secret": "x", "registry-password": env["REGISTRY_PASSWORD"]}.items():
        sh("pulumi", "config", "set", "--stack", LAB, "--secret", key, cwd=folder, env=env, input=value)


def test_a_push_deploys_and_the_night_finds_what_went_away(team: Team, box: Sandbox, tmp_path: Path) -> None:
    """The image is pushed and run, drift is quiet; once the container is removed, it names the project and fails."""
    client = docker.DockerClient(base_url=box.docker_host)
    team.github("deploy")
    container = client.containers.get(f"{LAB}-web")
    assert container.status == "running"
    assert f"{box.registry_address}/{LAB}/web@sha256:" in container.attrs["Config"]["Image"]
    declared = team.origin.folder / "stacks" / f"{LAB}.yaml"
    declared.write_text(declared.read_text().replace("infinity", "4d"))
    team.origin.commit()
    assert team.gitlab("push") == dict.fromkeys(["check", "build", "up"], "success")
    container = client.containers.get(f"{LAB}-web")
    assert (container.status, container.attrs["Config"]["Cmd"]) == ("running", ["sleep", "4d"])
    team.github("drift")
    assert team.gitlab("schedule") == {"drift": "success"}
    container.remove(force=True)
    client.close()
    with pytest.raises(AssertionError, match="Compare"):
        team.github("drift")
    assert team.gitlab("schedule")["drift"].startswith("exit 7:")
    pages = [
        path.read_text() for one in ("drift-*/drift-temp", "*/drift-artifacts") for path in tmp_path.glob(f"{one}/*.md")
    ]
    assert sorted("no changes" in one for one in pages) == [False, False, True, True], pages
    assert sum("`web`" in one for one in pages) == 2
    assert box.registry_password_file.read_text().strip() not in team.seen + "".join(pages)
