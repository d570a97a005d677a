"""What the stand-in does where nothing was recorded: refusals, credentials, addresses, units."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.fake_docker import FakeDocker
from tests.toolchain.recorded import AbortedError, ask
from toolchain.docker_plugin import durations, images
from toolchain.docker_plugin.check import with_defaults
from toolchain.docker_plugin.container_config import create_body
from toolchain.docker_plugin.daemon import Daemon
from toolchain.docker_plugin.plan import plan
from toolchain.docker_plugin.provider import DockerProvider
from toolchain.docker_plugin.schema import CONTAINER, CONTAINER_TABLE, IMAGE, VOLUME
from toolchain.docker_plugin.server import Servicer
from toolchain.docker_plugin.ssh import dial_command
from toolchain.docker_plugin.state import known
from toolchain.properties import UNKNOWN
from toolchain.provider_errors import PluginError

MINIMAL = {"name": "app", "image": "base:1", "restart": "no"}
"""The inputs of a container."""


@pytest.fixture
def servicer() -> Servicer:
    """A stand-in that is not configured, and so connected to nothing."""
    return Servicer([], "5.1.0", DockerProvider(lambda urn, line: None), "")


def check(servicer: Servicer, type_: str, **news: Any) -> dict[str, Any]:
    """Check inputs of a resource called `it`."""
    return ask(servicer, "Check", {"urn": f"urn:pulumi:dev::rec::{type_}::it", "news": news})


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"pidMode": "host"}, "pidMode"),
        ({"gpus": "all"}, "gpus"),
        ({"mounts": [{"type": "tmpfs", "target": "/t", "size": 1}]}, "mounts.size"),
    ],
)
def test_unknown_property_is_refused(servicer: Servicer, inputs: dict[str, Any], path: str) -> None:
    """A property outside the tables fails the check, by type and name, with what is accepted."""
    (failure,) = check(servicer, CONTAINER, **MINIMAL, **inputs)["failures"]
    assert failure["property"] == path
    assert CONTAINER in failure["reason"]
    assert f"the stand-in docker plugin does not know {path}; it accepts: " in failure["reason"]


def test_unknown_type_is_refused(servicer: Servicer) -> None:
    """A type that labform does not use fails by its name."""
    with pytest.raises(AbortedError, match="does not know docker:index/secret:Secret"):
        check(servicer, "docker:index/secret:Secret")


def test_unknown_provider_property_is_refused(servicer: Servicer) -> None:
    """A provider property outside the table fails the check."""
    request = {"urn": "urn:pulumi:dev::rec::pulumi:providers:docker::host", "news": {"certPath": "/c"}}
    (failure,) = ask(servicer, "CheckConfig", request)["failures"]
    assert failure["property"] == "certPath"


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"restart": "sometimes"}, "restart"),
        ({"cpuSet": "a"}, "cpuSet"),
        ({"mounts": [{"type": "nfs", "target": "/t"}]}, "mounts.type"),
        ({"mounts": [{"type": "bind"}]}, "mounts.target"),
        ({"uploads": [{"file": "/f", "content": "c", "permissions": "644"}]}, "uploads.permissions"),
    ],
)
def test_bad_value_is_refused(servicer: Servicer, inputs: dict[str, Any], path: str) -> None:
    """Missing properties and values outside their pattern fail the check."""
    (failure,) = check(servicer, CONTAINER, **{**MINIMAL, **inputs})["failures"]
    assert failure["property"] == path


def test_inputs_from_the_state_are_taken_as_they_are() -> None:
    """The engine gives those of `ignore_changes` back with their list of defaults; that stays what it was."""
    given = with_defaults({"name": "a", "capabilities": {"drops": ["ALL"]}}, CONTAINER_TABLE)
    assert with_defaults(given, CONTAINER_TABLE) == given
    assert given["capabilities"] == {"__defaults": [], "drops": ["ALL"]}


def test_unnamed_volume_gets_a_name(servicer: Servicer) -> None:
    """A resource without a name is named after its logical name, with a suffix."""
    inputs = check(servicer, VOLUME)["inputs"]
    assert inputs["name"].startswith("it-")
    assert inputs["__defaults"] == ["name"]


def test_preview_of_a_host_behind_ssh_connects_to_nothing(servicer: Servicer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure, check, diff and preview need no connection to a host behind ssh."""
    monkeypatch.setattr(Daemon, "ping", lambda _: pytest.fail("connected"))
    ask(servicer, "Configure", {"args": {"host": "ssh://lab@dead"}})
    urn = f"urn:pulumi:dev::rec::{VOLUME}::it"
    inputs = check(servicer, VOLUME, name="home")["inputs"]
    made = ask(servicer, "Create", {"urn": urn, "properties": inputs, "preview": True})
    assert made["properties"]["mountpoint"] == UNKNOWN


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_dead_local_host_fails_at_once(servicer: Servicer, host: str) -> None:
    """A daemon that does not answer fails the configuration, whatever the check says."""
    config = {"host": host, "disableDockerDaemonCheck": "true"}
    with pytest.raises(AbortedError, match=r"failed to connect to any docker daemon.*Error pinging Docker server"):
        ask(servicer, "Configure", {"args": config})


