"""Runs a pipeline of GitLab on this machine: the jobs that its rules choose, stage by stage, each script by bash.

The file is the commit's own, as GitLab reads it. A job gets its checkout as GitLab's runner makes it (20 commits deep
without GIT_DEPTH, branches only with 0), the predefined variables, those of the project that its branch and its
environment may have, and the artifacts of earlier stages. Images are named, not pulled. A word that is not known here
fails the test. After GitLab's "CI/CD YAML syntax", "CI/CD variables" and "predefined variables".
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ci.steps import bash, git, installed

INSTALL = ["python3 -m venv .venv", ".venv/bin/pip install --quiet --require-hashes -r requirements.lock"]
IMAGES = {f"{name}_IMAGE": f"{name.lower()}@sha256:{'a' * 64}" for name in ("PYTHON", "PULUMI", "DOCKER")}
"""Variables that name images."""
WORDS = {
    "stage", "image", "timeout", "interruptible", "rules", "variables", "environment", "before_script", "script",
    "artifacts", "resource_group",
}  # fmt: skip
"""What a job may say here."""


@dataclass(frozen=True)
class Variable:
    """One CI/CD variable of a project: `file` gives a job its path, `environment` who gets it, `*` for every job."""

    value: str
    protected: bool = False
    environment: str = "*"
    file: bool = False


@dataclass(frozen=True)
class Project:
    """A project at GitLab: its repository, its number, its variables."""

    repository: Path
    number: int = 1
    variables: dict[str, list[Variable]] = field(default_factory=dict)


@dataclass
class Pipeline:
    """One pipeline: where, for which commit, from which ref, and what the event says."""

    project: Project
    folder: Path
    commit: str
    ref: str
    event: dict[str, str]
    protected: bool = False
    env: dict[str, str] = field(default_factory=dict)
    payload: str = ""
    """A webhook's, where one started it."""
    results: dict[str, str] = field(default_factory=dict)
    """Each job that ran: success, or what it printed last."""
    seen: dict[str, str] = field(default_factory=dict)
    """What each job printed."""
    images: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> dict[str, Any]:
        """The pipeline's file, as the commit has it."""
        read: dict[str, Any] = yaml.safe_load(git(self.project.repository, "show", f"{self.commit}:.gitlab-ci.yml"))
        return read

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs that the rules choose, in the order of stages, each with its `when`."""
        file, known = self.file, self._variables({}, "")
        jobs = {key: one for key, one in file.items() if key not in ("stages", "default") and not key.startswith(".")}
        for one in jobs.values():
            assert set(one) <= WORDS, f"not known here: {set(one) - WORDS}"
        chosen = {key: {**file.get("default", {}), **one, "when": _when(one, known)} for key, one in jobs.items()}
        order = sorted(chosen, key=lambda key: file["stages"].index(chosen[key]["stage"]))
        return {key: chosen[key] for key in order if chosen[key]["when"]}

    def run(self) -> dict[str, str]:
        """Run the jobs; the result of each. After a failure only those of `when: always` run in later stages."""
        jobs = self.jobs
        for stage in self.file["stages"]:
            before, failed = list(self.results), any(one != "success" for one in self.results.values())
            for name, job in jobs.items():
                if job["stage"] == stage and (not failed or job["when"] == "always"):
                    self._job(name, job, before)
        return self.results

    def _job(self, name: str, job: dict[str, Any], before: list[str]) -> None:
        home = self.folder / f"{name}-home"
        home.mkdir(parents=True)
        environment = job.get("environment") or ""
        scope = environment if isinstance(environment, str) else environment["name"]
        known = {**self._variables(job.get("variables", {}), scope), "CI_JOB_NAME": name, **self._files(home, scope)}
        self.images[name] = _filled(job["image"], known)
        place = self._checkout(name, int(known.get("GIT_DEPTH", "20")))
        for path in (path for other in before for path in (self.folder / f"{other}-artifacts").glob("*")):
            (place / path.name).write_bytes(path.read_bytes())
        lines = list(_flat([job.get("before_script", []), job["script"]]))
        if lines[:2] == INSTALL:
            installed(place)
            lines = lines[2:]
        done = bash("\n".join(lines), place, home, {**known, "CI_PROJECT_DIR": str(place), **self.env})
        self.seen[name] = done.stdout + done.stderr
        self.results[name] = "success" if done.returncode == 0 else f"exit {done.returncode}: {self.seen[name][-2000:]}"
        self._keep(name, job.get("artifacts", {}), place)

    def _checkout(self, name: str, depth: int) -> Path:
        place = self.folder / name
        git(self.folder, "init", "--quiet", str(place))
        git(place, "remote", "add", "origin", f"file://{self.project.repository}")
        shallow = [f"--depth={depth}"] if depth else ["+refs/heads/*:refs/remotes/origin/*"]
        git(place, "fetch", "--quiet", "origin", *shallow, f"+{self.ref}:refs/pipelines/1")
        git(place, "checkout", "--quiet", "--detach", self.commit)
        return place

    def _keep(self, name: str, artifacts: dict[str, Any], place: Path) -> None:
        if self.results[name] != "success" and artifacts.get("when", "on_success") == "on_success":
            return
        kept = self.folder / f"{name}-artifacts"
        kept.mkdir()
        for path in (place / one for one in artifacts.get("paths", [])):
            if path.exists():
                (kept / path.name).write_bytes(path.read_bytes())

    def _variables(self, own: dict[str, Any], scope: str) -> dict[str, str]:
        """A project's variables are before a file's, and GitLab's own before both."""
        return {
            **{key: str(value) for key, value in {**self.file.get("variables", {}), **own}.items()},
            **{key: one.value for key, one in self._allowed(scope)},
            **({"TRIGGER_PAYLOAD": self.payload} if self.payload else {}),
            "CI": "true", "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": self.commit,
            "CI_PROJECT_ID": str(self.project.number), "CI_COMMIT_REF_PROTECTED": str(self.protected).lower(),
            **self.event,
        }  # fmt: skip

    def _allowed(self, scope: str) -> Iterator[tuple[str, Variable]]:
        for key, many in self.project.variables.items():
            for one in many:
                if one.environment in ("*", scope) and (self.protected or not one.protected):
                    yield key, one

    def _files(self, home: Path, scope: str) -> dict[str, str]:
        files = {key: one.value for key, one in self._allowed(scope) if one.file}
        files |= {"TRIGGER_PAYLOAD": self.payload} if self.payload else {}
        for key, value in files.items():
            (home / key).write_text(value)
        return {key: str(home / key) for key in files}


def _flat(lines: list[Any]) -> Iterator[str]:
    for one in lines:
        yield from [one] if isinstance(one, str) else _flat(one)


def _when(job: dict[str, Any], known: dict[str, str]) -> str:
    """What the first rule that holds says; nothing if none does."""
    for rule in job["rules"]:
        assert set(rule) <= {"if", "when"}, rule
        if all(_holds(shlex.split(one), known) for one in rule["if"].split("&&")):
            return str(rule.get("when", "on_success"))
    return ""


def _holds(words: list[str], known: dict[str, str]) -> bool:
    """A variable that is not empty, or two of which one equals the other; what is not there equals nothing written."""
    if len(words) == 1:
        return bool(_value(words[0], known))
    left, operator, right = words
    assert operator in ("==", "!="), operator
    return (_value(left, known) == _value(right, known)) == (operator == "==")


def _value(word: str, known: dict[str, str]) -> str | None:
    return known.get(word[1:]) if word.startswith("$") else word


def _filled(text: str, known: dict[str, str]) -> str:
    value = _value(text, known)
    assert value, f"no image: {text}"
    return value
