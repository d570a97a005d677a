"""The language host answers the engine as the official one does, and ends with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from tests.fakes import RecordingEngine
from toolchain import preparation, toolbox


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep copies of the package out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@contextmanager
def language_host(engine: str, environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Start the script that the engine would start, and connect to it."""
    text = toolbox.launcher("toolchain.language_host", setup=preparation.QUIET_WHEN_INTERRUPTED)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["sh", "-c", text, "-", engine],
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    ) as host:
        with grpc.insecure_channel(f"127.0.0.1:{int(host.stdout.readline())}") as channel:
            yield host, language_pb2_grpc.LanguageRuntimeStub(channel)
        host.terminate()


def info(root: Path) -> language_pb2.ProgramInfo:
    """Describe a program in this virtual environment, as the engine does."""
    described = language_pb2.ProgramInfo(root_directory=str(root), program_directory=str(root), entry_point=".")
    described.options.update({"virtualenv": sys.prefix})
    return described


def through_the_host(answers: list[language_pb2.RunResponse]) -> RecordingEngine:
    """Return a recording engine that lets a language host start the program, and keep the host's answer."""

    def start(program: Path, root: Path, address: str, deployment: Any, env: Mapping[str, str], timeout: float) -> Any:
        with language_host(address, env) as (host, stub):
            request = language_pb2.RunRequest(
                project=deployment.project, stack=deployment.stack, pwd=str(program), info=info(root), dryRun=True,
                parallel=4, monitor_address=address, config=deployment.config,
                configSecretKeys=deployment.configSecretKeys,
            )  # fmt: skip
            answers.append(stub.Run(request, timeout=timeout))
            host.send_signal(signal.SIGINT)
            out, error = host.communicate(timeout=timeout)
            return subprocess.CompletedProcess([], host.returncode, out, error)

    return RecordingEngine(start=start)


@pytest.mark.parametrize(
    ("program", "error", "bail"),
    [
        ("pulumi.export('x', 1)", "", False),
        ("raise pulumi.RunError('no')", "program exited with non-zero exit code: 1", False),
        ("raise SystemExit(3)", "program exited with non-zero exit code: 3", False),
        ("raise ValueError('no')", "", True),
    ],
)
def test_the_language_host_answers_as_the_official_one(program: str, error: str, bail: bool, tmp_path: Path) -> None:
    """The program's output is the host's, its end is told in the official words, and SIGINT ends the host quietly."""
    (tmp_path / "__main__.py").write_text(
        f"import pulumi\nprint(pulumi.Config().require('say'))\n{program}\n", encoding="utf-8"
    )
    answers: list[language_pb2.RunResponse] = []
    recording = through_the_host(answers).run(tmp_path, stack="dev", config={"say": "hello"})
    assert [(answer.error, answer.bail) for answer in answers] == [(error, bail)]
    assert (recording.stdout, recording.stderr, recording.exit_code) == ("hello\n", "", 0)


def test_the_language_host_knows_its_environment(tmp_path: Path) -> None:
    """It names the plugins of installed SDKs, the distributions beside the program and the interpreter."""
    with language_host("127.0.0.1:1", {}) as (_, stub):
        stub.Handshake(language_pb2.LanguageHandshakeRequest())
        asked = stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info(tmp_path))).packages
        beside = stub.GetProgramDependencies(
            language_pb2.GetProgramDependenciesRequest(info=info(tmp_path))
        ).dependencies
        about = stub.About(language_pb2.AboutRequest(info=info(tmp_path)))
        assert ("docker", "resource", "5.1.0") in [(each.name, each.kind, each.version) for each in asked]
        assert "pulumi" in [each.name for each in beside]
        assert about.version == ".".join(map(str, sys.version_info[:3]))
        assert stub.GetPluginInfo(empty_pb2.Empty()).version


@pytest.mark.parametrize("end", [lambda host: host.terminate(), lambda host: os.killpg(host.pid, signal.SIGINT)])
def test_a_program_ends_with_its_language_host(end: Callable[[subprocess.Popen[str]], None], tmp_path: Path) -> None:
    """A program that would run on is ended when the host is, by the engine's SIGINT or anybody's SIGTERM."""
    (tmp_path / "__main__.py").write_text(
        "import os, pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\nprint('runs', flush=True)\ntime.sleep(60)\n",
        encoding="utf-8",
    )

    def start(program: Path, root: Path, address: str, deployment: Any, env: Mapping[str, str], timeout: float) -> Any:
        with language_host(address, env) as (host, stub):
            request = language_pb2.RunRequest(
                info=info(root), monitor_address=address, pwd=str(program), parallel=1, stack="dev"
            )
            running = stub.Run.future(request)
            assert host.stdout.readline() == "runs\n"
            end(host)
            assert running.exception(timeout) or running.result().error
            host.wait(timeout)
        with pytest.raises(ProcessLookupError):
            os.kill(int((program / "pid").read_text()), 0)
        return subprocess.CompletedProcess([], 0, "", "")

    RecordingEngine(start=start).run(tmp_path, stack="dev")


@pytest.mark.parametrize(
    ("kind", "environment", "said"),
    [
        ("resource", sys.prefix, "plugins of kind resource are not run"),
        ("analyzer", "/nowhere", "no virtual environment"),
    ],
)
def test_what_is_no_policy_pack_is_refused(tmp_path: Path, kind: str, environment: str, said: str) -> None:
    """In words, with an exit code."""
    described = info(tmp_path)
    described.options.update({"virtualenv": environment})
    with language_host("127.0.0.1:1", {}) as (_, host):
        answers = list(host.RunPlugin(language_pb2.RunPluginRequest(pwd=str(tmp_path), kind=kind, info=described)))
    assert said in answers[0].stderr.decode()
    assert answers[-1].exitcode == 1
