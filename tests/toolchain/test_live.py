"""The stand-in against a real daemon: what no recording can show."""

import io
import os
import shutil
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest

from tests.toolchain.recorded import AbortedError, ask
from tests.warm import warm_sandbox
from toolchain.docker_plugin.provider import DockerProvider
from toolchain.docker_plugin.schema import CONTAINER, IMAGE, NETWORK, VOLUME
from toolchain.docker_plugin.server import Servicer

pytestmark = [
    pytest.mark.needs_docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

_CODE = bytes.fromhex("488b0424 4883f801 7509 b822000000 0f05 ebf7 31ff b83c000000 0f05")
"""x86-64: without arguments wait for ever, with arguments exit at once with code 0."""


def program() -> bytes:
    """Return a whole executable, so that no image is needed from anywhere."""
    start = 0x400000
    size = 64 + 56 + len(_CODE)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 0x1000)
    return identity + header + segment + _CODE


@pytest.fixture(scope="module", autouse=True)
def daemon() -> Iterator[None]:
    """The daemon that answers, else one of this run's own."""
    with warm_sandbox("plugin") as box, pytest.MonkeyPatch.context() as environment:
        for key, value in box.env.items():
            environment.setenv(key, value)
        yield


def builder() -> str:
    """The docker command line that builds images."""
    return os.environ.get("LABFORM_DOCKER_CLI", "docker")


@pytest.fixture(scope="module")
def client() -> Iterator[docker.APIClient]:
    """The daemon's own client."""
    client = docker.APIClient(base_url=os.environ["DOCKER_HOST"], version="auto")
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(client: docker.APIClient) -> Iterator[str]:
    """An image that holds one program."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("wait")
        member.size, member.mode = len(program()), 0o755
        archive.addfile(member, io.BytesIO(program()))
    name = f"plugin-live-{uuid4().hex[:8]}:1"
    client.import_image_from_data(packed.getvalue(), repository=name.partition(":")[0], tag="1")
    yield name
    client.remove_image(name, force=True)


@pytest.fixture
def servicer() -> Servicer:
    """The stand-in, configured for the daemon."""
    return configured(os.environ["DOCKER_HOST"])


def configured(host: str) -> Servicer:
    """Return a stand-in for a host."""
    servicer = Servicer([], "5.1.0", DockerProvider(lambda urn, line: None), "")
    ask(servicer, "Configure", {"args": {"host": host}})
    return servicer


class Resource:
    """One resource as the engine handles it: `Resource(servicer, VOLUME).up(name="x")`."""

    def __init__(self, servicer: Servicer, type_: str) -> None:
        self.servicer = servicer
        self.urn = f"urn:pulumi:dev::rec::{type_}::it"
        self.id = ""
        self.state: dict[str, Any] = {}

    def check(self, **inputs: Any) -> dict[str, Any]:
        """Return the completed inputs."""
        return dict(ask(self.servicer, "Check", {"urn": self.urn, "news": inputs})["inputs"])

    def up(self, **inputs: Any) -> None:
        """Create the resource."""
        self.inputs = self.check(**inputs)
        made = ask(self.servicer, "Create", {"urn": self.urn, "properties": self.inputs})
        self.id, self.state = made["id"], made["properties"]

    def _this(self) -> dict[str, Any]:
        """Return how calls name the resource."""
        return {"urn": self.urn, "id": self.id}

    def diff(self, **inputs: Any) -> dict[str, Any]:
        """Return the changes that other inputs would bring."""
        request = {**self._this(), "olds": self.state, "news": self.check(**inputs)}
        return dict(ask(self.servicer, "Diff", request).get("detailedDiff", {}))

    def edit(self, **inputs: Any) -> None:
        """Update the resource in place."""
        request = {**self._this(), "olds": self.state, "news": self.check(**inputs)}
        self.state = ask(self.servicer, "Update", request)["properties"]

    def refresh(self) -> None:
        """Read the resource back."""
        request = {**self._this(), "properties": self.state, "inputs": self.inputs}
        self.state = ask(self.servicer, "Read", request).get("properties", {})

    def down(self) -> None:
        """Delete the resource."""
        ask(self.servicer, "Delete", {**self._this(), "properties": self.state})


@pytest.fixture
def container(servicer: Servicer, client: docker.APIClient) -> Iterator[Resource]:
    """A container that is removed whatever happens."""
    resource = Resource(servicer, CONTAINER)
    yield resource
    for held in client.containers(all=True, filters={"name": "plugin-live-"}):
        client.remove_container(held["Id"], force=True)


def options(image: str, **more: Any) -> dict[str, Any]:
    """Return the inputs of a container with most of what is read back."""
    common = {
        "name": f"plugin-live-{uuid4().hex[:8]}",
        "image": image,
        "command": ["/wait"],
        "user": "1000:1000",
        "envs": ["B=2", "A=1"],
        "labels": [{"label": "b", "value": "2"}, {"label": "a", "value": "1"}],
        "healthcheck": {"tests": ["CMD", "/wait", "now"], "interval": "1s", "retries": 3},
        "wait": True,
        "mustRun": True,
        "memory": 64,
        "memorySwap": 64,
        "cpus": "0.5",
        "capabilities": {"drops": ["ALL"]},
        "securityOpts": ["no-new-privileges:true"],
        "tmpfs": {"/tmp": "rw,size=1m"},
        "uploads": [{"file": "/etc/hello.txt", "content": "hello"}],
        "ulimits": [{"name": "nofile", "soft": 64, "hard": 64}],
    }
    return common | more


def test_container_is_stable(container: Resource, client: docker.APIClient, image: str) -> None:
    """A new container runs, is healthy, and shows no change before or after a refresh."""
    inputs = options(image)
    container.up(**inputs)
    assert client.inspect_container(container.id)["State"]["Health"]["Status"] == "healthy"
    assert container.diff(**inputs) == {}
    container.refresh()
    assert container.diff(**inputs) == {}
    container.down()
    container.refresh()
    assert container.state == {}


def test_memory_is_changed_but_a_mount_is_not(
    container: Resource, client: docker.APIClient, image: str, tmp_path: Path
) -> None:
    """An edited limit reaches the container, an edited mount the state alone."""
    mount = {"type": "bind", "source": str(tmp_path), "target": "/data", "readOnly": True}
    inputs = options(image, mounts=[mount])
    container.up(**inputs)
    edited = inputs | {"memory": 80, "memorySwap": 80, "mounts": [mount | {"readOnly": False}]}
    changed = ("memory", "memorySwap", "mounts[0].readOnly")
    assert container.diff(**edited) == {path: {"kind": "UPDATE"} for path in changed}
    container.edit(**edited)
    found = client.inspect_container(container.id)
    assert found["HostConfig"]["Memory"] == 80 * 1024 * 1024
    assert found["HostConfig"]["Mounts"][0]["ReadOnly"] is True
    assert container.state["mounts"][0]["readOnly"] is False


def test_stopped_container_loses_its_ports(container: Resource, client: docker.APIClient, image: str) -> None:
    """A container that must run and was stopped by hand is to be replaced."""
    port = {"internal": 8888, "external": 0, "ip": "127.0.0.1", "protocol": "tcp"}
    inputs = options(image, ports=[port])
    container.up(**inputs)
    inputs["ports"][0]["external"] = container.state["ports"][0]["external"]
    client.stop(container.id, timeout=0)
    container.refresh()
    assert container.state["ports"] == []
    assert container.diff(**inputs) == {"mustRun": {"kind": "UPDATE"}, "ports": {"kind": "ADD_REPLACE"}}


def test_failed_start_leaves_the_container(container: Resource, client: docker.APIClient, image: str) -> None:
    """A container that can't start stays, created, and is in the state."""
    with pytest.raises(AbortedError, match="Unable to start container: Error response from daemon") as aborted:
        container.up(**options(image, command=["/missing"]))
    failure = aborted.value.init_failed()
    assert failure is not None
    assert client.inspect_container(failure.id)["State"]["Status"] == "created"


