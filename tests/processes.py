"""The process that a program of Pulumi runs in: an interpreter of its own, or one that has loaded the SDKs already.

Loading them is most of a short run. `forked` asks a server, this file run as a program, for one run after the other: a
line of its input is a run as JSON, a line of its output the exit code. What is forked has imported modules and done
nothing else; but its hashes are seeded as the server's, so a test of what must not depend on the order of a set takes
`started`.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi

RUN_PROGRAM = Path(__file__).parents[1] / "toolchain" / "run_program.py"
LOADED = (
    "labform.lab", "labform.loading", "labform.backends.docker.hosts", "labform.backends.kubernetes.cluster",
    *(f"pulumi_kubernetes.{one}" for one in ("apps.v1", "batch.v1", "core.v1", "meta.v1", "networking.v1", "rbac.v1")),
)  # fmt: skip
"""What the program of a lab imports."""
Start = Callable[[Path, Path, str, Any, Mapping[str, str], float], subprocess.CompletedProcess[str]]
"""Runs a program of a project at an engine's address: with its `DeploymentInfo`, variables and a limit in seconds."""


def started(
    program: Path, root: Path, address: str, info: Any, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Start a program as a language host does."""
    words, variables = _command(program, root, address, info)
    return subprocess.run(
        [sys.executable, "-P", *words], env=os.environ | variables | env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


def forked(
    program: Path, root: Path, address: str, info: Any, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """The same in a process that has loaded the SDKs; one that takes too long ends by SIGALRM."""
    words, variables = _command(program, root, address, info)
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdout", "stderr")]
        asked = {"words": words, "env": {**os.environ, **variables, **env}, "timeout": int(timeout)}
        server = _server()
        server.stdin.write(json.dumps({**asked, "streams": list(map(str, streams))}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(words, code, *(one.read_text() for one in streams))


def _command(program: Path, root: Path, address: str, info: Any) -> tuple[list[str], dict[str, str]]:
    """The words of a program's command, and its variables."""
    options = {
        "project": info.project, "stack": info.stack, "organization": info.organization, "parallel": info.parallel,
        "dry_run": str(info.dryRun).lower(), "monitor": address, "engine": address, "pwd": program,
        "root_directory": root,
    }  # fmt: skip
    secret_keys = json.dumps(list(info.configSecretKeys))
    config = {"PULUMI_CONFIG": json.dumps(dict(info.config)), "PULUMI_CONFIG_SECRET_KEYS": secret_keys}
    return [str(RUN_PROGRAM), *(f"--{name}={value}" for name, value in options.items()), "."], config


@cache
def _server() -> Any:
    """The server of this process, which ends with it: then its input does."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-P", __file__], stdin=pipe, stdout=pipe, text=True)


def _serve() -> None:
    for name in LOADED:
        importlib.import_module(name)
    # The SDK makes a call of each of its debug messages, two in three of all calls, and a recording keeps none.
    pulumi.log.debug = lambda *_, **__: None
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(words: list[str], env: Mapping[str, str], streams: list[str], timeout: int) -> None:
    """Be the process that was asked for, to its end."""
    for number, path in enumerate([os.devnull, *streams]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    signal.alarm(timeout)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _serve()
