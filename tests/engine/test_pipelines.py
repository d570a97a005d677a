"""The pipelines that deploy, on the real engine, daemon and registry: build and push, `up` on main, nightly drift."""

import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from sandbox import Sandbox
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


@pytest.fixture
def runners(tmp_path: Path, box: Sandbox, tools: Toolchain) -> Iterator[Any]:
    """A lab's repository with its program, stack and lock on main, and what runs a workflow of it."""
    password = box.registry_password_file.read_text().strip()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(box.docker_cli)
    env = {**tools.env, "DOCKER_HOST": box.docker_host}
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    variables = {
        "STACK": LAB, "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "REGISTRY": box.registry_address,
        "REGISTRY_USERNAME": box.registry_username,
    }  # fmt: skip
    secrets = {"PULUMI_CONFIG_PASSPHRASE": "x", "REGISTRY_PASSWORD": password}
    origin = Repository(tmp_path / "origin")
    (tmp_path / "state").mkdir()
    _filled(origin.folder, lab(box), {**env, **variables, **secrets}, box)
    origin.commit()

    def run(name: str) -> Runner:
        """Run a workflow."""
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        made = Runner(workflow(TEMPLATES / f"labform-{name}.yml"), origin.folder, folder, {}, secrets, variables, env)
        made.run()
        return made

    yield run
    removed(box, LAB)


def _filled(folder: Path, declared: dict[str, Any], env: dict[str, str], box: Sandbox) -> None:
    for part in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(REPOSITORY / part, folder / part)
    (folder / ".gitignore").write_text(".venv\n.labform\n")
    (folder / "stacks").mkdir()
    (folder / "stacks" / f"{LAB}.yaml").write_text(yaml.safe_dump(declared))
    image = f"python:3.12-slim={box.base_reference}"
    labform = str(REPOSITORY / ".venv" / "bin" / "labform")
    sh(labform, "lock", f"stacks/{LAB}.yaml", "--offline", "--image", image, cwd=folder, env=env)
    sh("pulumi", "stack", "init", LAB, cwd=folder, env=env)
    for key, value in {"lab-secret": "x", "registry-password": env["REGISTRY_PASSWORD"]}.items():
        sh("pulumi", "config", "set", "--stack", LAB, "--secret", key, cwd=folder, env=env, input=value)


def test_a_push_deploys_and_the_night_finds_what_went_away(runners: Any, box: Sandbox, tmp_path: Path) -> None:
    """The image is pushed and run, drift is quiet; once the container is removed, it names the project and fails."""
    client = docker.DockerClient(base_url=box.docker_host)
    seen = "".join(runners("deploy").seen)
    container = client.containers.get(f"{LAB}-web")
    assert container.status == "running"
    assert f"{box.registry_address}/{LAB}/web@sha256:" in container.attrs["Config"]["Image"]
    seen += "".join(runners("drift").seen)
    container.remove(force=True)
    with pytest.raises(AssertionError, match="Compare"):
        runners("drift")
    client.close()
    pages = [path.read_text() for path in tmp_path.glob("drift-*/drift-temp/drift.md")]
    assert sorted("no changes" in one for one in pages) == [False, True], pages
    assert any("`web`" in one for one in pages)
    assert box.registry_password_file.read_text().strip() not in seen + "".join(pages)
