"""Processes by identity (pid, start time and boot), so that a recycled pid is never signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROC = Path("/proc")

UNSEEN = 0.5
"""Seconds without a sight of a launched process after which it counts as ended."""


@dataclass(frozen=True)
class Process:
    """One process of this boot; `started` is the kernel's start time in ticks."""

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        return identify(self.pid) == self


def identify(pid: int) -> Process | None:
    """The process that has this pid now, if one runs."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]), _boot())


def command_line(pid: int) -> list[str]:
    """The words the process was started with; none for a kernel thread or one that has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def matching(wanted: Callable[[list[str]], bool]) -> list[Process]:
    """All processes whose words satisfy `wanted`, never this one."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    found = [identify(pid) for pid in pids if pid != os.getpid() and wanted(command_line(pid))]
    return [process for process in found if process]


def launch(command: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> None:
    """Start a background process in a session of its own, a child of init, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *map(str, command)],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=True,
        )


def await_answer(answers: Callable[[], bool], process: Callable[[], Process | None], *, within: float) -> bool:
    """Wait until a launched process answers; false as soon as it has ended or the time is over."""
    now = seen = time.monotonic()
    deadline = now + within
    while not answers():
        now = time.monotonic()
        seen = now if process() else seen
        # While a program replaces another (exec), its command line is empty for a moment.
        if now - seen > UNSEEN or now > deadline:
            return False
        time.sleep(0.05)
    return True


def daemon_of(program: str, config: Path) -> Process | None:
    """The process that runs `program` with this configuration file, also while it is being launched.

    Asking the kernel each time needs no pid file, which a crash or a reboot could leave stale.
    """
    names = (program, "setsid")
    found = matching(lambda words: str(config) in words and Path(words[0]).name in names)
    return found[0] if found else None


def end(processes: Sequence[Process], *, patience: float) -> None:
    """SIGTERM, wait up to `patience` seconds, SIGKILL; returns when none is left."""
    _signal(processes, signal.SIGTERM)
    if not gone(processes, within=patience):
        _signal(processes, signal.SIGKILL)
        gone(processes, within=10)


def gone(processes: Sequence[Process], *, within: float) -> bool:
    """Wait until none of the processes is alive; false if one still is after `within` seconds."""
    deadline = time.monotonic() + within
    while any(process.alive for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _signal(processes: Sequence[Process], number: signal.Signals) -> None:
    for process in processes:
        if process.alive:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                continue


def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()
