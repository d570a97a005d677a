"""What people type every day, on a lab that runs: logs, shell, open, volumes, retire, deploy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
