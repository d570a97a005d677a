"""A lab with `engine: buildkit`: the official plugin, a BuildKit daemon, a registry, an index that wants a login."""

import gzip
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import sandbox
import sandbox.builder
import toolchain
from sandbox.registry import Registry
from tests.engine.bench import PORTS, Bench
from tests.engine.private_index import PASSWORD, PrivateIndex, private_index

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"
)


@dataclass
class World:
    """A lab whose one project installs from the private index, deployed once by a builder that leaves its cache."""

    bench: Bench
    builder: sandbox.builder.Builder
    index: PrivateIndex
    registry: Registry
    said: list[str]
    """All that the engine and labform printed."""


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    """The engine, with the official docker-build plugin."""
    return toolchain.prepare(("docker-build",))


@pytest.fixture(scope="module")
def world(tmp_path_factory: Any, box: sandbox.Sandbox, tools: toolchain.Toolchain) -> Iterator[World]:
    """The lab after its first `up`."""
    folder: Path = tmp_path_factory.mktemp("buildkit")
    os.environ["BUILDX_CONFIG"] = str(folder / "buildx")
    builder = sandbox.builder.start(folder / "builder", registry=box.registry_address)
    with private_index(folder / "index", "alpha 1.0", "beta 2.0") as index:
        bench = made(folder / "lab", box, tools, builder)
        write(bench, index, "alpha==1.0")
        bench.write(described(bench))
        registry = Registry(box.registry_address, box.registry_password_file)
        bench.deployment.prepare()
        bench.deployment.pulumi("config", "set", "--secret", "index-logins", index.netrc, capture=True)
        first = bench.up()
        yield World(bench, builder, index, registry, [first.text])
        bench.close()
    sandbox.builder.remove(builder.root)
    del os.environ["BUILDX_CONFIG"]


def made(folder: Path, box: sandbox.Sandbox, tools: toolchain.Toolchain, builder: sandbox.builder.Builder) -> Bench:
    """A lab's folder whose images that builder makes."""
    bench = Bench(folder, box, tools, f"k{uuid.uuid4().hex[:6]}")
    bench.deployment = replace(bench.deployment, builder=builder.address)
    return bench


def write(bench: Bench, index: PrivateIndex, *requirements: str) -> None:
    """The projects' requirements, from the private index and channel."""
    folder = bench.project / "app"
    folder.mkdir(exist_ok=True)
    channel = f"channels: [{index.address}/conda]\ndependencies: [greeter]\n"
    (folder / "environment.yml").write_text(channel)
    (folder / "requirements.txt").write_text("\n".join([f"--index-url {index.address}/simple/", *requirements, ""]))


def described(bench: Bench, **builder: Any) -> dict[str, Any]:
    """The lab."""
    command = ["python", "-c", "import alpha, time; print(alpha.VERSION, flush=True); time.sleep(3600)"]
    secrets = {"netrc": {"from": "index-logins"}}
    return {
        "format": 1,
        "lab": bench.name,
        "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS}}},
        "builder": {"engine": "buildkit", "cache": "write", "secrets": secrets, **builder},
        "registry": {"address": "127.0.0.1:5000/k", "username": "labform", "password": {"from": "registry-password"}},
        "bases": {"python": {"image": "python:3.12-slim"}},
        "defaults": {"base": "python"},
        "people": {"anna": {"uid": 10042}},
        "projects": {
            "app": {
                "owner": "anna",
                "environment": {"kind": "pip", "directory": "../app"},
                "service": {"kind": "command", "command": command, "port": 8000},
            },
            "bio": {
                "owner": "anna",
                "environment": {"kind": "conda", "directory": "../app"},
                "run": {"command": ["greeter"]},
            },
        },
    }


def test_an_image_is_pushed_and_run_by_digest(world: World) -> None:
    """What runs is the registry's image by digest, and the lock says which recipe it came of."""
    image = world.bench.inspect("app")["Config"]["Image"]
    name, _, digest = image.partition("@")
    assert name == f"{world.registry.address}/k/app"
    with world.registry.session as session:
        assert session.get(world.registry.url(f"k/app/manifests/{digest}"), headers={"Accept": MANIFESTS}).ok
    assert world.bench.run("app", "python", "-c", "import alpha; print(alpha.VERSION)") == "1.0\n"
    world.bench.deployment.update_lock()
    assert image in world.bench.deployment.lock.read_text()


def test_nothing_changes_the_second_time(world: World) -> None:
    """`up`, `refresh`, `up`: no change; nor by another address for the same builder."""
    world.bench.settled()
    elsewhere = world.bench.moved(world.bench.project.parent / "elsewhere")
    elsewhere.deployment = replace(elsewhere.deployment, builder=f"{world.builder.address}?")
    assert elsewhere.preview().changed == {}


