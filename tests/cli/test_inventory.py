"""`labform inventory`: from captures, from this machine, over ssh, and beside a stack file; one line for what fails."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.cli import app, inventory
from labform.problems import LabformError

CAPTURES = Path(__file__).parents[1] / "captures"
STACK = """format: 1
lab: test
runs_on:
  kind: docker
  hosts:
{hosts}registry: {{address: registry.example.org/test}}
people:
  anna: {{uid: 10042}}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command: its exit code, output and errors."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["labform", "inventory", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            app()
        return (int(end.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the Docker daemons that were asked; each answers as the H100 host's does."""
    addresses: list[str] = []

    class Client:
        def info(self) -> dict[str, Any]:
            """What this daemon says of itself."""
            return json.loads((CAPTURES / "h100-mig-off" / "docker-info.json").read_text())

    @contextmanager
    def connected(name: str, address: str, *, timeout: int) -> Iterator[Client]:
        assert timeout > 0
        addresses.append(address)
        yield Client()

    monkeypatch.setattr(inventory, "connected", connected)
    return addresses


def program(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is found before the machine's own, as a shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def captures(host: str, *names: str) -> list[str | Path]:
    """`--from` for files of a host."""
    return [word for name in names for word in ("--from", CAPTURES / host / name)]


def stack(folder: Path, block: str) -> Path:
    """A stack file with this block of hosts."""
    path = folder / "lab.yaml"
    path.write_text(STACK.format(hosts=block))
    return path


ALL = ("list.txt", "query.xml", "docker-info.json")
H100 = CAPTURES / "h100-mig-off"
SMI = f'case "$*" in -L) cat {H100}/list.txt;; "-q -x") cat {H100}/query.xml;; *) exit 9;; esac'


@pytest.mark.parametrize("host", sorted(one.name for one in CAPTURES.iterdir() if one.is_dir()))
def test_a_block_is_pasted_and_checked(run: Run, tmp_path: Path, host: str) -> None:
    """What is printed from captures is a stack file's block, and the same captures find no drift in it."""
    code, block, _ = run(*captures(host, *ALL), "--host", "ssh://lab@gpu1.example.org")
    assert code == 0
    assert list(yaml.safe_load(block)) == ["gpu1"]
    path = stack(tmp_path, block)
    code, out, err = run(*captures(host, *ALL), "--check", path)
    assert (code, out) == (0, f"{path}: host gpu1: as declared\n"), err


def test_drift_is_an_error_for_each_fault(run: Run, tmp_path: Path) -> None:
    """Every drift has its place in the stack file, and the exit code is 1."""
    _, block, _ = run(*captures("h100-mig-off", *ALL), "--name", "gpu1")
    uuid = yaml.safe_load(block)["gpu1"]["gpus"][0]["uuid"]
    block = block.replace(uuid, "GPU-old").replace("580.65.06", "570.133.20").replace("cpus: 224", "cpus: 256")
    path = stack(tmp_path, block)
    code, out, err = run(*captures("h100-mig-off", *ALL), "--check", path, "--name", "gpu1")
    assert (code, out) == (1, "")
    at = "runs_on.hosts.gpu1"
    assert err == (
        f"{path}:7:13: error[drift-cpus] {at}.cpus: 256 here, the host has 224; write cpus: 224\n"
        f"{path}:9:15: error[drift-driver] {at}.driver: 570.133.20 here, the host has 580.65.06; "
        'write driver: "580.65.06"\n'
        f"{path}:12:18: error[drift-swapped] {at}.gpus.0.uuid: GPU-old is gone, {uuid} (H100-80GB) is there "
        f"instead: swapped; write - {{uuid: {uuid}, model: H100-80GB}}\n"
    )


def test_notes_go_beside_the_block(run: Run) -> None:
    """What is left out is said on the error output, so that the block can be redirected into a file."""
    code, out, err = run(*captures("a100-mig-on", *ALL))
    assert code == 0
    assert err.startswith("note: GPU-")
    assert "note" not in out


def test_captures_come_by_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ssh gpu1 'nvidia-smi -L; nvidia-smi -q -x' | labform inventory --from -`."""
    with (CAPTURES / "h100-mig-off" / "list.txt").open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        code, out, _ = run("--from", "-")
    assert code == 0
    assert list(yaml.safe_load(out)) == ["local"]


def test_this_machine_is_asked(run: Run, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address nvidia-smi runs here, and the local daemon tells CPUs, memory and CDI names."""
    program(tmp_path / "bin", "nvidia-smi", SMI, monkeypatch)
    code, out, err = run()
    assert (code, err) == (0, "")
    host = yaml.safe_load(out)["local"]
    assert (host["cpus"], host["gpu_request"], len(host["gpus"])) == (224, "cdi", 2)
    assert asked == ["unix:///var/run/docker.sock"]


def test_a_remote_host_is_asked_over_ssh(
    run: Run, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's ssh, which never asks a question, runs one command there; the daemon is the same host's."""
    program(tmp_path / "bin", "nvidia-smi", SMI, monkeypatch)
    ssh = f'echo "$@" > {tmp_path}/words; for last; do :; done; exec sh -c "$last"'
    program(tmp_path / "bin", "ssh", ssh, monkeypatch)
    code, out, _ = run("--host", "ssh://lab@gpu1.example.org:2222", "--timeout", "7")
    assert code == 0
    assert yaml.safe_load(out)["gpu1"]["address"] == "ssh://lab@gpu1.example.org:2222"
    assert (tmp_path / "words").read_text() == (
        "-T -o BatchMode=yes -o ConnectTimeout=7 -- ssh://lab@gpu1.example.org:2222 nvidia-smi -L && nvidia-smi -q -x\n"
    )
    assert asked == ["ssh://lab@gpu1.example.org:2222"]


def test_a_check_asks_the_declared_address(
    run: Run, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stack file, the host is asked where the file says it is."""
    program(tmp_path / "bin", "nvidia-smi", SMI, monkeypatch)
    path = stack(tmp_path, "    a: {address: 'unix:///run/a.sock'}\n    b: {address: 'unix:///run/b.sock'}\n")
    code, _, err = run("--check", path, "--name", "b")
    assert code == 1
    assert err.count("error[drift-new] runs_on.hosts.b.gpus: GPU-") == 2
    assert asked == ["unix:///run/b.sock"]


def test_without_docker_the_gpus_are_still_found(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that does not answer is a note; CPUs and memory are left out."""

    def refuse(*_: object, **__: object) -> None:
        raise LabformError("host local: the Docker daemon does not answer")

    monkeypatch.setattr(inventory, "connected", refuse)
    program(tmp_path / "bin", "nvidia-smi", SMI, monkeypatch)
    code, out, err = run()
    assert code == 0
    assert "cpus" not in yaml.safe_load(out)["local"]
    assert err == ("note: host local: the Docker daemon does not answer; CPUs, memory and CDI names are not known\n")


FAILED = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."


@pytest.mark.parametrize(
    ("name", "script", "words", "said"),
    [
        ("none", "", (), "this machine: error[nvidia-smi] there is no nvidia-smi; install the driver, or use --from"),
        ("nvidia-smi", f'echo "{FAILED}"; exit 9', (), f"this machine: error[nvidia-smi] failed with 9: {FAILED}"),
        ("nvidia-smi", "echo hello", (), "nvidia-smi: error[capture] neither nvidia-smi ("),
        (
            "nvidia-smi",
            "exec sleep 5",
            ("--timeout", "1"),
            "this machine: error[timeout] no answer within 1 s; try --",
        ),
        (
            "ssh",
            'echo "lab@gpu1: Permission denied (publickey)." >&2; exit 255',
            ("--host", "ssh://lab@gpu1"),
            "ssh://lab@gpu1: error[ssh] lab@gpu1: Permission denied (publickey).; `ssh ssh://lab@gpu1` must",
        ),
        ("ssh", "exit 127", ("--host", "ssh://lab@gpu1"), "ssh://lab@gpu1: error[nvidia-smi] there is no nvidia-smi;"),
        ("none", "", ("--host", "tcp://gpu1:2375"), "tcp://gpu1:2375: error[address] gives no shell;"),
        ("none", "", ("--host", "gpu1"), 'error[address] "gpu1" is not an address; write ssh://user@host'),
        ("none", "", ("--name", "a: b"), 'error[name] "a: b" is not a name'),
        ("none", "", ("--from", "missing.txt"), "missing.txt: error[file] no such file or directory"),
    ],
)
def test_what_fails_is_one_line(
    run: Run,
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: str,
    words: tuple[str, ...],
    said: str,
) -> None:
    """No nvidia-smi, a driver that is down, ssh refused, no answer, no capture: one line, exit code 1, no traceback."""
    program(tmp_path / "bin", name, script, monkeypatch)
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err.startswith(said), err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "c"), 'error[unknown-host] no host "c"; allowed: a, b'),
        ((), "error[which-host] add --name; allowed: a, b"),
        (("--host", "ssh://nobody"), "error[which-host] add --name; allowed: a, b"),
    ],
)
def test_the_host_of_a_stack_file_is_never_guessed(run: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Among several hosts one must be named, or be at the given address."""
    path = stack(tmp_path, "    a: {address: 'ssh://a'}\n    b: {address: 'ssh://b'}\n")
    code, _, err = run(*captures("h100-mig-off", "list.txt"), "--check", path, *words)
    assert (code, err) == (1, f"{path}: {said}\n")


def test_the_host_at_the_given_address_is_meant(run: Run, tmp_path: Path) -> None:
    """`--host` with `--check` finds the host by its address."""
    path = stack(tmp_path, "    a: {address: 'ssh://a'}\n    b: {address: 'ssh://b', driver: '570'}\n")
    code, _, err = run(*captures("h100-mig-off", "list.txt", "query.xml"), "--check", path, "--host", "ssh://b")
    assert code == 1
    assert "runs_on.hosts.b.driver: 570 here, the host has 580.65.06" in err
