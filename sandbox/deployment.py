"""One stack of a Pulumi project on this machine: its state, passphrase, configuration and lock outside of the clone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from labform import engine_output

from .errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .lifecycle import Sandbox

BASE_TAG = "python:3.12-slim"
"""The tag that the sandbox's base image stands in for where the official one is out of reach."""


@dataclass(frozen=True)
class Deployment:
    """A stack with all that is of this machine only; `pulumi` and `labform` run in its environment."""

    project: Path
    """The folder of Pulumi.yaml."""
    stack: str
    data: Path
    """Where state, passphrase, configuration and lock are kept."""
    box: Sandbox
    tools: Mapping[str, str]
    """The toolchain's environment."""
    stack_file: str
    """The lab, relative to the project."""
    builder: str | None = None
    """A BuildKit daemon's address; the sandbox's Docker daemon builds without."""

    @property
    def lock(self) -> Path:
        """The lab's lock, which here holds the sandbox's digests."""
        return self.data / f"{Path(self.stack_file).stem}.lock"

    @property
    def config(self) -> Path:
        """The stack's configuration with its encrypted secrets."""
        return self.data / "project" / f"Pulumi.{self.stack}.yaml"

    @property
    def env(self) -> dict[str, str]:
        """The environment of `pulumi`, and of whatever asks the same daemon."""
        own = {
            "PULUMI_BACKEND_URL": f"file://{self.data / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.data / "passphrase"),
            "PULUMI_ERROR_OUTPUT_STRING": "true",
        }
        return {**os.environ, **self.tools, **self.box.env, **own}

    @property
    def addresses(self) -> dict[str, Any]:
        """Where this machine's daemon and registry are, in the place of the stack file's."""
        declared = yaml.safe_load((self.project / self.stack_file).read_text()) or {}
        hosts = dict.fromkeys((declared.get("runs_on") or {}).get("hosts") or {}, self.box.docker_host)
        here = {"builder": self.builder or self.box.docker_host, "hosts": hosts}
        if not declared.get("registry"):
            return here
        shared = declared["registry"].get("address", "").partition("/")[2]
        return {**here, "registry": f"{self.box.registry_address}/{shared}".rstrip("/")}

    def pulumi(
        self, *args: str, check: bool = True, capture: bool = False, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` on the stack; SandboxError with its exit code if it fails and `check` is set."""
        command = [str(shutil.which("pulumi", path=self.env["PATH"])), *args, "--stack", self.stack]
        if args[0] in ("up", "preview", "refresh", "destroy", "config"):
            command += ["--config-file", str(self.config)]
        if capture or options:
            return self._run(command, check=check, capture=capture, **options)
        code = engine_output.run(command, folder=self.project, env=self.env)
        return self._checked(subprocess.CompletedProcess(command, code), check=check)

    def labform(
        self, *args: str, check: bool = True, capture: bool = False, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a `labform` command on the stack file and this machine's lock."""
        command = [str(Path(sys.executable).with_name("labform")), args[0], self.stack_file, "--lock", str(self.lock)]
        return self._run([*command, *args[1:]], check=check, capture=capture, **options)

    def _run(
        self, command: list[str], *, check: bool, capture: bool, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.project, env=self.env, text=True, capture_output=capture, check=False, **options
        )
        return self._checked(done, check=check)

    @staticmethod
    def _checked(done: subprocess.CompletedProcess[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        """What a command ended with; SandboxError, with what it said if that is known, for a failure."""
        if check and done.returncode:
            said = (done.stderr or done.stdout or "").strip()
            what = f"{Path(done.args[0]).name} {done.args[1]} ended with exit code {done.returncode}"
            raise SandboxError(f"{what}: {said}" if said else what)
        return done

    def prepare(self) -> None:
        """Make state, passphrase, configuration and secrets where they are missing, and bring the lock up to date."""
        self._passphrase()
        self._stack()
        self._configuration()
        self.update_lock()

    def update_lock(self) -> None:
        """Write the lock for the stack file as it is, and for the volumes that exist now."""
        images = ("--image", f"{BASE_TAG}={self.box.base_reference}")
        done = self.labform("lock", *images, "--addresses", json.dumps(self.addresses), capture=True)
        print(done.stderr, end="", file=sys.stderr)
        print(done.stdout, end="")

    def _passphrase(self) -> None:
        for folder in (self.data, self.data / "state", self.data / "project"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.data / "passphrase"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        # Half of one, left by a killed engine, makes the whole state unreadable; `metadata=skip` writes none.
        for sidecar in (self.data / "state").rglob("*.attrs"):
            sidecar.unlink()

    def _stack(self) -> None:
        """The engine writes a new stack's salt beside the Pulumi.yaml it finds: let that be a copy, not the clone's."""
        text = (self.project / "Pulumi.yaml").read_text()
        (self.config.parent / "Pulumi.yaml").write_text(text)
        kept = self.data / "state" / ".pulumi" / "stacks" / yaml.safe_load(text)["name"] / f"{self.stack}.json"
        if not (kept.exists() and self.config.exists()):
            init = (
                "stack",
                "init",
                "--no-select",
                "--secrets-provider",
                "passphrase",
                "--cwd",
                str(self.config.parent),
            )
            self.pulumi(*init, capture=True)

    def _configuration(self) -> None:
        """The clone's configuration, this machine's addresses, and secrets that are made once."""
        own = self.project / f"Pulumi.{self.stack}.yaml"
        declared = (yaml.safe_load(own.read_text()) or {}).get("config") or {} if own.exists() else {}
        known = yaml.safe_load(self.config.read_text()) or {}
        here = {"stack-file": self.stack_file, "lock-file": str(self.lock), "addresses": self.addresses}
        project = yaml.safe_load((self.project / "Pulumi.yaml").read_text())["name"]
        config = {
            **(known.get("config") or {}),
            **declared,
            **{f"{project}:{key}": value for key, value in here.items()},
        }
        self.config.write_text(yaml.safe_dump({**known, "config": config}))
        self._secret("registry-password", config, project, self.box.registry_password_file.read_text().strip())
        self._secret("lab-secret", config, project, secrets.token_urlsafe(32))

    def _secret(self, key: str, config: Mapping[str, Any], project: str, value: str) -> None:
        if f"{project}:{key}" not in config:
            self.pulumi("config", "set", "--secret", key, capture=True, input=value)

    def release_dead_locks(self) -> list[str]:
        """Remove the locks of engines that are dead on this machine; each is named, one that lives is left alone."""
        said = []
        for path in (self.data / "state" / ".pulumi" / "locks").rglob("*.json"):
            held = json.loads(path.read_text() or "{}")
            if held.get("hostname") == os.uname().nodename and not Path(f"/proc/{held.get('pid')}").exists():
                path.unlink()
                said.append(
                    f"released the lock of pulumi {held['pid']} ({held['username']}, {held['timestamp']}): dead"
                )
        return said
