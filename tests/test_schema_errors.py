"""pydantic's errors in the words of a person: one per fault, in its place, without a secret's value."""

# ruff: noqa: E501  a message is one line, and so is its expectation

import json
from typing import Any

import pytest
import yaml
from labform.lockfile import Lock
from labform.schema_errors import problems_of
from labform.stack_file import LabArgs
from labform.yaml_tree import Node, parse
from pydantic import ValidationError

LAB: dict[str, Any] = {
    "format": 1,
    "lab": "test",
    "runs_on": {"kind": "docker", "hosts": {"local": {}}},
    "people": {"anna": {"uid": 10042}},
    "volumes": {"home": {"owner": "anna"}},
    "projects": {
        "thesis": {
            "owner": "anna",
            "environment": {"kind": "pip", "directory": "thesis"},
            "mounts": {"home": "/home/lab"},
            "run": {"command": ["true"]},
        }
    },
}


def tree_with(path: str, value: object) -> Node:
    """A lab's file with another value at a dotted path."""
    *holders, last = path.split(".")
    data = yaml.safe_load(yaml.safe_dump(LAB))
    at = data
    for key in holders:
        at = at.setdefault(key, {})
    at[last] = value
    return parse(yaml.safe_dump(data, sort_keys=False))


def said(path: str, value: object) -> list[str]:
    """The problems of a lab with another value at a dotted path, one line each."""
    tree = tree_with(path, value)
    with pytest.raises(ValidationError) as refused:
        LabArgs.model_validate_json(yaml_json(tree))
    return [str(problem) for problem in problems_of(refused.value, LabArgs, tree)]


def yaml_json(tree: Node) -> str:
    """A tree's value as JSON."""
    return json.dumps(tree.value)


P = "projects.thesis"
COMMAND = {"kind": "command", "command": ["serve"]}


KINDS = ", ".join(
    f"kind: {one}" for one in ("conda", "detect", "devcontainer", "dockerfile", "pip", "pixi", "prebuilt", "uv")
)


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (f"{P}.gpus", "two", [f'error[type] {P}.gpus: expected a whole number, got text "two"']),
        (f"{P}.gpus", -1, [f"error[value] {P}.gpus: expected 0 or more, got the number -1"]),
        (f"{P}.gpus", {"count": 0}, [f"error[value] {P}.gpus.count: expected 1 or more, got the number 0"]),
        (f"{P}.gpus", {"count": 0, "mdoel": "x"}, [
            f'error[unknown-key] {P}.gpus.mdoel: unknown key; did you mean "model"?',
            f"error[value] {P}.gpus.count: expected 1 or more, got the number 0",
        ]),
        (f"{P}.mounts.home", 3, [f"error[type] {P}.mounts.home: expected text, got the number 3; write it in quotes"]),
        (f"{P}.mounts.home", {"path": "lab"}, [f'error[path] {P}.mounts.home.path: "lab" is not a plain absolute path; no .., no trailing /']),
        (f"{P}.mounts.home", {"path": "/a", "readonly": True}, [f'error[unknown-key] {P}.mounts.home.readonly: unknown key; did you mean "read_only"?']),
        (f"{P}.environment", {"kind": "pip"}, [f'error[missing-key] {P}.environment.directory: missing key "directory"; write directory: …']),
        (f"{P}.environment", {"kind": "dockerfile", "dockerfile": "D"}, [f'error[missing-key] {P}.environment.directory: missing key "directory"; write directory: …']),
        (f"{P}.environment", {"requirements": "a"}, [f'error[missing-key] {P}.environment.kind: missing key "kind"; allowed: {KINDS}']),
        (f"{P}.environment", "pip", [f'error[type] {P}.environment: expected a mapping, got text "pip"']),
        (f"{P}.environment.kind", "pipp", [f'error[not-one-of] {P}.environment.kind: expected one of uv, pip, conda, pixi, dockerfile, devcontainer, prebuilt, detect, got text "pipp"; did you mean "pip"?']),
        (f"{P}.environment.files", ["a", 2], [f"error[type] {P}.environment.files.1: expected text, got the number 2; write it in quotes"]),
        ("volumes.home", {"path": "/data", "host": 3}, ["error[type] volumes.home.host: expected text, got the number 3; write it in quotes"]),
        ("volumes.home", {"path": 3}, ["error[type] volumes.home.path: expected text, got the number 3; write it in quotes"]),
        ("volumes.home", {"nfs": {"path": "/x"}}, ['error[missing-key] volumes.home.nfs.server: missing key "server"; write server: …']),
        ("volumes.home", {"claim": "x"}, ['error[missing-key] volumes.home.owner: missing key "owner"; write owner: …']),
        ("volumes.home", "anna", ['error[type] volumes.home: expected a mapping, got text "anna"']),
        ("runs_on", "docker", ['error[type] runs_on: expected a mapping, got text "docker"']),
        ("runs_on", {"kind": "docker", "docker": 1, "hosts": {"local": {"cpus": 0}}}, [
            "error[unknown-key] runs_on.docker: unknown key",
            "error[cpus] runs_on.hosts.local.cpus: 0 is not a number of CPUs; write a positive number, for example 4 or 0.5",
        ]),
        ("runs_on", {"kind": "docker", "hosts": {}}, ["error[value] runs_on.hosts: expected 1 entry or more, got an empty mapping"]),
        ("people.anna.until", "soon", ['error[value] people.anna.until: expected a date such as 2027-03-31, got text "soon"']),
        ("people.anna.until", 20270331, ["error[type] people.anna.until: expected a date such as 2027-03-31, got the number 20270331"]),
        ("people.anna.uid", 1.5, ["error[type] people.anna.uid: expected a whole number, got the number 1.5"]),
        ("people.anna.email", "anna", ['error[value] people.anna.email: text "anna" does not fit here; What git writes into commits. Default: the person\'s name at the lab\'s.']),
        ("people.Anna", {"uid": 2000}, ['error[name] people.Anna: "Anna" is not a name; use up to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit']),
        ("format", 2, ["error[not-one-of] format: expected 1, got the number 2"]),
        ("groups", None, ["error[type] groups: expected a mapping, got nothing"]),
        ("groups", [], ["error[type] groups: expected a mapping, got an empty list"]),
        ("registry.address", "https://ci:CANARY@r", ['error[registry] registry.address: "https://…@r" is not a registry address; write host:port/path without https://']),
        ("registry.username", ["CANARY"], [
            'error[missing-key] registry.address: missing key "address"; write address: …',
            "error[type] registry.username: expected text, got a list",
        ]),
        ("runs_on.hosts.local.address", "tcp://ci:CANARY@r/x", ['error[value] runs_on.hosts.local.address: text "tcp://…@r/x" does not fit here; How to reach its daemon. Default: the local one. For example ssh://labform@gpu1.example.org']),
    ],
)  # fmt: skip
def test_a_fault_is_said_once_and_in_its_place(path: str, value: object, lines: list[str]) -> None:
    """Location, what was expected, what was given; no branch of a union that the author did not mean."""
    assert sorted(said(path, value)) == sorted(lines)