@pytest.fixture
def no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any daemon answer."""
    monkeypatch.setattr(Daemon, "ping", lambda _: FakeDocker())


def auth(**entry: Any) -> dict[str, Any]:
    """Return a provider configuration with credentials, as the SDK sends it."""
    return {"host": "unix:///s", "registryAuth": json.dumps([{"address": "127.0.0.1:5000", **entry}])}


@pytest.mark.usefixtures("no_daemon")
def test_credentials_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address alone stands for the caller's own Docker configuration."""
    secret = base64.b64encode(b"lab:sesame").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"127.0.0.1:5000": {"auth": secret}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    found = Daemon.configured(auth()).credentials_for("127.0.0.1:5000")
    assert found is not None
    assert (found["username"], found["password"]) == ("lab", "sesame")


@pytest.mark.usefixtures("no_daemon")
def test_credentials_file_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the caller's Docker configuration every operation fails."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    with pytest.raises(PluginError, match="could not open config file from filePath"):
        Daemon.configured(auth())


@pytest.mark.usefixtures("no_daemon")
def test_credentials_in_the_program() -> None:
    """Name and password, or the content of a file, can stand in the program."""
    content = json.dumps({"auths": {"127.0.0.1:5000": {"auth": base64.b64encode(b"a:b").decode()}}})
    assert Daemon.configured(auth(username="a", password="b")).credentials_for("127.0.0.1:5000")
    assert Daemon.configured(auth(authDisabled=True)).credentials_for("127.0.0.1:5000")
    assert not Daemon.configured(auth(username="a", password="b")).credentials_for("elsewhere")
    assert "username" in Daemon.configured(auth(configFileContent=content)).credentials["127.0.0.1:5000"]


@pytest.mark.parametrize(
    ("host", "options", "command"),
    [
        ("ssh://gpu1", [], "ssh -- gpu1 docker system dial-stdio"),
        ("ssh://a@gpu1:22", ["-i", "k"], "ssh -i k -l a -p 22 -- gpu1 docker system dial-stdio"),
        ("ssh://g/s.sock", [], "ssh -- g docker --host unix:///s.sock system dial-stdio"),
    ],
)
def test_dial_command(host: str, options: list[str], command: str) -> None:
    """The command to dial a host is that of Docker's own clients."""
    assert " ".join(dial_command(host, options)) == command


@pytest.mark.parametrize(
    ("text", "nanos", "written"),
    [
        ("30s", 30 * 10**9, "30s"),
        ("60s", 60 * 10**9, "1m0s"),
        ("1h0m1.5s", 3601 * 10**9 + 5 * 10**8, "1h0m1.5s"),
        ("250ms", 25 * 10**7, "250ms"),
        ("0s", 0, "0s"),
        ("soon", 0, "0s"),
    ],
)
def test_durations(text: str, nanos: int, written: str) -> None:
    """Durations are read and written as Go does."""
    assert durations.nanoseconds(text) == nanos
    assert durations.duration(nanos) == written


@pytest.mark.parametrize(("nanos", "text"), [(15 * 10**8, "1.5"), (2 * 10**9, "2.0"), (10**10, "10.")])
def test_cpus(nanos: int, text: str) -> None:
    """CPUs are written with the official plugin's quirk for round numbers."""
    assert durations.cpus(nanos) == text


def test_image_name_needs_a_registry() -> None:
    """An image that is pushed must name its registry, one that is not need not."""
    with pytest.raises(PluginError, match="repository name must be canonical"):
        images._registry({"imageName": "app:1"})
    assert images._registry({"imageName": "127.0.0.1:5000/app:1"}) == "127.0.0.1:5000"
    assert images._registry({"imageName": "app:1", "registry": {"server": "http://r:1/"}}) == "r:1"


def test_missing_dockerfile_is_explained(servicer: Servicer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Dockerfile that lies in the context is found for the user, not for the build."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").touch()
    with pytest.raises(AbortedError, match='Try setting `dockerfile` to "app/Dockerfile"'):
        check(servicer, IMAGE, imageName="r:1/a", build={"context": "./app", "dockerfile": "./Dockerfile"})


def test_container_body() -> None:
    """Rarely used options reach the daemon under its names."""
    inputs = MINIMAL | {
        "hosts": [{"host": "db", "ip": "10.0.0.1"}],
        "securityOpts": ["systempaths=unconfined"],
        "memorySwap": -1,
        "mounts": [
            {"type": "tmpfs", "target": "/t", "tmpfsOptions": {"sizeBytes": 9}},
            {"type": "bind", "target": "/b", "source": "/s", "bindOptions": {"propagation": "rslave"}},
            {"type": "volume", "target": "/v", "source": "v", "volumeOptions": {"noCopy": True}},
        ],
    }
    body = create_body(known(plan(None, inputs, CONTAINER_TABLE)))
    host = body["HostConfig"]
    assert host["ExtraHosts"] == ["db:10.0.0.1"]
    assert (host["SecurityOpt"], host["MaskedPaths"], host["ReadonlyPaths"]) == ([], [], [])
    assert host["MemorySwap"] == -1
    mounts = {mount["Target"]: mount for mount in host["Mounts"]}
    assert mounts["/t"]["TmpfsOptions"] == {"SizeBytes": 9, "Mode": 0}
    assert mounts["/b"]["BindOptions"] == {"Propagation": "rslave"}
    assert mounts["/v"]["VolumeOptions"]["NoCopy"] is True
