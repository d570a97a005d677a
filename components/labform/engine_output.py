"""What `pulumi` prints into a pipe or a log, with one line for each image that is built, not one for each layer.

On a terminal the engine redraws one row for each resource. Anywhere else it prints the row again for every status text
that a provider sends, which for a build is every line of BuildKit and every state of every layer that is pushed: the
official Docker plugin 5.1.0 gives 157 lines for two images of seven steps.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic

_IMAGE = re.compile(
    r"(?:@ [a-z ]+\.+)? *[-+~><= ]* docker(?:-build)?:index:Image \S+ "
    r"(?:creating|updating|replacing|deleting)[ a-z]* \([0-9.]+s\) (.*)"
)
_TELLS = ("error:", "warning:")
_BEAT = re.compile(r"^@ [a-z ]+\.+\s*$")
"""The engine's sign of life, which it ends before each row."""
QUIET = 30
"""Seconds without a line, after which one that would be left out is shown: a log says what takes so long."""


def shown(line: str) -> bool:
    """Whether a line of `pulumi` is for people: all but the rows of an image that is not done yet and has no fault."""
    row = _IMAGE.match(line)
    return row is None or row[1].strip().startswith(_TELLS)


def filtered(lines: Iterable[str], now: Callable[[], float] = monotonic) -> Iterator[str]:
    """The lines for people as they come, and a row that is not only after QUIET seconds without a line."""
    last, beats = now(), False
    for line in lines:
        at, beat = now(), bool(_BEAT.match(line))
        if not (beat and beats) and (shown(line) or at - last >= QUIET):
            last, beats = at, beat
            yield line


def run(command: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run `pulumi` in a folder on this process's streams; its exit code. FileNotFoundError where there is none."""
    if sys.stdout.isatty():
        return subprocess.run(command, cwd=folder, env=env, check=False).returncode
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, errors="replace") as engine:
        for line in filtered(engine.stdout or ()):
            print(line, end="", flush=True)
    return engine.returncode
