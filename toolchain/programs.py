"""The processes of the Pulumi programs that a language host has started: how each starts, is interrupted, and ends."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from toolchain.virtualenv import Virtualenv

GRACE = 4
"""Seconds that an interrupted program gets; the engine kills the whole process group after five."""


class Programs:
    """Programs which share the language host's output, as the engine reads it, and its process group."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._started: list[subprocess.Popen[bytes]] = []
        self._interrupted: set[int] = set()

    def start(self, request: Any, environment: Virtualenv) -> subprocess.Popen[bytes]:
        """Start the program of a `RunRequest` in a fresh process of its virtual environment."""
        names = ("project", "stack", "pwd", "parallel", "organization")
        options = {name: getattr(request, name) for name in names}
        options |= {"root_directory": request.info.root_directory, "dry_run": str(request.dryRun).lower()}
        options |= {"monitor": request.monitor_address, "engine": self._engine}
        config = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [str(environment.python), "-P", str(Path(__file__).with_name("run_program.py"))]
        command += [f"--{name}={value}" for name, value in options.items() if value != ""]
        command += ["--", request.info.entry_point, *request.args]
        program = subprocess.Popen(command, env=environment.activated() | config, stdin=subprocess.DEVNULL)
        self._started.append(program)
        return program

    def start_pack(self, request: Any, environment: Virtualenv) -> subprocess.Popen[bytes]:
        """Start the policy pack of a `RunPluginRequest`; its arguments name the engine."""
        given = dict(entry.partition("=")[::2] for entry in request.env)
        command = [str(environment.python), "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
        variables = {**environment.activated(), **given}
        pack = subprocess.Popen(
            command, cwd=request.pwd, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._started.append(pack)
        return pack

    def interrupt(self) -> None:
        """Interrupt those that still run, each once: a second time would cut short its clean-up."""
        for program in self._started:
            if program.pid not in self._interrupted:
                self._interrupted.add(program.pid)
                program.send_signal(signal.SIGINT)

    def end(self, *, interrupted: bool) -> None:
        """Wait for those that still run, and kill what does not end in time; they may have been interrupted already."""
        for program in self._started:
            if not interrupted:
                program.terminate()
            try:
                program.wait(GRACE)
            except subprocess.TimeoutExpired:
                program.kill()