def test_name_taken_leaves_nothing(container: Resource, client: docker.APIClient, image: str) -> None:
    """A container whose name is taken is not made."""
    inputs = options(image)
    client.create_container(image, ["/wait"], name=inputs["name"])
    with pytest.raises(AbortedError, match="is already in use by container") as aborted:
        container.up(**inputs)
    assert aborted.value.init_failed() is None


def test_foreign_volume_is_taken_over(servicer: Servicer, client: docker.APIClient) -> None:
    """A volume that is there already is adopted, without the labels of the program."""
    name = f"plugin-live-{uuid4().hex[:8]}"
    client.create_volume(name)
    volume = Resource(servicer, VOLUME)
    volume.up(name=name, labels=[{"label": "a", "value": "1"}])
    assert volume.state["labels"] == []
    volume.down()
    volume.refresh()
    assert volume.state == {}


def test_network_is_stable(servicer: Servicer) -> None:
    """A network shows no change after a refresh, and goes."""
    network = Resource(servicer, NETWORK)
    inputs = {"name": f"plugin-live-{uuid4().hex[:8]}", "driver": "bridge", "internal": True}
    network.up(**inputs)
    network.refresh()
    assert network.diff(**inputs) == {}
    network.down()
    network.refresh()
    assert network.state == {}


def test_image_is_built(
    servicer: Servicer, client: docker.APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that is not pushed is known by its id."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG WHO\nLABEL who=$WHO\nCOPY hello /\n")
    (tmp_path / "hello").write_text("hello")
    image = Resource(servicer, IMAGE)
    name = f"plugin-live-{uuid4().hex[:8]}:1"
    image.up(imageName=name, skipPush=True, build={"context": ".", "args": {"WHO": "me"}})
    built = client.inspect_image(name)
    assert image.id == name
    assert image.state["repoDigest"] == built["Id"]
    assert built["Config"]["Labels"] == {"who": "me"}
    client.remove_image(name)


def test_ssh_reaches_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host behind ssh is reached by the command that Docker's own clients use."""
    stub = tmp_path / "ssh"
    stub.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\nexec {shutil.which(builder())} system dial-stdio\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    volume = Resource(configured("ssh://lab@gpu1:2222"), VOLUME)
    volume.up(name=f"plugin-live-{uuid4().hex[:8]}")
    volume.down()
    calls = (tmp_path / "calls").read_text().splitlines()
    assert set(calls) == {"-l lab -p 2222 -- gpu1 docker system dial-stdio"}
