"""The real program of a lab on a recording engine, for tests."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from labform.loading import plan_of, read
from labform.lockfile import write_lock
from labform.recipes import recipes_of

from tests.fakes import Recording, RecordingEngine
from tests.processes import forked, started

REPOSITORY = Path(__file__).resolve().parents[1]
SECRETS = {
    "labform:registry-password": "canary-push",
    "labform:lab-secret": "canary-lab",
    "labform:hf-token": "canary-hf",
}


class Program:
    """The real program in a folder of its own, with a daemon that answers and a login."""

    def __init__(self, folder: Path, daemon: str) -> None:
        """Lay out what a clone has."""
        self.folder, self.daemon = folder, daemon
        for part in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(REPOSITORY / part, folder / part)
        (folder / "stacks").mkdir()
        (folder / "docker").mkdir()
        (folder / "docker" / "config.json").write_text(json.dumps({"auths": {"registry.invalid": {}}}))

    def run(self, lab: dict[str, Any], *, fresh: bool = False, **options: Any) -> Recording:
        """What the program registers for a lab, its lock up to date; `fresh` in an interpreter of its own."""
        path = self.folder / "stacks" / "unit.yaml"
        path.write_text(yaml.safe_dump(lab))
        draft = read(path)
        write_lock(draft.lock_path, plan_of(draft, recipes_of(draft)).lock)
        config = {"labform:addresses": json.dumps({"builder": self.daemon})}
        env = {"DOCKER_CONFIG": str(self.folder / "docker")}
        given = {"stack": "unit", "config": config, "secrets": SECRETS, "env": env, **options}
        return RecordingEngine(start=started if fresh else forked).run(self.folder, **given)

    def recording(self, lab: dict[str, Any], **options: Any) -> Recording:
        """The same, of a run that must succeed."""
        recording = self.run(lab, **options)
        assert recording.exit_code == 0, recording.errors
        return recording
