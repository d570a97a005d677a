"""The example of each command's `--help`, and the lab on which a test runs it as it stands there."""

import re

from labform.cli import command_line

RUNNING = frozenset(
    {"build", "diff", "freeze", "gpus", "logs", "open", "shell", "status", "summary", "volumes", "adopt", "watch"}
)
"""Commands whose example asks a lab that runs; every other one is run on files alone."""
LAB = """\
# yaml-language-server: $schema=schema.json
format: 1
lab: dev
runs_on: {kind: docker, hosts: {local: {ports: "PORTS"}}}
registry: {address: registry.example.org/dev}
builder: {network: host}
bases: {python: {image: "python:3.12-slim"}}
defaults: {base: python}
people: {anna: {uid: 10042}}
volumes: {anna-home: {owner: anna}}
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
    """The examples by command."""
    commands = getattr(command_line(), "commands", {})
    return {name: re.findall(r"Example: (.+(?:\n(?!\n).+)*)", one.help or "") for name, one in commands.items()}
