"""The reference CLI reads a devcontainer.json as labform does: user, variables, workspace, mounts, ports."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.environments.golden import CASES, FOLDER, environment, site

pytestmark = [pytest.mark.sandbox, npm.NEEDS_NPM]


@pytest.fixture(scope="module")
def cli() -> Path:
    """The CLI."""
    return npm.devcontainers()


def read_by_cli(cli: Path, folder: Path) -> dict[str, Any]:
    """What the CLI makes of a project's folder; it asks a daemon nothing that matters here."""
    words = ["read-configuration", "--workspace-folder", str(folder), "--docker-path", "/bin/true"]
    words += ["--mount-workspace-git-root", "false"]
    done = subprocess.run([str(cli), *words], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def place(mount: Any) -> str:
    """Where a mount appears."""
    return str(
        mount["target"] if isinstance(mount, dict) else dict(w.split("=", 1) for w in mount.split(","))["target"]
    )


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("devcontainer")])
def test_the_cli_agrees(name: str, cli: Path, tmp_path: Path) -> None:
    """Every value that labform takes from the file is the one that the CLI takes."""
    folder = shutil.copytree(FOLDER / name, tmp_path / name, symlinks=True)
    theirs = read_by_cli(cli, folder / "project")
    said, ours = theirs["configuration"], environment(folder).read(site(folder))
    assert ours.workspace == theirs["workspace"]["workspaceFolder"]
    assert ours.user == (said.get("remoteUser") or said.get("containerUser"))
    env = {
        key: "".join(f"${{containerEnv:{one}}}" if i % 2 else one for i, one in enumerate(value))
        for key, value in ours.env.items()
    }
    assert env == said.get("containerEnv", {}) | said.get("remoteEnv", {})
    assert list(ours.mounts) == [place(one) for one in said.get("mounts", [])]
    assert ours.image == said.get("image")
    if ours.build:
        build = said.get("build", {})
        assert ours.build.dockerfile == build.get("dockerfile", said.get("dockerFile"))
        assert (ours.build.args, ours.build.target) == (build.get("args", {}), build.get("target"))
