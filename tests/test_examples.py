"""Every command has an example in its `--help`, and that example works."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from labform.loading import load
from labform.lockfile import LockedBuild, write_lock

from tests.ci.forge import serving
from tests.examples import LAB, REQUIREMENTS, RUNNING, examples
from tests.pages import OFFLINE, ROOT, ZEROS, Reader, blocks_of

pytestmark = pytest.mark.enable_socket
ON_FILES = sorted((name, one) for name, found in examples().items() if name not in RUNNING for one in found)
SMI = 'case "$*" in *-L*) cat {captures}/list.txt;; *) cat {captures}/query.xml;; esac\n'


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's repository: `dev` on a server, `cluster` on a cluster, both locked, built and deployed from main."""
    reader = _reader(tmp_path_factory.mktemp("original") / "lab", "http://127.0.0.1:1")
    files = {"projects/notebook/requirements.txt": REQUIREMENTS, "stacks/dev.yaml": LAB.replace("PORTS", "20000-20099")}
    page = blocks_of(ROOT / "docs" / "tasks" / "cluster.md")
    files["stacks/cluster.yaml"] = next(one.text for one in page if one.title)
    files |= {
        "projects/thesis/requirements.txt": "jupyterlab==4.4.9\n",
        "../thesis/README.md": "A clone elsewhere.\n",
    }
    for name, text in {**files, "plan.md": "<!-- labform: plan -->\nnothing changes\n"}.items():
        (reader.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (reader.folder / name).write_text(text)
    for name in ("dev", "cluster"):
        assert reader.run(f"labform lock stacks/{name}.yaml").returncode == 0
        _built(reader.folder / "stacks" / f"{name}.yaml")
    steps = (
        "git init -q -b main",
        "git add .",
        "git commit -q -m a",
        "git update-ref refs/remotes/origin/main HEAD",
    )
    assert all(reader.run(one).returncode == 0 for one in steps)
    return reader.folder.parent


@pytest.fixture
def clone(original: Path, tmp_path: Path) -> Iterator[Reader]:
    """A copy of that repository; beside it the pages' stand-ins for a forge, and for a GPU server behind ssh."""
    with serving() as forge:
        reader = _reader(tmp_path / "lab", forge.address)
        for name in ("lab", "thesis"):
            shutil.copytree(original / name, tmp_path / name, symlinks=True, dirs_exist_ok=True)
        _server(reader.tools)
        yield reader


def _reader(folder: Path, forge: str) -> Reader:
    """Somebody in a lab's repository, with the pages' stand-ins for registries."""
    given = {"GITHUB_API_URL": forge, "GITHUB_TOKEN": "x", "DOCKER_HOST": f"unix://{folder.parent}/none"}
    return Reader(folder, {**os.environ, **given}, OFFLINE | {"render": "", "lock": f"--image {ZEROS}"})


def _built(path: Path) -> None:
    """Let the lock say that each image was built."""
    stack = load(path)
    place = stack.lab.registry.address if stack.lab.registry else stack.lab.lab
    images = {name: f"{place}/{name}@sha256:{'1' * 64}" for name in stack.recipes}
    builds = {name: LockedBuild(recipe=one.hash, image=images[name]) for name, one in stack.recipes.items()}
    write_lock(stack.lock_path, stack.lock.model_copy(update={"builds": builds}))


def _server(tools: Path) -> None:
    """An ssh that runs the command here, where an nvidia-smi prints what was captured."""
    captures = ROOT / "tests" / "captures" / "a100-mig-off"
    programs = {"ssh": 'for last; do :; done; exec sh -c "$last"\n', "nvidia-smi": SMI.format(captures=captures)}
    for name, text in programs.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}")
        (tools / name).chmod(0o755)


def test_every_command_has_an_example() -> None:
    """Which names the command, and none that it does not have."""
    for name, found in examples().items():
        assert found, f"labform {name} --help has no example"
        assert all(f"labform {name}" in one for one in found), found


@pytest.mark.parametrize(("name", "command"), ON_FILES, ids=[name for name, _ in ON_FILES])
def test_an_example_works(name: str, command: str, clone: Reader) -> None:
    """As it stands in `--help`, with exit code 0; those that need a lab that runs are in tests/engine/."""
    if name == "new project":
        # Which of several stack files is meant would have to be said.
        (clone.folder / "stacks" / "cluster.yaml").unlink()
    done = clone.run(command)
    assert done.returncode == 0, f"labform {name}: {done.stdout}"
    assert yaml.safe_load((clone.folder / "stacks" / "dev.yaml").read_text())["lab"] == "dev"
