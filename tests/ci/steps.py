"""What both runners do alike: check out a commit, stand in for an installed labform, and run a script by bash."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.plan.repository import Repository, small

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


def topic(repository: Repository) -> tuple[str, dict[str, Any]]:
    """The commit and the lab of a branch with another program and lock, and one GPU more; main has moved on since."""
    repository.git("checkout", "--quiet", "-b", "topic")
    (repository.folder / "__main__.py").write_text("raise SystemExit('the program of the branch')\n")
    (repository.folder / "requirements.lock").write_text("evil==1.0\n")
    lab = small()
    lab["projects"]["thesis"]["gpus"] = 2
    repository.write(lab)
    head = repository.commit()
    repository.git("checkout", "--quiet", "main")
    (repository.folder / "stacks" / "new.txt").write_text("since then\n")
    repository.commit()
    return head, lab
