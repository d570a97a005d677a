"""Builds by BuildKit: what is registered, and what buildx is told."""

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labform.buildkit import builder_name, remember

from tests.fake_daemon import fake_daemon
from tests.fakes import UNKNOWN, Recording, Secret
from tests.program import SECRETS, Program
from tests.test_lab import CONTAINER, LAB

pytestmark = pytest.mark.enable_socket

IMAGE, PROVIDER = "docker-build:index:Image", "pulumi:providers:docker-build"
VALUES = {**SECRETS, "labform:index-logins": "canary-netrc"}


def described(address: str, **builder: Any) -> dict[str, Any]:
    """The lab of test_lab, built by BuildKit."""
    secrets = {"netrc": {"from": "index-logins"}}
    return {**copy.deepcopy(LAB), "builder": {"engine": "buildkit", "address": address, "secrets": secrets, **builder}}


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    """The program, with a socket in the place of BuildKit's."""
    with tempfile.TemporaryDirectory() as folder, fake_daemon(Path(folder)) as daemon:
        yield Program(Path(folder), daemon)


@pytest.fixture(scope="module")
def recording(program: Program) -> Recording:
    """What the lab registers in a preview."""
    return program.recording(described(program.daemon, cache="write", platforms=["linux/arm64"]), secrets=VALUES)


def test_a_build_is_pushed_under_its_recipe(recording: Recording) -> None:
    """Builder by name, context below the project, a tag of the recipe's hash, the registry's login."""
    image = recording.only(IMAGE, "unit-thesis")
    name, _, recipe = image.inputs["tags"][0].rpartition(":")
    assert (name, len(recipe)) == ("registry.invalid/unit/thesis", 16)
    assert image.inputs["builder"] == {"name": "labform-unit"}
    assert image.inputs["context"] == {"location": f".labform/contexts/unit-thesis-{recipe}"}
    assert image.inputs["dockerfile"] == {"location": f".labform/contexts/unit-thesis-{recipe}/Dockerfile"}
    assert (image.inputs["push"], image.inputs["buildOnPreview"]) == (True, False)
    assert image.inputs["platforms"] == ["linux/arm64"]
    assert image.inputs["registries"] == [
        {"address": "registry.invalid", "username": "ci", "password": Secret("canary-push")}
    ]


def test_a_build_is_never_taken_from_the_registry(recording: Recording) -> None:
    """The plugin would delete what a lock may name."""
    assert recording.only(IMAGE, "unit-thesis").options.retain_on_delete


def test_a_build_secret_is_secret_and_no_reason_to_build(recording: Recording) -> None:
    """It is encrypted in the state, and another value of it is no change."""
    inputs = recording.only(IMAGE, "unit-thesis").inputs
    assert inputs["secrets"] in ({"netrc": Secret("canary-netrc")}, Secret({"netrc": "canary-netrc"}))
    assert inputs["ignoreSecretsInDiffCalculation"] == ["netrc"]


def test_the_cache_is_beside_the_image(recording: Recording, program: Program) -> None:
    """`write` takes and leaves, `read` takes only, `none` does neither."""
    place = {"ref": "registry.invalid/unit/thesis:cache"}
    image = recording.only(IMAGE, "unit-thesis").inputs
    assert image["cacheFrom"] == [{"registry": place}]
    assert image["cacheTo"][0]["registry"].items() >= {**place, "mode": "max"}.items()
    read = program.recording(described(program.daemon, cache="read"), secrets=VALUES).only(IMAGE, "unit-thesis").inputs
    assert (read["cacheFrom"], "cacheTo" in read) == ([{"registry": place}], False)
    none = program.recording(described(program.daemon), secrets=VALUES).only(IMAGE, "unit-thesis").inputs
    assert not {"cacheFrom", "cacheTo"} & none.keys()


def test_what_runs_is_unknown_before_it_is_built(recording: Recording) -> None:
    """The digest alone decides what a container runs, and no secret makes it one."""
    assert recording.only(CONTAINER, "unit-thesis").inputs["image"] == UNKNOWN


def test_no_variable_decides_a_registration(program: Program, recording: Recording) -> None:
    """Which Docker host the environment names is nothing to the builder."""
    again = program.recording(
        described(program.daemon, cache="write", platforms=["linux/arm64"]),
        secrets=VALUES,
        fresh=True,
        env={"DOCKER_HOST": "tcp://elsewhere:1", "DOCKER_CONFIG": str(program.folder / "docker")},
    )
    for kind in (IMAGE, PROVIDER):
        assert [one.inputs for one in again.of_type(kind)] == [one.inputs for one in recording.of_type(kind)]


def test_only_a_deployment_tells_buildx(program: Program, recording: Recording) -> None:
    """A preview writes nothing and needs no daemon; a deployment needs it, and another address is no change."""
    known = program.folder / "docker" / "buildx" / "instances" / "labform-unit"
    assert not known.exists()
    absent = f"unix://{program.folder}/absent.sock"
    config = {"config": {"labform:addresses": json.dumps({"builder": absent})}}
    preview = program.recording(described("local", cache="write", platforms=["linux/arm64"]), secrets=VALUES, **config)
    assert [one.inputs for one in preview.of_type(IMAGE)] == [one.inputs for one in recording.of_type(IMAGE)]
    stopped = program.run(described("local"), secrets=VALUES, dry_run=False, **config)
    message = f"the builder: the BuildKit daemon at {absent} does not answer; start it, or correct builder.address"
    assert (stopped.exit_code, stopped.registrations[1:], message in " ".join(stopped.errors)) == (1, [], True)
    program.recording(described(program.daemon), secrets=VALUES, dry_run=False)
    assert json.loads(known.read_text())["Nodes"][0]["Endpoint"] == program.daemon


def test_buildx_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that buildx reads is written where it looks, and again only for another address."""
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    place = tmp_path / "instances" / builder_name("lab")
    remember(builder_name("lab"), "unix:///a.sock")
    first = place.stat().st_ino
    remember(builder_name("lab"), "unix:///a.sock")
    assert place.stat().st_ino == first
    remember(builder_name("lab"), "tcp://127.0.0.1:1")
    written = json.loads(place.read_text())
    assert (written["Name"], written["Driver"], written["Nodes"][0]["Endpoint"]) == (
        *("labform-lab", "remote"),
        "tcp://127.0.0.1:1",
    )
    assert [one.name for one in place.parent.iterdir()] == [place.name]
