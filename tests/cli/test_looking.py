"""What `labform lock` sees of the world, with stand-ins for daemons and registries: data, and what was built."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.cli import looking
from labform.loading import read
from labform.lockfile import LockedBuild
from labform.problems import LabformError

from tests.cli.conftest import Terminal
from tests.labs import hosts, project


class World:
    """One host and one registry: what exists, and which images were asked for."""

    def __init__(self) -> None:
        """Nothing is there yet."""
        self.volumes: set[str] = set()
        self.digest = "d" * 64
        self.held: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def built(self, _: Any, place: str, tag: str, *, pushed: bool) -> str:
        """What the registry says of a tag."""
        assert pushed
        self.asked.append(f"{place}:{tag}")
        return f"{place}@sha256:{self.digest}"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world, and a lab in the working directory."""
    made = World()
    monkeypatch.setattr(looking, "connected", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(looking, "volumes_of", lambda *_: made.volumes)
    monkeypatch.setattr(looking, "busy_ports", lambda *_: set())
    monkeypatch.setattr(looking, "cuda_version", lambda *_: None)
    monkeypatch.setattr(looking, "digests_of", lambda _: made.held)
    monkeypatch.setattr(looking, "built", made.built)
    monkeypatch.chdir(tmp_path)
    write()
    return made


def write(**sections: Any) -> None:
    """Write the lab."""
    lab = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(gpu1={"address": "ssh://lab@gpu1.invalid"}),
        "registry": {"address": "old.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"owner": "anna"}},
        "projects": {"one": project(mounts={"home": "/home/lab"}), "two": project()},
        **sections,
    }
    Path("lab.yaml").write_text(yaml.safe_dump(lab))


def locked() -> dict[str, LockedBuild]:
    """What the lock says was built."""
    return dict(read(Path("lab.yaml")).lock.builds)


def test_a_lock_that_was_lost_knows_what_exists_at_once(world: World, labform: Terminal) -> None:
    """Its first writing is whole: data that is there is guarded, data that is not there is planned."""
    world.volumes = {"home"}
    write(volumes={"home": {"owner": "anna"}, "new": {"owner": "anna"}})
    assert labform("lock", "lab.yaml")[0] == 0
    states = {key: one.state for key, one in read(Path("lab.yaml")).lock.volumes.items()}
    assert states == {"home": "created", "new": "planned"}
    assert labform("lock", "lab.yaml")[:2] == (0, "lab.lock: up to date\n")


def test_a_cluster_s_data_is_known_at_once_too(
    world: World, labform: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims are looked for before the lock has an entry."""
    monkeypatch.setattr(looking.api, "connected", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(looking.api, "claims_of", lambda *_: {"home": "Bound"})
    volumes = {key: {"owner": "anna", "size": "1Gi"} for key in ("home", "new")}
    write(runs_on={"kind": "kubernetes"}, volumes=volumes)
    assert labform("lock", "lab.yaml")[0] == 0
    states = {key: one.state for key, one in read(Path("lab.yaml")).lock.volumes.items()}
    assert states == {"home": "created", "new": "planned"}


def test_a_host_that_is_silent_loses_no_entry(world: World, labform: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock said stays, and what it did not say is planned."""
    world.volumes = {"home"}
    labform("lock", "lab.yaml")

    def silent(*_: Any, **__: Any) -> None:
        """Nobody answers."""
        raise LabformError("host gpu1: the Docker daemon does not answer")

    monkeypatch.setattr(looking, "connected", silent)
    write(volumes={"home": {"owner": "anna"}, "new": {"owner": "anna"}})
    code, _, err = labform("lock", "lab.yaml")
    assert (code, err.count("note: ")) == (0, 2)
    states = {key: one.state for key, one in read(Path("lab.yaml")).lock.volumes.items()}
    assert states == {"home": "created", "new": "planned"}


def test_a_registry_is_asked_of_what_may_have_changed_alone(world: World, labform: Terminal) -> None:
    """A thousand projects that are as they were cost no question; `--upgrade` asks of those that it names."""
    labform("lock", "lab.yaml")
    assert len(world.asked) == 2
    world.asked.clear()
    labform("lock", "lab.yaml")
    assert world.asked == []
    world.digest = "e" * 64
    labform("lock", "lab.yaml", "--upgrade", "two")
    assert {name: one.image[-1] for name, one in locked().items()} == {"one": "d", "two": "e"}


def test_another_registry_has_other_images(world: World, labform: Terminal) -> None:
    """The lock follows the lab there, so that a pin runs what runs; who is pinned already keeps his image."""
    labform("lock", "lab.yaml")
    write(projects={"one": project(pinned=True), "two": project()}, registry={"address": "new.invalid/unit"})
    assert labform("lock", "lab.yaml")[0] == 0
    places = {name: one.image.partition("@")[0] for name, one in locked().items()}
    assert places == {"one": "old.invalid/unit/one", "two": "new.invalid/unit/two"}


def test_an_image_that_was_built_again_is_what_the_lock_says(world: World, labform: Terminal) -> None:
    """The builder's daemon has another one of the same recipe: that is what runs, and what a pin would keep."""
    labform("lock", "lab.yaml")
    tag = world.asked[0]
    place = tag.partition(":")[0]
    world.asked.clear()
    world.held, world.digest = {tag: [f"{place}@sha256:{'e' * 64}"]}, "e" * 64
    labform("lock", "lab.yaml")
    assert world.asked == [tag]
    assert {name: one.image[-1] for name, one in locked().items()} == {"one": "e", "two": "d"}
