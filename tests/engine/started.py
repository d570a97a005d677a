"""A `pulumi up` that runs while a test looks on, and that the test may kill or interrupt."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from sandbox.processes import Process, command_line, identify
from tests.engine.bench import Bench


class Started:
    """`pulumi up` in a process group of its own, as a terminal starts it."""

    def __init__(self, bench: Bench) -> None:
        """Bring the lock up to date and start; what is printed goes to a file, so that nobody waits for a reader."""
        bench.deployment.prepare()
        deployment = bench.deployment
        self._log = deployment.data / "started.log"
        pulumi = str(shutil.which("pulumi", path=deployment.env["PATH"]))
        config = ["--stack", deployment.stack, "--config-file", str(deployment.config)]
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                [pulumi, "up", "--yes", "--skip-preview", "--color", "never", *config],
                cwd=deployment.project,
                env=deployment.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def over(self) -> bool:
        """Whether it has ended by itself, which a test that waits for something in the middle must not miss."""
        assert self._process.poll() is None, self._log.read_text()
        return False

    def kill(self) -> dict[Process, str]:
        """End the engine alone, with `kill -9`; what it had started is returned, with the name of each program."""
        children = {one: Path(command_line(one.pid)[0]).name for one in _descendants(self.pid)}
        self._process.kill()
        self._process.wait()
        return children

    def interrupt(self) -> None:
        """What Ctrl-C does: interrupt the whole group."""
        os.killpg(self.pid, signal.SIGINT)

    def ends(self, *, within: float) -> bool:
        """Whether it ends by itself in so many seconds."""
        try:
            return self._process.wait(within) is not None
        except subprocess.TimeoutExpired:
            return False

    def ended(self, *, within: float = 120) -> tuple[int, str]:
        """The exit code and all that was printed, once it has ended by itself."""
        try:
            return self._process.wait(within), self._log.read_text()
        finally:
            self._process.kill()


def runs(*words: str) -> bool:
    """Whether a process of these words runs on this machine, in a container or not."""
    return any(command_line(pid) == list(words) for pid in _pids())


def _descendants(pid: int) -> list[Process]:
    parents = {one: _parent(one) for one in _pids()}
    found = [pid]
    for known in found:
        found += [one for one, parent in parents.items() if parent == known]
    return [process for one in found[1:] if (process := identify(one))]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
