"""What can be told without a daemon: names, versions, processes, settings and errors."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import sandbox
from sandbox import SandboxError, commands, credentials, debian, host_settings, image, network, processes
from sandbox.layout import layout_of
from sandbox.state import State
from sandbox.toolset import GPU_HOOK
from toolchain.once import made_once


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("20.10.24+dfsg1-1+deb12u1+b6", "20.10.24"),
        ("2.8.2+ds1-1", "2.8.2"),
        ("1.6.20~ds1-1+deb12u3", "1.6.20"),
        ("2:1.02.185-2", "1.02.185"),
    ],
)
def test_the_upstream_version_is_told_from_debians(version: str, upstream: str) -> None:
    """Epoch, repacking and revision don't count when a package is compared to the tested version."""
    assert debian.upstream(version) == upstream


def test_names_outside_of_the_root_fit_and_differ(tmp_path: Path) -> None:
    """However long the root's path is, the bridge and the socket keep the kernel's limits."""
    deep = layout_of(tmp_path / ("x" * 90) / ("y" * 90))
    assert len(deep.bridge) <= 15
    assert len(str(deep.run / "exec/containerd/containerd-debug.sock")) <= 107
    assert deep.key != layout_of(tmp_path).key


def test_a_root_is_the_same_in_every_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path and a link name the same sandbox."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "box")
    assert layout_of(Path("box")) == layout_of(tmp_path / "link") == layout_of(tmp_path / "." / "box")


def test_a_recycled_pid_is_never_signalled() -> None:
    """A process of the same pid but another start time counts as ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = processes.identify(child.pid)
        assert process
        assert process.alive
        older = replace(process, started=process.started - 1)
        processes.end([older], patience=0)
        assert process.alive
        processes.end([process], patience=5)
        assert child.wait() == -signal.SIGTERM
    assert not process.alive


def test_the_password_is_stable_private_and_hashed_as_the_registry_reads_it(tmp_path: Path) -> None:
    """One password per file, mode 0600 under any umask, and a bcrypt line marked 2y."""
    old = os.umask(0)
    try:
        password = credentials.password_at(tmp_path / "password")
    finally:
        os.umask(old)
    assert credentials.password_at(tmp_path / "password") == password
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    user, _, hashed = credentials.htpasswd(password).strip().partition(":")
    assert (user, hashed[:7], len(hashed)) == ("labform", "$2y$05$", 60)


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure leaves nothing, what a killed run left is removed, and a finished folder is not made again."""
    target = tmp_path / "made"
    (tmp_path / ".made-killed").mkdir()

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise SandboxError("no")

    with pytest.raises(SandboxError):
        made_once(target, fail)
    assert not target.exists()
    assert made_once(target, lambda folder: (folder / "whole").touch()) == target
    assert made_once(target, fail) == target
    assert sorted(path.name for path in tmp_path.iterdir()) == [".made.lock", "made"]


def test_the_telling_line_of_a_failed_command_is_quoted() -> None:
    """An error names what was being done and the line that says why, not the last one."""
    script = "echo 'E: Unable to locate package x' >&2; echo done; exit 100"
    with pytest.raises(SandboxError, match=r"^download x: E: Unable to locate package x$"):
        commands.run(["sh", "-c", script], doing="download x")


def test_a_program_that_is_missing_is_named() -> None:
    """A host without a needed program gets its name, not a traceback."""
    with pytest.raises(SandboxError, match="no-such-program is not installed"):
        commands.run(["no-such-program"], doing="try")


def test_only_root_can_start_a_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a daemon and without root nothing is made, and the line says what to do."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SandboxError, match="run as root, or set DOCKER_HOST"):
        sandbox.start(tmp_path / "box", name="tests")
    assert not (tmp_path / "box").exists()


def test_without_control_groups_the_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container without mounted control groups is told before anything is downloaded."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("sandbox.lifecycle.CGROUPS", tmp_path)
    with pytest.raises(SandboxError, match="no control groups are mounted"):
        sandbox.start(tmp_path / "box", name="tests")


def test_without_apt_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback needs Debian's packages; elsewhere Docker has to be installed."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SandboxError, match=r"needs apt-get .*install Docker"):
        debian.refresh(tmp_path)


