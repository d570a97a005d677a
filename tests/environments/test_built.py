"""Cases with a `verify` are built for real, and it runs inside the image, as somebody it has never heard of."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labform.environments import Recipe
from labform.image import stage

import sandbox
from tests.environments import conda_channel, debian_repository
from tests.environments.golden import FOLDER, environment, site
from tests.warm import warm_sandbox

VERIFIED = sorted(path.parent.name for path in FOLDER.glob("*/verify"))
pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def box() -> Iterator[sandbox.Sandbox]:
    """A daemon, a registry and a base image of this run's own."""
    with warm_sandbox("built") as made:
        yield made


def docker(box: sandbox.Sandbox, *words: str) -> str:
    """What a Docker command prints; it must succeed."""
    env = {**os.environ, **box.env, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run([str(box.docker_cli), *words], env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recipe(folder: Path, box: sandbox.Sandbox) -> Recipe:
    """A case's recipe on the sandbox's base."""
    asks = folder.name.startswith(("conda", "pixi")) or getattr(environment(folder), "apt", ())
    base = with_packages(box) if asks else box.base_reference
    return environment(folder).recipe(replace(site(folder), pin=lambda _: base))


def with_packages(box: sandbox.Sandbox) -> str:
    """The sandbox's base with a conda channel and a repository of Debian packages in it."""
    with tempfile.TemporaryDirectory() as folder:
        conda_channel.write(Path(folder) / "channel")
        debian_repository.write(Path(folder) / "apt")
        copies = f"COPY channel {conda_channel.PLACE}\nCOPY apt {debian_repository.PLACE}\n"
        source = f"RUN echo '{debian_repository.SOURCE}' > /etc/apt/sources.list.d/local.list\n"
        (Path(folder) / "Dockerfile").write_text(f"FROM {box.base_reference}\n{copies}{source}")
        docker(box, "build", "--tag", "with-packages", folder)
    return "with-packages"


def built(recipe: Recipe, box: sandbox.Sandbox, folder: Path, *options: str) -> list[str]:
    """Build an image of the recipe's hash; the digests of its layers, from the base on."""
    tag = f"case:{recipe.hash}"
    context = stage(recipe, folder)
    given = [word for key, value in recipe.args.items() for word in ("--build-arg", f"{key}={value}")]
    file = ("--file", str(context / recipe.dockerfile_name))
    docker(box, "build", "--network", "host", "--tag", tag, *file, *given, *options, str(context))
    return docker(box, "image", "inspect", tag, "--format", '{{join .RootFS.Layers " "}}').split()


@pytest.mark.parametrize("name", VERIFIED)
def test_a_case_is_what_it_says(name: str, box: sandbox.Sandbox, tmp_path: Path) -> None:
    """The script of the case ends well for a uid that has no name, without any capability."""
    made = recipe(FOLDER / name, box)
    built(made, box, tmp_path / "context")
    mount = f"type=bind,source={FOLDER / name / 'verify'},target=/verify,readonly"
    limits = ["--user", "10042:10042", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--mount", mount]
    docker(box, "run", "--rm", *limits, f"case:{made.hash}", "sh", "/verify")
    labels = docker(box, "image", "inspect", f"case:{made.hash}", "--format", "{{json .Config.Labels}}")
    assert f'"labform.recipe":"{made.hash}"' in labels


def test_one_more_package_changes_one_layer(box: sandbox.Sandbox, tmp_path: Path) -> None:
    """Every other layer has the digest it had; so has every one when all is built anew, without the builder's cache."""
    case = tmp_path / "case"
    shutil.copytree(FOLDER / "pip-plain", case)
    (case / "project" / "requirements.txt").write_text("six==1.17.0\niniconfig==2.0.0\n")
    first = recipe(case, box)
    before = built(first, box, tmp_path / "one")
    (case / "project" / "requirements.txt").write_text("six==1.17.0\niniconfig==2.0.0\npackaging==25.0\n")
    after = built(recipe(case, box), box, tmp_path / "two")
    anew = built(first, box, tmp_path / "three", "--no-cache")
    # The two last layers make directories for volumes and for work, at the time they are made.
    assert anew[:-2] == before[:-2]
    assert set(before[:-2]) < set(after)
    assert len(after) == len(before) + 1


def test_an_edit_of_sources_rebuilds_no_package(box: sandbox.Sandbox, tmp_path: Path) -> None:
    """Only the layer of the project's own files is another one."""
    case = tmp_path / "case"
    shutil.copytree(FOLDER / "pip-hashes", case)
    before = built(recipe(case, box), box, tmp_path / "one")
    (case / "project" / "train.py").write_text("print(1)\n")
    after = built(recipe(case, box), box, tmp_path / "two")
    assert [old == new for old, new in zip(before, after, strict=True)].count(False) == 1


def test_another_python_than_the_base_has_stops_the_build(box: sandbox.Sandbox, tmp_path: Path) -> None:
    """Where no tag says which Python a base has, the build does, in one line."""
    case = tmp_path / "case"
    shutil.copytree(FOLDER / "pip-hashes", case)
    (case / "environment.yaml").write_text('kind: pip\ndirectory: project\nbase: torch\npython: "3.99"\n')
    with pytest.raises(AssertionError, match=r"error: python: 3\.99 is wanted, and the base has 3\.\d+"):
        built(recipe(case, box), box, tmp_path / "context")
