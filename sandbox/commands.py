"""Run a command of the host, and say in one line what it said when it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from .errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run(
    command: Sequence[str | Path],
    *,
    doing: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run `command` and return what it printed; SandboxError names `doing` and the cause if it fails."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise SandboxError(f"{doing}: {words[0]} is not installed on this machine")
    result = subprocess.run(
        words,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    if result.returncode:
        raise SandboxError(f"{doing}: {cause(result.stdout + result.stderr)}")
    return result.stdout


def cause(output: str) -> str:
    """The line that most likely tells why: the last that speaks of an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(sign in line for sign in _SIGNS)]
    return (telling or lines or ["it failed without a word"])[-1]


_SIGNS = ("E: ", "error", "Error", "failed", "No space left", "denied")
