"""What people type every day, on a lab that runs: logs, shell, open, volumes, retire, deploy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.engine.bench import Bench


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """The smallest lab, up."""
    made = Bench(tmp_path_factory.mktemp("verbs"), box, tools, "verbs")
    command = ["sh", "-c", "echo hello; exec python3 -m http.server 8000"]
    made.write(
        {
            "format": 1,
            "lab": made.name,
            "runs_on": {"kind": "docker", "hosts": {"local": {}}},
            "registry": {
                "address": "127.0.0.1:5000/t",
                "username": "labform",
                "password": {"from": "registry-password"},
            },
            "people": {"anna": {"uid": 10042}},
            "volumes": {"work": {"owner": "anna", "size": "5Gi"}},
            "projects": {
                "web": {
                    "owner": "anna",
                    "environment": {"kind": "prebuilt", "image": "python:3.12-slim"},
                    "mounts": {"work": "/workspace"},
                    "service": {"kind": "command", "command": command, "port": 8000},
                }
            },
        }
    )
    made.up()
    yield made
    made.close()


def labform(bench: Bench, command: str, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A labform command on the lab."""
    given = ("--addresses", json.dumps(bench.deployment.addresses))
    return bench.deployment.labform(command, *given, *args, check=False, capture=True, **options)


def test_logs_are_what_the_container_said(up: Bench) -> None:
    """The last lines."""
    assert labform(up, "logs", "web").stdout.startswith("hello\n")
    assert labform(up, "logs", "web", "--tail", "0").stdout == ""


def test_a_command_runs_in_the_container(up: Bench) -> None:
    """As the owner, with its own exit code and standard input."""
    done = labform(up, "shell", "web", "--", "sh", "-c", "id -u; cat; exit 7", input="typed")
    assert (done.stdout, done.returncode) == ("10042\ntyped", 7)
    assert labform(up, "shell", "web", input="whoami\n").stdout == "anna\n"


def test_a_service_is_opened_in_the_browser(up: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address where it answers."""
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\npathlib.Path({str(tmp_path / 'seen')!r}).write_text(sys.argv[1])\n"
    )
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert labform(up, "open", "web").returncode == 0
    (port,) = up.inspect("web")["NetworkSettings"]["Ports"]["8000/tcp"]
    assert (tmp_path / "seen").read_text() == f"http://127.0.0.1:{port['HostPort']}/"


class DevContainers:
    """The reference CLI of dev containers on the lab's daemon."""

    def __init__(self, env: dict[str, str]) -> None:
        """Nothing runs yet."""
        self.program, self.env = npm.devcontainers(), env

    def __call__(self, *words: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run([self.program, *words], env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@npm.NEEDS_NPM
@pytest.mark.parametrize("where", [(), ("--on-host",)])
def test_a_dev_container_is_opened_by_the_official_cli(up: Bench, tmp_path: Path, where: tuple[str, ...]) -> None:
    """It runs the project's image as its owner; on its host it has the project's data, elsewhere volumes of its own."""
    up.deployment.prepare()
    written = labform(up, "devcontainer", "web", "--to", str(tmp_path), *where)
    assert written.returncode == 0, written.stderr
    up.run("web", "sh", "-c", "echo kept > /workspace/canary")
    cli = DevContainers(up.deployment.env)
    folder = ("--workspace-folder", str(tmp_path))
    made = up.docker.containers.get(json.loads(cli("up", *folder))["containerId"])
    try:
        assert made.image.id == up.docker.containers.get(f"{up.name}-web").image.id
        assert cli("exec", *folder, "id", "-u") == "10042\n"
        assert cli("exec", *folder, "sh", "-c", "cat /workspace/canary || echo none") == (
            "kept\n" if where else "none\n"
        )
        assert cli("exec", *folder, "sh", "-c", "echo $USER $HOME; touch /workspace/mine") == "anna /home/lab\n"
    finally:
        made.remove(force=True)
        for volume in up.docker.volumes.list(filters={"name": f"{up.name}-web-devcontainer-"}):
            volume.remove()


@npm.NEEDS_NPM
def test_an_editor_attaches_to_the_projects_container(up: Bench) -> None:
    """By the labels that it has: as its owner, in the home, and the container stays as it was."""
    before = up.inspect("web")
    cli = DevContainers(up.deployment.env)
    which = ("--id-label", f"labform.lab={up.name}", "--id-label", "labform.project=web")
    for one in (("--container-id", before["Id"]), which):
        assert cli("exec", *one, "sh", "-c", "id -u; id -g; whoami; echo $HOME") == "10042\n10042\nanna\n/home/lab\n"
    assert up.inspect("web")["State"]["StartedAt"] == before["State"]["StartedAt"]


def test_a_retired_project_is_gone_and_comes_back_with_its_data(up: Bench) -> None:
    """The stack file keeps its layout; the lock and the world follow."""
    path = up.project / up.deployment.stack_file
    before = path.read_text()
    up.run("web", "sh", "-c", "echo kept > /workspace/canary")
    image = up.inspect("web")["Config"]["Image"]
    engine = ("--", "--yes", "--skip-preview", "--config-file", str(up.deployment.config))

    done = labform(up, "retire", "web", *engine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert up.containers() == []
    assert path.read_text() == before.replace("  web:\n", "  web:\n    state: retired\n")
    assert [row["mounted by"] for row in json.loads(labform(up, "volumes", "--json").stdout)] == [[]]

    done = labform(up, "deploy", "web", *engine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert up.run("web", "cat", "/workspace/canary") == "kept\n"
    assert up.inspect("web")["Config"]["Image"] == image


@pytest.mark.parametrize("command", ["logs", "shell", "open", "freeze", "retire", "deploy"])
def test_a_project_that_is_not_there_is_named(up: Bench, command: str) -> None:
    """With the one that was meant, and the file as it was."""
    path = up.project / up.deployment.stack_file
    before = path.read_bytes()
    done = labform(up, command, "webb")
    assert done.returncode == 1
    assert done.stderr.startswith("error[unknown-project] no ")
    assert 'did you mean "web"?' in done.stderr
    assert path.read_bytes() == before
