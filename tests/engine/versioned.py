"""A lab in a git repository of its own: what a pull request compares, and what then becomes of it."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labform.plan.page import Page
from labform.plan.preview import page_of
from labform.plan.sides import pages

from tests.engine.bench import Outcome


@dataclass
class Round:
    """One change: what the plan and the summary said, and what the engine did."""

    plan: Page
    summary: Page
    outcome: Outcome


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

    def up(self) -> Outcome:
        """Bring it up, and commit what the lock then says."""
        outcome: Outcome = self.bench.up(lock=False)
        self.bench.deployment.update_lock()
        self.commit()
        return outcome

    def round(self, lab: Mapping[str, Any]) -> Round:
        """Change the lab: plan it, preview it, do it, commit it."""
        self.bench.write(dict(lab))
        self.bench.deployment.update_lock()
        self.commit()
        plan = self.planned("HEAD~1", "HEAD")
        done = self.bench.deployment.pulumi("preview", "--json", check=False, capture=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return Round(plan, page_of(done.stdout), self.up())

    def planned(self, base: str, head: str | None) -> Page:
        """The plan's page."""
        (page,), _ = pages(self.bench.project, base, head, [Path("stacks/t.yaml")])
        return page
