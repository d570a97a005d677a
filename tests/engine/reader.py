"""Somebody at a terminal, in a lab's repository whose host and registry are the sandbox's."""

import json
import os
import shutil
from pathlib import Path

import docker
import yaml

from sandbox import Sandbox
from tests.engine.bench import REPOSITORY, sh
from tests.pages import Reader
from toolchain import Toolchain


def reader_at(folder: Path, box: Sandbox, tools: Toolchain, lab: str, host: str) -> Reader:
    """One with a Pulumi stack of the lab's name; that addresses are the sandbox's is all that differs."""
    addresses = {
        "registry": f"{box.registry_address}/{lab}", "builder": box.docker_host, "hosts": {host: box.docker_host}
    }  # fmt: skip
    given = '--addresses "$ADDRESSES"'
    asking = ("build", "devcontainer", "diff", "freeze", "logs", "open", "shell", "status", "volumes")
    options = {
        **dict.fromkeys(asking, given),
        "gpus": "$([[ $* == *--live* ]] && echo --addresses $ADDRESSES)",
        "lock": f"{given} --image python:3.12-slim={box.base_reference}",
        **dict.fromkeys(("retire", "deploy"), given),
    }
    state = {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_STACK": lab}
    (folder / "state").mkdir(parents=True)
    own = {**os.environ, **tools.env, **box.env, **state, "BASE": box.base_reference}
    own["ADDRESSES"] = json.dumps(addresses, separators=(",", ":"))
    reader = Reader(folder / "lab", own, options)
    (reader.tools / "docker").symlink_to(box.docker_cli)
    for part in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(REPOSITORY / part, reader.folder / part)
    (reader.folder / ".venv").symlink_to(REPOSITORY / ".venv")
    (reader.folder / ".gitignore").write_text(".venv\n.labform\n")
    sh("pulumi", "stack", "init", lab, cwd=reader.folder, env=reader.environment)
    sh("pulumi", "config", "set", "--secret", "lab-secret", "x", cwd=reader.folder, env=reader.environment)
    path = reader.folder / f"Pulumi.{lab}.yaml"
    known = yaml.safe_load(path.read_text())
    known["config"]["labform:addresses"] = addresses
    path.write_text(yaml.safe_dump(known))
    return reader


def removed(box: Sandbox, lab: str) -> None:
    """Nothing of the lab is left on the daemon, data too."""
    client = docker.DockerClient(base_url=box.docker_host)
    label = {"label": f"labform.lab={lab}"}
    for container in client.containers.list(all=True, ignore_removed=True, filters=label):
        container.remove(force=True)
    for network in client.networks.list(filters=label):
        network.remove()
    for volume in client.volumes.list(filters=label):
        volume.remove(force=True)
    client.close()
