"""A lab on the real engine, daemon and registry, for tests: edit its stack file, run `pulumi`, look at what became."""

import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import yaml

from sandbox.deployment import Deployment
from sandbox.errors import SandboxError

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_PORT = 22000 + os.getpid() % 100 * 100
LAST_PORT = FIRST_PORT + 99
PORTS = f"{FIRST_PORT}-{LAST_PORT}"
"""A hundred ports of this process, so that two runs of the tests do not meet."""
CHANGES = {"create", "update", "replace", "delete", "create-replacement", "delete-replaced"}


@dataclass(frozen=True)
class Outcome:
    """What one run of the engine did: its exit code, what it printed, and the operation on each resource."""

    code: int
    text: str
    steps: dict[str, str]

    @property
    def changed(self) -> dict[str, str]:
        """The resources, `Type name`, that were not left as they were."""
        return {key: op for key, op in self.steps.items() if op in CHANGES}


class Bench:
    """One lab in a project folder of its own."""

    def __init__(
        self, folder: Path, box: Any, tools: Any, name: str, *, stack: str = "t", parts: Iterable[str] = ()
    ) -> None:
        """Lay out a project as a clone has it, with these `parts` of the repository; nothing runs yet."""
        self.project = folder / "clone"
        self.lab: dict[str, Any] = {}
        (self.project / "stacks").mkdir(parents=True)
        for part in ("Pulumi.yaml", "__main__.py", *parts):
            (self.project / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / part, self.project / part)
        (self.project / ".venv").symlink_to(REPOSITORY / ".venv")
        self.name = name
        # The engine's event log is an option for those who debug it.
        env = {**tools.env, "PULUMI_DEBUG_COMMANDS": "1"}
        self.deployment = Deployment(self.project, stack, folder / "data", box, env, f"stacks/{stack}.yaml")
        self.docker = docker.DockerClient(base_url=box.docker_host, timeout=60)

    def write(self, lab: dict[str, Any]) -> None:
        """Write the stack file."""
        self.lab = lab
        (self.project / self.deployment.stack_file).write_text(yaml.safe_dump(lab, sort_keys=False))

    def up(self, *args: str, lock: bool = True, ok: bool = True) -> Outcome:
        """`labform lock` and `pulumi up`; with `ok`, a failure is the test's."""
        if lock:
            self.deployment.prepare()
        return self.engine("up", "--yes", "--skip-preview", *args, ok=ok)

    def preview(self, *args: str, ok: bool = True) -> Outcome:
        """`pulumi preview`."""
        return self.engine("preview", *args, ok=ok)

    def refresh(self) -> Outcome:
        """`pulumi refresh`."""
        return self.engine("refresh", "--yes", "--skip-preview")

    def destroy(self) -> Outcome:
        """`pulumi destroy` of all that is not protected."""
        return self.engine("destroy", "--yes", "--skip-preview", "--exclude-protected")

    def engine(self, *args: str, ok: bool = True) -> Outcome:
        """Run `pulumi`; what it did is read from its event log."""
        log = self.deployment.data / "events.json"
        log.unlink(missing_ok=True)
        done = self.deployment.pulumi(*args, "--event-log", str(log), "--color", "never", check=False, capture=True)
        outcome = Outcome(done.returncode, done.stdout + done.stderr, _steps(log))
        assert not ok or done.returncode == 0, outcome.text
        return outcome

    def settled(self) -> None:
        """Fail unless `up`, `refresh` and `up` change nothing."""
        for outcome in (self.up(), self.refresh(), self.up()):
            assert outcome.changed == {}, outcome.text

    def refused(self, **options: Any) -> str:
        """What is said where the lab is refused before the engine runs, or by it."""
        try:
            return self.up(ok=False, **options).text
        except SandboxError as error:
            return str(error)

    def inspect(self, project: str) -> dict[str, Any]:
        """`docker inspect` of a project's container."""
        return dict(self.docker.containers.get(f"{self.name}-{project}").attrs)

    def containers(self) -> list[Any]:
        """The lab's containers on the daemon, running or not."""
        return list(
            self.docker.containers.list(all=True, ignore_removed=True, filters={"label": f"labform.lab={self.name}"})
        )

    def run(self, project: str, *command: str, **options: Any) -> str:
        """What a command prints in a project's container; it must succeed."""
        code, output = self.docker.containers.get(f"{self.name}-{project}").exec_run(list(command), **options)
        assert code == 0, output.decode()
        return str(output.decode())

    def output(self, name: str) -> Any:
        """One of the stack's outputs, secret or not."""
        return json.loads(
            self.deployment.pulumi("stack", "output", name, "--show-secrets", "--json", capture=True).stdout
        )

    def state(self) -> str:
        """The stack's state as `pulumi stack export` writes it, secrets encrypted."""
        return self.deployment.pulumi("stack", "export", capture=True).stdout

    def resources(self) -> list[dict[str, Any]]:
        """The resources of the stack's state."""
        return list(json.loads(self.state())["deployment"].get("resources") or [])

    def other_image(self, name: str = "other") -> str:
        """An image that differs from the base by a file, pushed, by digest."""
        box = self.deployment.box
        repository = f"{box.registry_address}/t/{name}"
        recipe = io.BytesIO(f"FROM {box.base_reference}\nRUN echo other > /other\n".encode())
        image, _ = self.docker.images.build(fileobj=recipe, tag=repository)
        login = {"username": box.registry_username, "password": box.registry_password_file.read_text().strip()}
        self.docker.images.push(repository, tag="latest", auth_config=login)
        image.reload()
        return str(image.attrs["RepoDigests"][0])

    def moved(self, folder: Path) -> "Bench":
        """The same deployment from another clone path."""
        other = object.__new__(Bench)
        other.__dict__ = dict(self.__dict__)
        shutil.copytree(self.project, folder, symlinks=True, ignore=shutil.ignore_patterns(".labform"))
        other.project = folder
        other.deployment = replace(self.deployment, project=folder)
        return other

    def close(self) -> None:
        """Remove what the lab left on the daemon, data too."""
        label = {"label": f"labform.lab={self.name}"}
        for container in self.containers():
            container.remove(force=True)
        for network in self.docker.networks.list(filters=label):
            network.remove()
        for volume in self.docker.volumes.list(filters=label):
            volume.remove(force=True)
        self.docker.close()


def _steps(log: Path) -> dict[str, str]:
    steps: dict[str, str] = {}
    for line in log.read_text().splitlines() if log.exists() else []:
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata")
        if metadata and metadata["op"] != "refresh":
            kind, name = metadata["urn"].split("::")[2:]
            steps[f"{kind.rsplit(':', 1)[-1]} {name}"] = metadata["op"]
        elif metadata and metadata.get("detailedDiff"):
            steps[metadata["urn"]] = "update"
    return steps


def sh(*command: str, **options: Any) -> str:
    """What a command prints; it must succeed."""
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def until(check: Callable[[], Any], what: str, *, within: float = 60) -> Any:
    """What `check` returns once that is true; the test fails if it does not become so in time."""
    end = time.monotonic() + within
    while not (found := check()):
        assert time.monotonic() < end, f"{what}: not within {within} s"
        time.sleep(0.2)
    return found