@pytest.mark.parametrize(
    ("service", "lines"),
    [
        ({"kind": "command"}, [f'error[missing-key] {P}.service.command: missing key "command"; write command: …']),
        ({**COMMAND, "port": 0}, [f"error[value] {P}.service.port: expected 1 or more, got the number 0"]),
        ({**COMMAND, "command": [1]}, [f"error[type] {P}.service.command.0: expected text, got the number 1; write it in quotes"]),
        ({**COMMAND, "command": []}, [f"error[value] {P}.service.command: expected 1 entry or more, got an empty list"]),
        ({**COMMAND, "comand": 1}, [f"error[unknown-key] {P}.service.comand: unknown key; allowed: health, host_port, listen, port, startup"]),
    ],
)  # fmt: skip
def test_a_kind_that_is_a_key_too_leads_nobody_astray(service: dict[str, Any], lines: list[str]) -> None:
    """`kind: command` has a key `command`: faults of its neighbours are not shown there."""
    project = {**LAB["projects"]["thesis"], "service": service}
    del project["run"]
    assert said("projects.thesis", project) == lines


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{P}.env", "CANARY"),
        (f"{P}.env", ["CANARY"]),
        (f"{P}.env", {"A": ["CANARY"], "B": {"C": "CANARY"}}),
        (f"{P}.env", {"A": 424242, "B": False, "C": None, "D": 4242.42}),
        (f"{P}.secrets", "CANARY"),
        (f"{P}.secrets", {"A": "CANARY"}),
        (f"{P}.secrets", {"A": {"from": "CANARY"}}),
        (f"{P}.secrets", {"A": {"from": 'x" CANARY" y'}}),
        (f"{P}.secrets", {"A": {"from": "a", "as": "CANARY"}}),
        (f"{P}.secrets", {"A": {"from": 424242}}),
        (f"{P}.environment", {"kind": "dockerfile", "directory": ".", "args": {"A": 424242}}),
        ("registry", {"address": "r", "username": "ci", "password": "CANARY"}),
        ("registry", {"address": "r", "username": "ci", "password": 424242}),
        ("registry", {"address": "r", "username": "ci", "password": {"from": "CANARY!"}}),
        ("registry", "https://ci:CANARY@registry"),
        ("builder", {"address": "tcp://ci:CANARY@host/x"}),
    ],
)
def test_a_secret_that_was_written_in_clear_is_not_repeated(path: str, value: object) -> None:
    """Where a value may be a secret the message says what was expected, and nothing of what was given."""
    lines = said(path, value)
    assert lines
    assert all(line.startswith(f"error[{line[6:].split(']')[0]}] {path}") for line in lines)
    assert not any(canary in "\n".join(lines) for canary in ("CANARY", "4242", "got false"))


def test_a_project_called_env_hides_nothing() -> None:
    """Names that are words of the format are names."""
    project = {**LAB["projects"]["thesis"], "owner": "Anna"}
    assert '"Anna" is not a name' in said("projects.env", project)[0]


def test_a_lock_has_the_same_words() -> None:
    """The errors of another model are said in the same way."""
    tree = parse("format: 1\nlab: test\nvolumes: {home: {state: creatd, owner: anna, uid: x}}\n")
    with pytest.raises(ValidationError) as refused:
        Lock.model_validate_json(yaml_json(tree))
    assert [str(one) for one in problems_of(refused.value, Lock, tree)] == [
        'error[not-one-of] volumes.home.state: expected one of planned, created, retired, got text "creatd"; did you mean "created"?',
        'error[type] volumes.home.uid: expected a whole number, got text "x"',
    ]
