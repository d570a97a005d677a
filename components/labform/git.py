"""The one way to run git: it asks nobody anything, and the repository it is about is the one that is named."""

import os
import subprocess
from pathlib import Path

from labform.problems import LabformError

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "SSH_ASKPASS": "true", "LC_ALL": "C"}
_ELSEWHERE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"})
"""What a hook is run with: another repository than the one that is named."""


def git(*words: str | Path, timeout: float | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run git and return what it said; a failure is the caller's to judge.

    `timeout` is in seconds, None for no limit. Raises LabformError where there is no git, and
    subprocess.TimeoutExpired.
    """
    own = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    try:
        done = subprocess.run(
            ["git", *words], env={**own, **_QUIET, **env}, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=timeout,
        )  # fmt: skip
    except FileNotFoundError:
        raise LabformError("error[git] there is no git on this machine; install it") from None
    # Names of files may be any bytes; what git complains of is only shown.
    said = done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "replace")
    return subprocess.CompletedProcess(done.args, done.returncode, *said)
