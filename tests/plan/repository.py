"""A git repository with a lab, for tests of plans: write it, commit it, change it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from labform.ledger import plan as ledger_of
from labform.loading import read
from labform.lockfile import write_lock
from labform.plan.page import Page
from labform.plan.sides import pages
from labform.recipes import recipes_of

from tests.labs import GPUS, IMAGE, hosts, project

FILE = Path("stacks/lab.yaml")
PREBUILT = {"kind": "prebuilt", "image": IMAGE}
SLEEP = {"owner": "anna", "environment": PREBUILT, "service": {"kind": "command", "command": ["sleep", "1"]}}


def small(**sections: Any) -> dict[str, Any]:
    """A lab with two hosts, two people, data of each kind, and two projects."""
    return {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(
            one={"address": "ssh://lab@one.invalid", "gpus": GPUS, "host_paths": ["/data", "/more"]},
            two={"address": "ssh://lab@two.invalid"},
        ),
        "registry": {"address": "registry.invalid/unit"},
        "groups": {"student": {"gpus": 2}},
        "people": {"anna": {"uid": 10042, "group": "student"}, "ben": {"uid": 10043}},
        "volumes": {"home": {"owner": "anna", "host": "one"}, "shared": {"path": "/data/x", "host": "one"}},
        "projects": {
            "thesis": project(gpus=1, host="one", mounts={"home": "/home/lab"}),
            "paper": {**SLEEP, "host": "one", "mounts": {"shared": "/data"}},
        },
        **sections,
    }


class Repository:
    """The repository."""

    def __init__(self, folder: Path) -> None:
        """The one that is there, or an empty one."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".git").exists():
            self.git("init", "--quiet", "--initial-branch", "main")

    def copy(self, folder: Path) -> "Repository":
        """A copy of it."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Repository(folder)

    def git(self, *words: str) -> str:
        """What git prints; it must succeed."""
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def write(self, lab: dict[str, Any], *, lock: bool = True, **volumes: str) -> None:
        """Write the stack file and bring its lock up to date; `volumes` are states that the lock should have."""
        path = self.folder / FILE
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.dump(lab, Dumper=_Plain, sort_keys=False))
        if lock:
            draft = read(path)
            made = recipes_of(draft)
            assert not made.problems
            digests = {image: f"{image}@sha256:{'c' * 64}" for image in made.images}
            ledger = ledger_of(draft.lab, draft.lock, digests)
            assert not ledger.problems, ledger.problems
            states = {
                key: one.model_copy(
                    update={"state": volumes.get(key) if one.state == "planned" and key in volumes else one.state}
                )
                for key, one in ledger.lock.volumes.items()
            }
            write_lock(path.with_suffix(".lock"), ledger.lock.model_copy(update={"volumes": states}))

    def commit(self) -> str:
        """Commit everything; the commit's name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a")
        return self.git("rev-parse", "HEAD").strip()

    def plan(self, base: str = "HEAD", head: str | None = None) -> Page:
        """The page of the one stack file."""
        (page,), _ = pages(self.folder, base, head, [FILE])
        return page


class _Plain(yaml.SafeDumper):
    """No aliases: a stack file has none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
