"""What both runners do alike: check out a commit, stand in for an installed labform, and run a script by bash."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = Path(sys.executable).parents[1]


def git(place: Path, *words: str) -> str:
    """What git prints; it must succeed."""
    return subprocess.run(["git", "-C", str(place), *words], check=True, capture_output=True, text=True).stdout


def installed(place: Path) -> None:
    """Put the environment of the tests where a pipeline makes one of the lock."""
    (place / ".venv").symlink_to(ENVIRONMENT)


def bash(script: str, place: Path, home: Path, given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A script that ends at its first failure, with nothing of this process's environment but where programs are."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_GLOBAL": "/dev/null", **given}
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
