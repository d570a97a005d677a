"""Explanations: one for every code that the sources can print, none without use, and examples that are so."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.explain import explanations
from labform.loading import unlocked
from labform.policy import RULES
from labform.problems import ProblemsError
from labform.stack_file import LabArgs

from tests import codes
from tests.test_bad import BAD

IMAGE = f"python@sha256:{'a' * 64}"
LAB = f"""
format: 1
lab: ds01
runs_on:
  kind: docker
  hosts:
    gpu1:
      cpus: 32
      memory: 64Gi
      driver: "580.65"
      host_paths: [/data]
      gpus: [{{uuid: GPU-6f1c, model: A100-40GB}}]
bases: {{python: {{image: "{IMAGE}"}}}}
defaults: {{base: python}}
groups: {{student: {{gpus: 2}}}}
people: {{anna: {{uid: 10042, group: student}}}}
volumes: {{home: {{owner: anna, size: 10Gi}}}}
projects:
  thesis:
    owner: anna
    environment: {{kind: prebuilt, image: "{IMAGE}"}}
    mounts: {{home: /home/lab}}
    run: {{command: [python, train.py]}}
"""
"""The lab that examples are parts of."""
ENVIRONMENTS = {"thesis": ("requirements.txt",), "two": ("requirements.txt", "Dockerfile"), "empty": ()}
"""The folders beside it, with their files."""
UNREADABLE = frozenset({"anchor", "duplicate-key", "key", "yaml", "yaml-tag"})
"""Codes of a text that is no data, so no part that could be put into a lab."""

OF_FILES = {
    "no-arg-base": ("Dockerfile", {"kind": "dockerfile", "base": "python"}),
    "no-value": ("Dockerfile", {"kind": "dockerfile"}),
    "requirement": ("requirements.txt", {"kind": "pip"}),
    "unpinned": ("requirements.txt", {"kind": "pip"}),
}
"""Codes of a file that describes an environment, with its name and what the lab says of it."""
COMMANDS = frozenset({"mig-layout", "unknown-code", "unknown-project"})
"""Codes whose example is a command: tests/cli/test_explain.py runs it."""


def in_lab(text: str) -> bool:
    """Whether an example is a part of a stack file."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(data, dict) and bool(data) and set(data) <= set(LabArgs.model_fields)


EXAMPLES = [
    (code, text, bad)
    for code, one in explanations().items()
    for text, bad in ((one.bad, True), (one.good, False))
    if code not in UNREADABLE and in_lab(text)
]


def merged(lab: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The lab with a part of an example in its place; what is null there is left out."""
    full = dict(lab)
    for key, value in part.items():
        inner = full.get(key)
        full[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return {key: value for key, value in full.items() if value is not None or key not in lab}


def problems(folder: Path, lab: dict[str, Any]) -> set[str]:
    """The codes that a lab is refused with."""
    for name, files in ENVIRONMENTS.items():
        (folder / "stacks" / name).mkdir(parents=True)
        for file in files:
            (folder / "stacks" / name / file).write_text("")
    path = folder / "stacks" / "lab.yaml"
    path.write_text(yaml.safe_dump(lab, sort_keys=False))
    try:
        unlocked(path, on=dt.date(2026, 1, 1))
    except ProblemsError as error:
        return {one.code for one in error.problems}
    return set()


def test_every_code_is_explained_and_nothing_else() -> None:
    """The codes are read from the sources; a rule of the policy pack is a code too, and no code has two meanings."""
    used = codes.used()
    rules = {one.id for one in RULES}
    assert set(explanations()) == set(used) | rules
    assert not set(used) & rules


def test_the_sources_are_read_in_full() -> None:
    """Every code that a golden file shows is among those that were read."""
    shown = set(
        re.findall(r"(?:error|warning)\[([^\]]+)\]", "".join(one.read_text() for one in BAD.glob("*.expected")))
    )
    assert len(shown) > 100
    assert shown <= set(codes.used())


@pytest.mark.parametrize("code", explanations())
def test_an_explanation_is_whole(code: str) -> None:
    """Three sentences, and an example with both sides or none."""
    one = explanations()[code]
    assert all(text[-1] in ".:" for text in (one.means, one.why, one.write))
    assert bool(one.bad) == bool(one.good)
    assert max(map(len, (one.means, one.why, one.write))) < 200


@pytest.mark.parametrize(("code", "text", "bad"), EXAMPLES)
def test_an_example_is_so(code: str, text: str, bad: bool, tmp_path: Path) -> None:
    """In a small lab the one is refused with its code, the other is well."""
    found = problems(tmp_path, merged(yaml.safe_load(LAB), yaml.safe_load(text)))
    assert (code in found) if bad else (found == set())


@pytest.mark.parametrize("bad", [True, False])
@pytest.mark.parametrize("code", sorted(OF_FILES))
def test_an_example_of_a_file_is_so(code: str, bad: bool, tmp_path: Path) -> None:
    """As the file that it is a part of; the one is refused with its code, the other is well."""
    name, environment = OF_FILES[code]
    path = tmp_path / "stacks" / "example" / name
    path.parent.mkdir(parents=True)
    path.write_text(explanations()[code].bad if bad else explanations()[code].good)
    part: dict[str, Any] = {
        "projects": {"thesis": {"environment": {**environment, "directory": "example", "image": None}}}
    }
    part["strict"] = code == "unpinned"
    found = problems(tmp_path, merged(yaml.safe_load(LAB), part))
    assert (code in found) if bad else (found == set())


def test_every_example_is_executed() -> None:
    """As a part of a lab, a text, a file or a command."""
    shown = {code for code, one in explanations().items() if one.bad}
    assert shown == {code for code, _, _ in EXAMPLES} | UNREADABLE | set(OF_FILES) | COMMANDS


@pytest.mark.parametrize("code", sorted(UNREADABLE))
def test_an_example_of_a_text_is_so(code: str, tmp_path: Path) -> None:
    """What is no data is refused as it stands."""
    path = tmp_path / "lab.yaml"
    path.write_text(explanations()[code].bad)
    with pytest.raises(ProblemsError) as refused:
        unlocked(path)
    assert [one.code for one in refused.value.problems] == [code]
