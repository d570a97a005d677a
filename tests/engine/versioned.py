"""A lab in a git repository of its own: what a pull request compares."""

import subprocess
from typing import Any


class Versioned:
    """A bench whose stack file, lock and environments are committed."""

    def __init__(self, bench: Any, *folders: str) -> None:
        """Start the repository; `folders` hold environments."""
        self.bench = bench
        self.folders = folders
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *words: str) -> None:
        """Run git in the clone."""
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(self.bench.project), *who, *words], check=True, capture_output=True)

    def commit(self) -> None:
        """Commit stack file, lock and environments."""
        (self.bench.project / "stacks" / "t.lock").write_text(self.bench.deployment.lock.read_text())
        self.git("add", "stacks", *self.folders)
        self.git("commit", "--quiet", "--allow-empty", "--message", "a")
