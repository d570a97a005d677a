"""Start, stop, kill, remove: what comes back and what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sandbox_traces import Docker, client_of, traces

import sandbox
from sandbox import Sandbox, SandboxError, daemon, processes
from sandbox.layout import layout_of

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]

REPOSITORY = Path(__file__).parents[2]


def test_start_on_a_running_sandbox_is_quick_and_the_same(box: Sandbox, root: Path) -> None:
    """The second start checks health and changes nothing, in less than half a second."""
    begun = time.monotonic()
    assert sandbox.start(root, name="tests") == box
    assert time.monotonic() - begun < 0.5


def test_stop_leaves_nothing_behind(box: Sandbox, docker: Docker, root: Path) -> None:
    """No process, mount, link, route, control group or socket outlives `stop`, with containers running."""
    docker("network", "create", "left")
    docker("run", "-d", "--name", "left", "--init", "--network", "left", "-p", "127.0.0.1::80", *_sleeper(box))
    sandbox.stop(root)
    assert traces(root) == {}
    client_of(sandbox.start(root, name="tests"))("rm", "-f", "left")
    docker("network", "rm", "left")


def test_stop_cleans_up_after_a_killed_daemon(box: Sandbox, docker: Docker, root: Path) -> None:
    """After `kill -9` of dockerd the shims and containers it leaves are found and ended."""
    docker("run", "-d", "--name", "orphan", *_sleeper(box))
    _kill_daemon(root)
    assert "processes" in traces(root)
    sandbox.stop(root)
    assert traces(root) == {}
    client_of(sandbox.start(root, name="tests"))("rm", "-f", "orphan")


def test_a_killed_daemon_starts_again_on_its_data(box: Sandbox, docker: Docker, root: Path) -> None:
    """After `kill -9` a start brings back volumes, and containers with a restart policy run."""
    docker("run", "--rm", "-v", "kept:/kept", box.base_reference, "touch", "/kept/file")
    docker("run", "-d", "--init", "--name", "returns", "--restart", "always", *_sleeper(box))
    _kill_daemon(root)
    again = client_of(sandbox.start(root, name="tests"))
    assert again("inspect", "--format", "{{.State.Running}}", "returns") == "true"
    assert again("run", "--rm", "-v", "kept:/kept", box.base_reference, "ls", "/kept") == "file"
    again("rm", "-f", "returns")
    again("volume", "rm", "kept")


def test_stopping_one_sandbox_leaves_the_other_running(box: Sandbox, other_box: Sandbox, other_root: Path) -> None:
    """A neighbour's containers, network and published ports outlive a stop."""
    docker = client_of(box)
    container = docker("run", "-d", "--rm", "--init", *_sleeper(box))
    sandbox.stop(other_root)
    script = "pip download -q --no-deps -d /tmp iniconfig && echo reached"
    assert docker("exec", container, "sh", "-c", script).endswith("reached")
    docker("rm", "-f", container)


def test_an_installed_daemon_is_used_as_it_is(
    other_box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a daemon answers only a registry and the base are added; stop and remove leave the daemon alone."""
    monkeypatch.setenv("DOCKER_HOST", other_box.docker_host)
    mine = sandbox.start(tmp_path / "mine", name="guest")
    try:
        assert mine.docker_host == other_box.docker_host
        assert mine.registry_address != other_box.registry_address
        assert client_of(mine)("run", "--rm", mine.base_reference, "echo", "hello") == "hello"
    finally:
        client_of(mine)("rmi", mine.base_reference)
        sandbox.remove(tmp_path / "mine")
    assert daemon.answers(other_box.docker_host)
    assert not (tmp_path / "mine").exists()


def test_two_starts_at_once_make_one_daemon(box: Sandbox, root: Path) -> None:
    """Concurrent starts wait for each other and return the same sandbox."""
    sandbox.stop(root)
    found: list[Sandbox] = []
    threads = [threading.Thread(target=lambda: found.append(sandbox.start(root, name="tests"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [box, box, box]
    config = str(layout_of(root).run / "daemon.json")
    assert len(processes.matching(lambda words: config in words)) == 1


def test_remove_deletes_the_root(tmp_path: Path) -> None:
    """`remove` ends everything and deletes images, volumes and secrets."""
    root = tmp_path / "gone"
    sandbox.start(root, name="gone")
    sandbox.remove(root)
    assert not root.exists()
    assert traces(root) == {}


def test_remove_refuses_a_folder_that_is_no_sandbox(tmp_path: Path) -> None:
    """A mistyped --root never deletes somebody's files."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(SandboxError, match="is not a sandbox"):
        sandbox.remove(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_the_command_line_says_what_runs(box: Sandbox, root: Path) -> None:
    """`status` is one line and its exit code, `env` is what a shell evaluates, and errors have no traceback."""
    assert "daemon runs, registry runs" in _command("status", root).stdout
    assert f"export DOCKER_HOST={box.docker_host}" in _command("env", root).stdout
    failed = _command("up", Path("/proc/nowhere"))
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ")
    assert len(failed.stderr.splitlines()) == 1


def _sleeper(box: Sandbox) -> list[str]:
    return [box.base_reference, "sleep", "300"]


def _kill_daemon(root: Path) -> None:
    process = daemon.running(layout_of(root))
    assert process
    os.kill(process.pid, signal.SIGKILL)
    assert processes.gone([process], within=5)


def _command(word: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", word, "--root", str(root)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
