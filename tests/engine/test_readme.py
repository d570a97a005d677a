"""README.md does what it says: every command runs in a fresh clone, every example is what is really printed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from labform.cli.checking import schema_text

from sandbox import Sandbox
from tests.engine.bench import REPOSITORY, sh
from tests.pages import Reader, blocks_of
from toolchain import Toolchain

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line[2:] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
THIS_RUN = {"make test", "make check"}
"""What the suite is run by: running them inside of themselves would never end."""
ZEROS = f"python@sha256:{'0' * 64}"


def block(kind: str, *, containing: str) -> str:
    """The one block of a kind that contains a text."""
    return next(text for language, text in BLOCKS if language == kind and containing in text)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of the working tree would hold."""
    folder = tmp_path_factory.mktemp("clone") / "labform"
    listed = sh("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=REPOSITORY)
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, clone: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who has never used labform, but for the cache of downloads and builds."""
    folder = tmp_path_factory.mktemp("home")
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    given = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": cache}
    outer = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "DOCKER_HOST", "MAKEFLAGS")}
    environment = {**outer, **given}
    yield environment
    subprocess.run(["make", "clean"], cwd=clone, env=environment, input="y\n", text=True, check=False)


def test_every_command_runs_in_a_fresh_clone(clone: Path, home: dict[str, str]) -> None:
    """docs/start.md goes as shown, with questions answered by yes; the README's commands are among its own."""
    page = REPOSITORY / "docs" / "start.md"
    known = {command for one in blocks_of(page) if one.kind == "console" for command, _ in one.commands}
    assert set(COMMANDS) == known & set(COMMANDS) | THIS_RUN
    assert "make test" in (REPOSITORY / ".ci" / "run").read_text()
    assert "?token=" not in Reader(clone, home, {}, answer="y\n").follow(page)


def test_the_stack_file_is_valid_and_previewed_as_shown(tmp_path: Path, box: Sandbox, tools: Toolchain) -> None:
    """The example passes the schema, and its preview, without a host, prints what the README shows."""
    project = _project(tmp_path)
    (project / "stacks" / "ds01.yaml").write_text(block("yaml", containing="lab: ds01"))
    (project / "stacks" / "schema.json").write_text(schema_text())
    labform = str(Path(sys.executable).with_name("labform"))
    sh(labform, "lock", "stacks/ds01.yaml", "--offline", "--image", f"python:3.12-slim={ZEROS}", cwd=project)
    said = _pulumi(project, box, tools, "preview", "--color", "never")
    wanted = block("text", containing="pulumi:pulumi:Stack labform-ds01 create").splitlines()
    missing = [line for line in wanted if line.rstrip() not in {one.rstrip() for one in said.splitlines()}]
    assert missing == [], said


def test_mistakes_are_said_as_shown(tmp_path: Path) -> None:
    """The two mistakes of the README give its two lines, where owner and number of GPUs are mistyped."""
    project = _project(tmp_path)
    text = block("yaml", containing="lab: ds01")
    wanted = block("text", containing="error[unknown-person]").splitlines()
    for edit, line in zip(
        [("owner: anna\n    env", "owner: ana\n    env"), ("gpus: 1", "gpus: 2")], wanted, strict=True
    ):
        (project / "stacks" / "ds01.yaml").write_text(text.replace(*edit))
        labform = str(Path(sys.executable).with_name("labform"))
        command = [labform, "lock", "stacks/ds01.yaml", "--offline", "--image", f"python:3.12-slim={ZEROS}"]
        done = subprocess.run(command, cwd=project, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr.strip()) == (1, line)


def test_a_component_in_a_program_of_ones_own(tmp_path: Path, box: Sandbox, tools: Toolchain) -> None:
    """The README's program comes up without a stack file, and its container has said hello."""
    project = _project(tmp_path)
    (project / "__main__.py").write_text(block("python", containing="DockerWorkspace("))
    said = _pulumi(project, box, tools, "up", "--yes", "--skip-preview", config={"base": box.base_reference})
    assert "demo-hello" in said
    client = docker.DockerClient(base_url=box.docker_host)
    container = client.containers.get("demo-hello")
    container.wait(timeout=30)
    assert container.logs() == b"hello\n"
    assert _pulumi(project, box, tools, "destroy", "--yes", "--skip-preview", config={})
    client.close()


def _project(folder: Path) -> Path:
    project = folder / "project"
    shutil.copytree(REPOSITORY / "projects", project / "projects", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "stacks").mkdir()
    for part in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(REPOSITORY / part, project / part)
    (project / ".venv").symlink_to(REPOSITORY / ".venv")
    sh(str(Path(sys.executable).with_name("uv")), "lock", "--quiet", cwd=project / "projects" / "notebook")
    return project


def _pulumi(project: Path, box: Sandbox, tools: Toolchain, *args: str, config: dict[str, Any] | None = None) -> str:
    state = project.parent / "state"
    own = {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": "x"}
    env = {**os.environ, **tools.env, **box.env, **own}
    pulumi = str(tools.pulumi)
    if not state.exists():
        state.mkdir()
        sh(pulumi, "stack", "init", "ds01", cwd=project, env=env)
        sh(pulumi, "config", "set", "--secret", "lab-secret", "x", cwd=project, env=env)
        path = project / "Pulumi.ds01.yaml"
        known = yaml.safe_load(path.read_text())
        given = {"addresses": {"builder": box.docker_host}, **(config or {})}
        known["config"] |= {f"labform:{key}": value for key, value in given.items()}
        path.write_text(yaml.safe_dump(known))
    return sh(pulumi, *args, "--stack", "ds01", cwd=project, env=env)