def test_a_preview_needs_no_builder_and_says_what_it_cannot_know(world: World) -> None:
    """With the builder stopped a preview shows the change and that the digest is unknown; `up` is one clear error."""
    write(world.bench, world.index, "alpha==1.0", "beta==2.0")
    sandbox.builder.stop(world.builder.root)
    world.bench.deployment.prepare()
    preview = world.bench.preview()
    assert f"image {world.registry.address}/k/app: BuildKit says its digest when it is built" in preview.text
    assert {*preview.changed} == {f"{kind} {world.bench.name}-app" for kind in ("Image", "Container")}, preview.text
    print(preview.text)
    failed = world.bench.up(ok=False)
    said = f"the builder: the BuildKit daemon at {world.builder.address} does not answer; start it, or correct builder."
    diagnostics = failed.text.partition("Diagnostics:")[2]
    assert (diagnostics.count(said), failed.changed, "Traceback" in failed.text) == (1, {}, False), failed.text
    sandbox.builder.start(world.builder.root, registry=world.registry.address)
    second = world.bench.up()
    world.said += [preview.text, failed.text, second.text]
    print(failed.text, second.text, world.said[0])
    assert second.changed[f"Image {world.bench.name}-app"] == "update"
    assert "BuildKit says" not in second.text
    assert world.bench.run("app", "python", "-c", "import beta; print(beta.VERSION)") == "2.0\n"


@pytest.fixture(scope="module")
def fresh(
    world: World, tmp_path_factory: Any, box: sandbox.Sandbox, tools: toolchain.Toolchain
) -> Iterator[tuple[Bench, World]]:
    """Another lab, deployed by a builder that has built nothing yet."""
    folder: Path = tmp_path_factory.mktemp("fresh")
    builder = sandbox.builder.start(folder / "builder", registry=box.registry_address)
    bench = made(folder / "lab", box, tools, builder)
    yield bench, world
    bench.close()
    sandbox.builder.remove(builder.root)


def test_a_fresh_builder_takes_what_another_has_built(fresh: tuple[Bench, World]) -> None:
    """With `cache: read` the same environment is made without asking the index for a package, to the same layers."""
    bench, world = fresh
    write(bench, world.index, "alpha==1.0", "beta==2.0")
    bench.write(described(bench, cache="read"))
    bench.deployment.prepare()
    bench.deployment.pulumi("config", "set", "--secret", "index-logins", world.index.netrc, capture=True)
    before = len(world.index.served)
    world.said.append(bench.up().text)
    assert world.index.served[before:] == []
    layers = [
        one.docker.images.get(one.inspect("app")["Image"]).attrs["RootFS"]["Layers"] for one in (bench, world.bench)
    ]
    assert layers[0] == layers[1]


def of_dockerfile(bench: Bench, text: str, **builder: Any) -> dict[str, Any]:
    """The lab with one project alone, whose Dockerfile is this."""
    (bench.project / "app" / "Dockerfile").write_text(text)
    lab = described(bench, cache="none", **builder)
    del lab["projects"]["bio"]
    lab["projects"]["app"]["environment"] = {"kind": "dockerfile", "directory": "../app"}
    lab["projects"]["app"]["service"]["command"] = ["sleep", "3600"]
    return lab


def test_heredocs_are_files_and_commands(fresh: tuple[Bench, World]) -> None:
    """Words in them that look like instructions are none: neither to labform, nor to the builder."""
    bench, _ = fresh
    copied = "COPY --chmod=644 <<EOF /srv/greeting\nFROM hello\nEOF\n"
    ran = "RUN <<EOF\nset -e\ntr a-z A-Z < /srv/greeting > /srv/loud\nEOF\n"
    bench.write(of_dockerfile(bench, f"FROM python:3.12-slim\n{copied}{ran}"))
    bench.up()
    assert bench.run("app", "cat", "/srv/loud") == "FROM HELLO\n"


def test_two_platforms_are_an_index_of_two_images(fresh: tuple[Bench, World]) -> None:
    """The digest that runs is an index's. No emulator is here: both images have the base's programs for linux/amd64."""
    bench, world = fresh
    text = "FROM python:3.12-slim\nCOPY requirements.txt /srv/\n"
    bench.write(of_dockerfile(bench, text, platforms=["linux/amd64", "linux/arm64"]))
    bench.up()
    digest = bench.inspect("app")["Config"]["Image"].partition("@")[2]
    with world.registry.session as session:
        found = session.get(world.registry.url(f"k/app/manifests/{digest}"), headers={"Accept": MANIFESTS}).json()
    platforms = sorted(f"{one['platform']['os']}/{one['platform']['architecture']}" for one in found["manifests"])
    assert platforms == ["linux/amd64", "linux/arm64"]
    assert bench.up().changed == {}


def test_a_build_secret_is_nowhere_but_in_the_build(world: World, box: sandbox.Sandbox) -> None:
    """The index gave its packages; its password is in no layer, history, cache, state, context or output."""
    assert {Path(path).suffix for path in world.index.served} >= {".whl", ".bz2"}
    blobs = [path.read_bytes() for path in box.registry_password_file.parent.glob("blobs/**/data")]
    texts = [gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob for blob in blobs]
    for package in (b"alpha-1.0.dist-info", b"greeter-1.0-0"):
        assert any(package in text for text in texts), "what is searched holds the packages"
    files = [path for path in world.bench.project.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    texts += [path.read_bytes() for path in files if ".venv" not in path.parts]
    texts += [world.bench.state().encode(), *(said.encode() for said in world.said)]
    assert not any(PASSWORD.encode() in text for text in texts)
