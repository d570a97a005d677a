"""Labs for tests: from the words of a stack file, as small as a test wants them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labform.project import ProjectArgs
from labform.stack_file import LabArgs
from labform.units import Placement

GPUS = [{"uuid": f"GPU-{letter}", "model": "A100-40GB"} for letter in "abcd"]
"""Four GPUs of one host."""
ONE_PROJECT = """\
format: 1
lab: test
runs_on: {kind: docker, hosts: {local: {}}}
bases: {python: {image: "python:3.12-slim"}}
defaults: {base: python}
people: {anna: {uid: 10042}}
projects:
  thesis:
    owner: anna
    environment: ENVIRONMENT
    run: {command: [python]}
"""
IMAGE = f"python@sha256:{'a' * 64}"


def lab(**sections: Any) -> LabArgs:
    """A lab with one local host and one person; every section can be given anew."""
    full = {
        "format": 1,
        "lab": "test",
        "runs_on": {"kind": "docker", "hosts": {"local": {}}},
        "people": {"anna": {"uid": 10042}},
        **sections,
    }
    return LabArgs.model_validate(_lists_as_tuples(full))


def hosts(**given: Mapping[str, Any]) -> dict[str, Any]:
    """The section `runs_on` with these hosts."""
    return {"kind": "docker", "hosts": given}


def project(**given: Any) -> dict[str, Any]:
    """A project that runs to completion, or what is given instead."""
    environment = {"kind": "prebuilt", "image": IMAGE}
    todo = {} if "service" in given else {"run": {"command": ["true"]}}
    return {"owner": "anna", "environment": environment, **todo, **given}


def args(**given: Any) -> ProjectArgs:
    """A project by itself."""
    return ProjectArgs.model_validate(_lists_as_tuples(project(**given)))


def placed(host: str = "local", *gpus: str, port: int | None = None) -> Placement:
    """A placement as a lock has it."""
    return Placement(host, gpus, port)


def stack_file(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    """A stack file on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def one_project(environment: str) -> str:
    """The words of a stack file with one project, of this environment."""
    return ONE_PROJECT.replace("ENVIRONMENT", environment)


def _lists_as_tuples(value: Any) -> Any:
    """What a file's lists become: declarations are frozen, and strict about it."""
    if isinstance(value, dict):
        return {key: _lists_as_tuples(one) for key, one in value.items()}
    return tuple(map(_lists_as_tuples, value)) if isinstance(value, list) else value
