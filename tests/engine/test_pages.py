"""Pages of docs/tasks/ that need a lab that runs: every file, edit and command, on the real engine and daemon."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from sandbox import Sandbox
from tests.engine.bench import REPOSITORY, sh
from tests.pages import TASKS, Reader, needs_engine, follower_of
from toolchain import Toolchain

LAB = "ds01"
PAGES = [page for page in sorted(TASKS.glob("*.md")) if needs_engine(page) and not follower_of(page)]


@pytest.fixture
def reader(tmp_path: Path, box: Sandbox, tools: Toolchain) -> Iterator[Reader]:
    """Somebody with the lab of the pages on this machine: its host and registry are the sandbox's, which is all that differs."""
    registry = f"{box.registry_address}/{LAB}"
    addresses = {"registry": registry, "builder": box.docker_host, "hosts": {"gpu1": box.docker_host}}
    given = f"--addresses '{json.dumps(addresses)}'"
    options = {
        **dict.fromkeys(("status", "logs", "volumes"), given),
        "gpus": f"$([[ $* == *--live* ]] && echo \"{given}\")",
        "lock": f"{given} --image python:3.12-slim={box.base_reference}",
    }
    state = {"PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_STACK": LAB}
    (tmp_path / "state").mkdir()
    made = Reader(
        tmp_path / "lab", {**os.environ, **tools.env, **box.env, **state, "BASE": box.base_reference}, options
    )
    _stack(made, addresses)
    yield made
    _removed(box)


def _stack(reader: Reader, addresses: dict[str, object]) -> None:
    """The program and the configuration of a lab's repository, which are set up once."""
    for part in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(REPOSITORY / part, reader.folder / part)
    (reader.folder / ".venv").symlink_to(REPOSITORY / ".venv")
    given = {"cwd": reader.folder, "env": reader.environment}
    sh("pulumi", "stack", "init", LAB, **given)
    sh("pulumi", "config", "set", "--secret", "lab-secret", "x", **given)
    path = reader.folder / f"Pulumi.{LAB}.yaml"
    known = yaml.safe_load(path.read_text())
    known["config"]["labform:addresses"] = addresses
    path.write_text(yaml.safe_dump(known))
    (reader.folder / ".gitignore").write_text(".venv\n.labform\n")
    sh("git", "add", ".", **given)
    sh("git", "commit", "--quiet", "--message", "The program", **given)


def _removed(box: Sandbox) -> None:
    """Nothing of the lab is left on the daemon, data too."""
    client = docker.DockerClient(base_url=box.docker_host)
    label = {"label": f"labform.lab={LAB}"}
    for container in client.containers.list(all=True, filters=label):
        container.remove(force=True)
    for network in client.networks.list(filters=label):
        network.remove()
    for volume in client.volumes.list(filters=label):
        volume.remove(force=True)
    client.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_a_task_goes_as_shown_on_a_lab_that_runs(page: Path, reader: Reader) -> None:
    """From its top to its end."""
    reader.follow(page)
