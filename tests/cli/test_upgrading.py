"""`labform lock` on a real registry and daemon: what was locked stays until `--upgrade`, and moves where asked."""

import contextlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from labform.backends.docker.debian import candidates
from labform.loading import load, read
from labform.lockfile import Lock, LockedApt, LockedBuild, LockedProject, write_lock
from labform.problems import LabformError
from labform.recipes import recipes_of
from labform.sources import cache

import sandbox
from tests.cli.conftest import Terminal
from tests.environments import debian_repository
from tests.environments.golden import write
from tests.labs import hosts, project

LAB = """\
format: 1
lab: unit
runs_on: {{kind: docker, hosts: {{local: {{}}}}}}
registry: {{address: "{registry}/unit"}}
bases:
  tools: {{environment: {{kind: dockerfile, directory: tools, apt: [labtool]}}}}
people: {{anna: {{uid: 10042}}}}
projects:
  one:
    owner: anna
    environment: {{kind: prebuilt, apt: [labtool], image: "{registry}/team/one:1"}}
    run: {{command: [a]}}
  two:
    owner: anna
    environment: {{kind: dockerfile, directory: two, base: tools, apt: [labtool]}}
    run: {{command: [a]}}
"""


class Registry:
    """A sandbox's registry with images of a Debian that has a package source of its own."""

    def __init__(self, box: sandbox.Sandbox) -> None:
        """Ask the sandbox's daemon."""
        self.box = box
        self.docker = docker.DockerClient(base_url=box.docker_host, timeout=120)

    @property
    def addresses(self) -> str:
        """Where the lab's host and builder are here."""
        return json.dumps({"builder": self.box.docker_host, "hosts": {"local": self.box.docker_host}})

    def push(self, name: str, version: str) -> str:
        """Push an image under a tag, whose source has one version of `labtool`; its digest."""
        tag, folder = f"{self.box.registry_address}/team/{name}:1", io.BytesIO()
        source = f"RUN rm -rf /etc/apt/sources.list* && echo '{debian_repository.SOURCE}' > /etc/apt/sources.list\n"
        text = f"FROM {self.box.base_reference}\nCOPY apt {debian_repository.PLACE}\n{source}"
        files = {"Dockerfile": text.encode(), **debian_repository.files([version], prefix="apt/")}
        with tarfile.open(fileobj=folder, mode="w") as archive:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        folder.seek(0)
        self.docker.images.build(fileobj=folder, custom_context=True, tag=tag, rm=True)
        password = self.box.registry_password_file.read_text().strip()
        login = {"username": self.box.registry_username, "password": password}
        self.docker.images.push(tag, auth_config=login)
        return str(self.docker.images.get(tag).attrs["RepoDigests"][-1]).rpartition(":")[2]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A daemon and a registry of these tests' own."""
    root = tmp_path_factory.mktemp("sandbox")
    made = Registry(sandbox.start(root, name=f"lock-{os.getpid()}"))
    yield made
    made.docker.close()
    sandbox.remove(root)


