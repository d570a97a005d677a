"""A lab from nothing: new lab, new project, check, lock, up; its project is code-server, less the program itself."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.bench import PORTS, REPOSITORY, Bench
from tests.engine.environment_files import FILES

PROJECT = Path("projects/thesis")


def labform(folder: Path, *words: str) -> str:
    """What a labform command prints in a folder; it must succeed."""
    program = Path(sys.executable).with_name("labform")
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """The lab, up."""
    place = tmp_path_factory.mktemp("new")
    made = Bench(place, box, tools, "begun")
    labform(place, "new", "lab", made.name)
    made.project = place / made.name
    made.deployment = replace(made.deployment, project=made.project, stack_file=f"stacks/{made.name}.yaml")
    (made.project / ".venv").symlink_to(REPOSITORY / ".venv")
    (made.project / PROJECT).mkdir(parents=True)
    for name in ("Dockerfile", "code-server"):
        (made.project / PROJECT / name).write_text(FILES[f"code/{name}"])
    labform(made.project, "new", "project", "thesis", "--from", str(PROJECT), "--owner", "anna", "--uid", "10042")
    stack = made.project / made.deployment.stack_file
    stack.write_text(stack.read_text().replace("local: {}", f'local: {{ports: "{PORTS}"}}'))
    labform(made.project, "check", str(stack), "--without-lock")
    try:
        made.up()
        yield made
    finally:
        made.close()


def test_the_project_serves_to_whom_has_its_token(new: Bench) -> None:
    """`up` has waited for it; its configuration, which holds the token alone, is a file that its owner can read."""
    with urllib.request.urlopen(new.output("projects")["thesis"]["url"], timeout=30) as answer:
        assert answer.status == 200
    token = new.output("tokens")["thesis"]
    assert new.run("thesis", "cat", "/run/secrets/code-server.yaml") == f'password: "{token}"\n'
    assert new.run("thesis", "sh", "-c", "whoami; touch /home/lab/mine") == "anna\n"
    assert token not in str(new.inspect("thesis"))
    assert token not in new.state()


def test_a_second_up_changes_nothing(new: Bench) -> None:
    """As for every lab."""
    new.settled()


def test_an_image_without_code_server_is_refused_by_its_build(new: Bench) -> None:
    """In seconds, with the reason, and the container that runs stays."""
    before = new.inspect("thesis")["Id"]
    path = new.project / PROJECT / "Dockerfile"
    path.write_text("FROM python:3.12-slim\n")
    assert "this image has no code-server on PATH" in new.refused()
    path.write_text(FILES["code/Dockerfile"])
    assert new.inspect("thesis")["Id"] == before
    assert new.up().changed == {}