def test_pip_settings_reach_pip_and_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of the host is written for both; a folder of wheels, which an image has not, is dropped."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} https://wheels.example.org/")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    found = host_settings.read([debian.Repository("http://mirror.example.org/debian/", "bookworm", "main")])
    lines = found.files["/etc/pip.conf"].decode().splitlines()
    assert "index-url = https://index.example.org/simple" in lines
    assert "find-links = https://wheels.example.org/" in lines
    assert found.environment["UV_DEFAULT_INDEX"] == "https://index.example.org/simple"
    assert found.files["/etc/apt/sources.list"] == b"deb http://mirror.example.org/debian/ bookworm main\n"


def test_the_fingerprint_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that the image carries changes it; any other does not."""
    before = host_settings.fingerprint()
    monkeypatch.setenv("PIP_DISABLE_COLOR", "1")
    assert host_settings.fingerprint() == before
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example.org/simple")
    assert host_settings.fingerprint() != before


def test_a_layer_of_files_has_the_same_digest_every_time(tmp_path: Path) -> None:
    """No clock and no order of insertion is in a layer, and its digest is that of its bytes."""
    (tmp_path / "again").mkdir()
    one = image.layer_of_files({"/etc/b": b"2", "/etc/a": b"1"}, tmp_path)
    two = image.layer_of_files({"/etc/a": b"1", "/etc/b": b"2"}, tmp_path / "again")
    assert (one.digest, one.diff_id) == (two.digest, two.diff_id)
    assert one.digest == f"sha256:{hashlib.sha256(one.blob.read_bytes()).hexdigest()}"


def test_pools_hold_a_bridge_and_networks_apart() -> None:
    """The bridge's /24 is outside of what user networks are cut from."""
    pool = network.Pool(network.CANDIDATES[0])
    assert (pool.gateway, pool.user_networks) == ("172.24.0.1/24", "172.24.16.0/20")


def test_a_taken_range_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route of the host into the first choice moves the sandbox to the next pool."""
    layout = layout_of(tmp_path)
    start = int(layout.key, 16) % len(network.CANDIDATES)
    routes = json.dumps([{"dst": "default"}, {"dst": str(network.CANDIDATES[start])}])
    monkeypatch.setattr(network, "run", lambda command, **_: routes if "route" in command else "[]")
    monkeypatch.setattr(network, "RUN_DIRECTORY", tmp_path)
    monkeypatch.setattr(network, "_make_bridge", lambda layout, pool: None)
    monkeypatch.setattr("sandbox.layout.RUN_DIRECTORY", tmp_path)
    chosen = network.claim(layout, "")
    assert chosen.network == network.CANDIDATES[(start + 1) % len(network.CANDIDATES)]


def test_the_gpu_hook_reads_its_input_and_agrees() -> None:
    """The daemon writes the container's state to the hook and needs exit 0."""
    assert subprocess.run(["sh", "-c", GPU_HOOK], input=b"{}" * 100_000, check=False).returncode == 0


def test_state_comes_back_as_written(tmp_path: Path) -> None:
    """A missing file is an empty state, a written one is read back."""
    assert State.read(tmp_path / "state.json") == State()
    State(name="x", private=True).write(tmp_path / "state.json")
    assert State.read(tmp_path / "state.json") == State(name="x", private=True)


def test_status_of_nothing_is_nothing(tmp_path: Path) -> None:
    """Asking and stopping change nothing where no sandbox is."""
    sandbox.stop(tmp_path / "none")
    assert not sandbox.status(tmp_path / "none").running
    assert list(tmp_path.iterdir()) == []


def test_what_packs_leaves_nothing_open(tmp_path: Path) -> None:
    """The pipe from `tar` is closed by whoever reads it; a `tar` that fails is said, and nothing is noted."""
    (tmp_path / "root").mkdir()

    def tar(folder: str) -> subprocess.Popen[bytes]:
        command = ["tar", "--directory", str(tmp_path / folder), "--create", "."]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    good, bad = tar("root"), tar("nowhere")
    with pytest.raises(SandboxError, match="is the disk full"):
        image.pack(bad, tmp_path, labels={})
    assert not (tmp_path / "layer.json").exists()
    image.pack(good, tmp_path, labels={"python": "3.11"})
    assert image.Layer.read(tmp_path).labels == {"python": "3.11"}
    assert all(one.stdout is not None and one.stdout.closed for one in (good, bad))
