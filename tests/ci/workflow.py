"""Runs the steps of a GitHub workflow on this machine: `run` by bash, the few actions by stand-ins.

An action is stood in for by what it does to files. Expressions are those the workflows use: names of the event, of
secrets, variables and outputs. What a job is not given (a secret, a write permission) is not there.
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ci.steps import bash, git, installed


@dataclass
class Runner:
    """One run of a workflow, caused by a pull request."""

    workflow: dict[str, Any]
    origin: Path
    """The repository that jobs check out."""
    folder: Path
    event: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """What every step printed."""

    def run(self) -> None:
        """All jobs, in the order of the file; a failing step is the test's failure."""
        for name in self.workflow["jobs"]:
            self.job(name)

    def job(self, name: str) -> None:
        """One job, in a folder of its own."""
        job = self.workflow["jobs"][name]
        place = self.folder / name
        temporary = self.folder / f"{name}-temp"
        temporary.mkdir(parents=True)
        outputs: dict[str, str] = {}
        for step in job["steps"]:
            if "uses" in step:
                self._action(step, place, temporary)
            elif step["name"] == "Install labform":
                installed(place)
            else:
                self._shell(step, place, temporary, outputs, job)

    def _action(self, step: dict[str, Any], place: Path, temporary: Path) -> None:
        name, given = step["uses"].partition("@")[0], step.get("with") or {}
        if name == "actions/checkout":
            assert given["persist-credentials"] is False
            git(self.folder, "clone", "--quiet", "--no-checkout", str(self.origin), str(place))
            git(place, "checkout", "--quiet", self._filled(given.get("ref", "HEAD"), {}, temporary))
        elif name == "actions/upload-artifact":
            kept = self.folder / f"artifact-{given['name']}"
            kept.mkdir(exist_ok=True)
            shutil.copy(self._filled(given["path"], {}, temporary), kept)
            self.artifacts[given["name"]] = kept
        elif name == "actions/download-artifact":
            shutil.copytree(self.artifacts[given["name"]], self._filled(given["path"], {}, temporary))
        else:
            assert name == "pulumi/actions", name

    def _shell(self, step: dict[str, Any], place: Path, temporary: Path, outputs: dict[str, str], job: Any) -> None:
        assert "${{" not in step["run"], "an expression in a script is an injection"
        given = {key: self._filled(str(value), outputs, temporary) for key, value in (step.get("env") or {}).items()}
        files = {key: temporary / key for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for one in files.values():
            one.touch()
        system = {"RUNNER_TEMP": str(temporary), "GITHUB_REPOSITORY": "lab/lab"}
        environment = {**system, **{key: str(one) for key, one in files.items()}, **self.env, **given}
        done = bash(step["run"], place, temporary, environment)
        self.seen.append(done.stdout + done.stderr)
        assert done.returncode == 0, f"{step['name']}: {done.stdout}{done.stderr}"
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        outputs |= {
            f"steps.{step.get('id')}.outputs.{key}": value for key, _, value in (x.partition("=") for x in lines)
        }

    def _filled(self, text: str, outputs: dict[str, str], temporary: Path) -> str:
        known = {
            **{f"github.event.{key}": str(value) for key, value in self.event.items()},
            **{f"secrets.{key}": value for key, value in self.secrets.items()},
            **{f"vars.{key}": value for key, value in self.variables.items()},
            **outputs,
            "github.token": "workflow-token",
            "runner.temp": str(temporary),
        }
        return re.sub(r"\$\{\{ *([^} ]+) *\}\}", lambda match: known.get(match[1], ""), text)


def workflow(path: Path) -> dict[str, Any]:
    """A workflow file; YAML 1.1 reads the key `on` as true."""
    return {("on" if key is True else key): value for key, value in yaml.safe_load(path.read_text()).items()}
