"""The example of each command's `--help`, and the lab on which a test runs it as it stands there."""

import re
from collections.abc import Iterator
from typing import Any

from labform.cli import command_line

RUNNING = frozenset(
    {"build", "diff", "freeze", "gpus", "logs", "open", "shell", "status", "summary", "volumes", "adopt", "watch"}
)
"""Commands whose example asks a lab that runs; every other one is run on files alone."""
_EXAMPLE = re.compile(r"Example: (.+(?:\n(?!\n).+)*)")
LAB = """\
# yaml-language-server: $schema=schema.json
format: 1
lab: dev
runs_on: {kind: docker, hosts: {local: {ports: "PORTS", gpus: [{uuid: GPU-6f1c8a2e, model: A100-40GB}]}}}
registry: {address: registry.example.org/dev}
builder: {network: host}
bases: {python: {image: "python:3.12-slim"}}
defaults: {base: python}
people: {anna: {uid: 10042}}
volumes:
  anna-home: {owner: anna}
projects:
  notebook:
    owner: anna
    environment: {kind: pip, directory: ../projects/notebook}
    mounts: {anna-home: /home/lab}
    service: {kind: command, command: [sh, -c, "echo hello; exec python -m http.server 8000"], port: 8000}
"""
"""The lab `dev` of the examples, as small as they need it."""
REQUIREMENTS = "six==1.16.0\n"


def examples() -> dict[str, list[str]]:
    """The examples by command; a command of a group by both words."""
    return {name: _EXAMPLE.findall(one.help or "") for name, one in commands()}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its words, those of groups too."""
    yield from _flat(command_line(), "")


def _flat(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from _flat(one, f"{before}{name} ")
        else:
            yield f"{before}{name}", one