@pytest.mark.sandbox
def test_what_is_locked_stays_until_it_is_upgraded(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal
) -> None:
    """Tags that move and packages with another version change nothing; then one project's do, then all."""
    for key, value in registry.box.env.items():
        monkeypatch.setenv(key, value)
    address = registry.box.registry_address
    monkeypatch.chdir(tmp_path)
    for folder, text in (("tools", f"FROM {address}/team/two:1\n"), ("two", "ARG BASE\nFROM $BASE\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Dockerfile").write_text(text)
    (tmp_path / "lab.yaml").write_text(LAB.format(registry=address))
    words = ("lock", "lab.yaml", "--addresses", registry.addresses)
    first = {name: registry.push(name, "1.0") for name in ("one", "two")}

    assert labform(*words)[:2] == (0, "lab.lock: written\n")
    text = (tmp_path / "lab.lock").read_text()
    for name, digest in first.items():
        assert f"{address}/team/{name}:1: {address}/team/{name}@sha256:{digest}" in text
    for entry, image in (("one", "one"), ("two", "two"), ("bases/tools", "two")):
        assert f"  {entry}: {{image: '{address}/team/{image}:1', packages: {{labtool: '1.0'}}}}\n" in text
    before = {name: one.hash for name, one in load(Path("lab.yaml")).recipes.items()}
    assert "labtool=1.0" in load(Path("lab.yaml")).recipes["two"].bases["tools"].dockerfile

    second = {name: registry.push(name, "2.0") for name in ("one", "two")}
    assert {*first.values()}.isdisjoint(second.values())
    assert labform(*words)[:2] == (0, "lab.lock: up to date\n")
    assert labform(*words, "--offline")[:2] == (0, "lab.lock: up to date\n")
    assert {name: one.hash for name, one in load(Path("lab.yaml")).recipes.items()} == before

    code, out, _ = labform(*words, "--upgrade", "two")
    moved = f"  {address}/team/two:1: {first['two'][:12]} -> {second['two'][:12]}\n"
    apt = "  bases/tools: apt labtool 1.0 -> 2.0\n  two: apt labtool 1.0 -> 2.0\n"
    assert (code, out) == (0, f"lab.lock: written\n{moved}{apt}  the next `pulumi up` builds: two\n")
    after = {name: one.hash for name, one in load(Path("lab.yaml")).recipes.items()}
    assert [name for name in before if before[name] != after[name]] == ["two"]

    code, out, _ = labform(*words, "--upgrade")
    assert (code, "builds: one\n" in out, "two" in out) == (0, True, False)
    assert labform(*words, "--upgrade")[:2] == (0, "lab.lock: up to date\n")


@pytest.mark.sandbox
def test_a_package_that_a_source_lacks_is_named(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal
) -> None:
    """Each in a line, where it is named, with what to do; nothing is written."""
    for key, value in registry.box.env.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    address = registry.box.registry_address
    registry.push("one", "1.0")
    text = LAB.format(registry=address).replace("prebuilt, apt: [", "prebuilt, apt: [labtol, nope, ")
    alone = text[: text.index("bases:")] + text[text.index("people:") : text.index("  two:")]
    (tmp_path / "lab.yaml").write_text(alone)
    code, _, err = labform("lock", "lab.yaml", "--addresses", registry.addresses)
    hint = "correct the name, or write name=version if the image adds a source for it"
    assert (code, Path("lab.lock").exists()) == (1, False)
    assert err.splitlines() == [
        f"lab.yaml:9:{column}: error[no-apt-package] projects.one.environment.apt.{place}: the package sources of "
        f'{address}/team/one:1 have no "{name}"; {hint}'
        for place, name, column in ((0, "labtol", 41), (1, "nope", 49))
    ]


TAG, COMMIT, MOVED = "python:3.12-slim", "a1" * 20, "b2" * 20
DIGEST = f"python@sha256:{'b' * 64}"
GIT = {"kind": "dockerfile", "git": "https://git.invalid/team.git", "commit": "main", "apt": ["git"]}


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a lab in the working directory that was locked and built elsewhere: nothing is fetched on this machine.

    Its registry has another digest for the tag, its branch another commit, its package sources another version.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def fetched(_: Any, commit: str) -> None:
        """What a repository has at a commit."""
        write(cache() / commit, {"Dockerfile": f"FROM {TAG}\n"})

    for name, stand_in in {
        "cli.fetching.fetch": fetched,
        "cli.resolving.connected": lambda *_, **__: contextlib.nullcontext(),
        "cli.resolving.registry_digest": lambda *_: DIGEST.replace("b", "c"),
        "cli.resolving.debian_versions": lambda _, __, packages, **___: dict.fromkeys(packages, "2"),
        "cli.resolving.resolve": lambda _: MOVED,
        "cli.locking.looked": lambda draft: (draft.lock, {}),
        "cli.locking.with_builds": lambda draft, *_: draft.lock,
    }.items():
        monkeypatch.setattr(f"labform.{name}", stand_in)

    def make(**projects: Any) -> None:
        """The lab, with a lock that has all that these projects need, and what was built of them."""
        gpu1 = {"address": "ssh://lab@gpu1.invalid"}
        sections = {"format": 1, "lab": "unit", "runs_on": hosts(gpu1=gpu1), "people": {"anna": {"uid": 10042}}}
        registry = {"address": "registry.invalid/unit"}
        Path("lab.yaml").write_text(yaml.safe_dump({**sections, "registry": registry, "projects": projects}))
        fetched(None, COMMIT)
        lock = Lock(lab="unit", images={TAG: DIGEST})
        if projects["two"]["environment"] == GIT:
            apt = {"two": LockedApt(image=TAG, packages={"git": "1"})}
            lock = lock.model_copy(update={"sources": {f"{GIT['git']}#main": COMMIT}, "apt": apt})
        write_lock(Path("lab.lock"), lock)
        places = {name: LockedProject(host="gpu1") for name in projects}
        image, made = f"registry.invalid/unit/x@sha256:{'d' * 64}", recipes_of(read(Path("lab.yaml"))).recipes
        builds = {name: LockedBuild(recipe=one.hash, image=image) for name, one in made.items()}
        write_lock(Path("lab.lock"), lock.model_copy(update={"projects": places, "builds": builds}))
        load(Path("lab.yaml"))
        shutil.rmtree(cache())

    return make


def test_an_upgrade_on_a_fresh_clone_is_one(fresh: Callable[..., None], labform: Terminal) -> None:
    """Nothing was fetched there, and what a project needs is known all the same."""
    fresh(two=project(environment=GIT))
    code, out, _ = labform("lock", "lab.yaml", "--upgrade")
    assert (code, out.count(" -> ")) == (0, 3)
    lock = load(Path("lab.yaml")).lock
    assert (lock.images[TAG], *lock.sources.values()) == (DIGEST.replace("b", "c"), MOVED)


def test_an_upgrade_on_a_fresh_clone_breaks_no_pin(fresh: Callable[..., None], labform: Terminal) -> None:
    """What the pinned project's commit stands on is kept for it, and everything that is kept is said."""
    fresh(two=project(environment=GIT, pinned=True), one=project(environment={"kind": "prebuilt", "image": TAG}))
    before = Path("lab.lock").read_text()
    code, out, _ = labform("lock", "lab.yaml", "--upgrade")
    kept = (TAG, f"{GIT['git']}#main", "apt of two")
    assert (code, out) == (0, "lab.lock: up to date\n" + "".join(f"  {one}: kept, two is pinned\n" for one in kept))
    assert Path("lab.lock").read_text() == before
    load(Path("lab.yaml"))


def test_an_upgrade_that_cannot_tell_what_a_pin_needs_is_refused(
    fresh: Callable[..., None], labform: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its repository is gone: nothing is written."""

    def gone(*_: Any) -> None:
        """Nothing can be had."""
        raise LabformError("error[git] gone")

    fresh(two=project(environment=GIT, pinned=True), one=project(environment={"kind": "prebuilt", "image": TAG}))
    monkeypatch.setattr("labform.cli.fetching.fetch", gone)
    before = Path("lab.lock").read_text()
    code, _, err = labform("lock", "lab.yaml", "--upgrade")
    assert (code, err.count("error[not-fetched]"), Path("lab.lock").read_text()) == (1, 1, before)


def test_a_retired_project_that_is_pinned_can_come_back(fresh: Callable[..., None], labform: Terminal) -> None:
    """Its tag is kept, though others that run stand on it too."""
    one, two = (project(environment={"kind": "prebuilt", "image": TAG}) for _ in range(2))
    fresh(one=one, two={**two, "pinned": True})
    path = Path("lab.yaml")
    path.write_text(path.read_text().replace("pinned: true", "pinned: true\n    state: retired"))
    code, out, _ = labform("lock", "lab.yaml", "--upgrade")
    assert (code, out) == (0, f"lab.lock: written\n  {TAG}: kept, two is pinned\n")
    path.write_text(path.read_text().replace("    state: retired\n", ""))
    assert labform("lock", "lab.yaml", "--offline")[0] == 0
    load(path)


POLICY = """\
labtool:
  Installed: (none)
  Candidate: 2.0
  Version table:
     2.0 500
        500 file:/srv/apt ./ Packages
libc6:
  Installed: 2.36-9+deb12u10
  Candidate: 2.36-9+deb12u13
  Version table:
awk:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_a_candidate_is_what_apt_would_install() -> None:
    """Of a package that is there already too; a virtual one has none."""
    assert candidates(POLICY) == {"labtool": "2.0", "libc6": "2.36-9+deb12u13"}
