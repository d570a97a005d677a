"""A lab on two hosts, one with Podman, one with Docker, and images that Buildah made."""

import copy
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest
import requests

import sandbox
from sandbox import podman
from tests.engine.bench import FIRST_PORT, Bench, until
from tests.engine.drift import drift
from tests.engine.test_preview import apart
from tests.engine.test_verbs import labform

SERVE = ["python3", "-m", "http.server", "8000", "--directory", "/workspace"]
HEALTH = ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000')"]
ASK = "import socket, sys; socket.create_connection((sys.argv[1], 8000), timeout=2)"
CONTAINERFILE = "FROM {base}\nRUN echo made > /made\nUSER 1000\n"


@dataclass(frozen=True)
class Pod:
    """The Podman of these tests, a client of it, and an image that Buildah pushed: by tag and by digest."""

    podman: podman.Podman
    client: docker.DockerClient
    tag: str
    digest: str


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, box: sandbox.Sandbox) -> Iterator[Pod]:
    """A Podman of these tests' own."""
    root, folder = tmp_path_factory.mktemp("pod"), tmp_path_factory.mktemp("containerfile")
    started = podman.start(root, registry=box)
    (folder / "Containerfile").write_text(CONTAINERFILE.format(base=box.base_reference))
    tag, note = f"{box.registry_address}/buildah/made:1", folder / "digest"
    podman.buildah(started, "bud", "--tag", tag, str(folder))
    podman.buildah(started, "push", "--digestfile", str(note), tag)
    client = docker.DockerClient(base_url=started.address, timeout=60)
    yield Pod(started, client, tag, f"{tag.removesuffix(':1')}@{note.read_text().strip()}")
    client.close()
    podman.remove(root)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any, pod: Pod) -> Iterator[Bench]:
    """A lab on both hosts, up."""
    bench = Bench(tmp_path_factory.mktemp("two"), box, tools, f"p{uuid.uuid4().hex[:6]}")
    apart(bench, {"pod": pod.podman.address})
    bench.write(declared(bench, pod))
    bench.deployment.prepare()
    for key in ("file", "env"):
        bench.deployment.pulumi("config", "set", "--secret", key, capture=True, input=f"canary-{key}")
    bench.up()
    bench.deployment.update_lock()
    bench.docker.close()
    bench.docker = pod.client
    yield bench
    bench.docker = docker.DockerClient(base_url=box.docker_host, timeout=60)
    bench.close()


def declared(bench: Bench, pod: Pod) -> dict[str, Any]:
    """A service with all that a container can have, an image of Buildah's on each host, and a run."""
    directory = bench.project.parent / "shared"
    directory.mkdir(exist_ok=True)
    (directory / "given").write_text("given\n")
    hosts = {
        "near": {"ports": f"{FIRST_PORT}-{FIRST_PORT + 9}"},
        "pod": {"engine": "podman", "ports": f"{FIRST_PORT + 10}-{FIRST_PORT + 19}", "host_paths": [str(directory)]},
    }
    web = {
        "mounts": {"work": "/workspace", "shared": "/shared"},
        "resources": {"cpus": 1.5, "memory": "512Mi", "shared_memory": "96Mi"},
        "service": {"kind": "command", "command": SERVE, "port": 8000, "health": HEALTH},
        "secrets": {"BY_FILE": {"from": "file"}, "BY_ENV": {"from": "env", "as": "env"}},
        "env": {"PLAIN": "1"},
    }
    return {
        "format": 1,
        "lab": bench.name,
        "runs_on": {"kind": "docker", "hosts": hosts},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "people": {"anna": {"uid": 10042}},
        "volumes": {
            "work": {"owner": "anna", "host": "pod"},
            "results": {"owner": "anna", "host": "pod"},
            "shared": {"host": "pod", "path": str(directory), "read_only": True},
        },
        "projects": {
            "web": project("pod", "python:3.12-slim", **web),
            "beside": project("pod", pod.tag, service=idle()),
            "there": project("near", pod.digest, service=idle()),
            "job": project("pod", pod.digest, mounts={"results": "/out"}, run={"command": ["cp", "/made", "/out"]}),
        },
    }


def idle() -> dict[str, Any]:
    """A service that does nothing."""
    return {"kind": "command", "command": ["sleep", "infinity"]}


def project(host: str, image: str, **more: Any) -> dict[str, Any]:
    """A project of anna's on a host."""
    return {"owner": "anna", "host": host, "environment": {"kind": "prebuilt", "image": image}, **more}


def test_it_stays_as_it_is(two: Bench) -> None:
    """`up`, `refresh` and `up` change nothing, though Podman reports much in other words."""
    two.settled()


def test_nothing_differs_from_what_is_declared(two: Bench) -> None:
    """By `labform diff`, on both hosts, though Podman reports much in other words; another mount would be named."""
    assert drift(two) == {}
    before = two.lab
    lab = copy.deepcopy(before)
    lab["projects"]["web"]["mounts"] = {"results": "/workspace", "shared": "/shared"}
    two.write(lab)
    mount = (f"volume {two.name}-results", f"volume {two.name}-work")
    assert drift(two) == {f"{two.name}-web": {"mount /workspace": mount}}
    two.write(before)


def test_the_service_has_what_is_declared(two: Bench) -> None:
    """Health, user, data, read-only data, secrets, shared memory, limits, no capability, name."""
    found = two.inspect("web")
    assert found["State"]["Health"]["Status"] == "healthy"
    assert (found["HostConfig"]["Memory"], found["HostConfig"]["NanoCpus"]) == (512 * 1024**2, 1_500_000_000)
    assert two.run("web", "sh", "-c", "whoami; id -u; id -g; hostname") == "anna\n10042\n10042\nweb\n"
    assert two.run("web", "sh", "-c", "cat /run/secrets/BY_FILE; printenv BY_ENV PLAIN") == "canary-filecanary-env\n1\n"
    assert two.run("web", "cat", "/shared/given") == "given\n"
    assert two.docker.containers.get(f"{two.name}-web").exec_run(["touch", "/shared/x"]).exit_code == 1
    assert two.run("web", "sh", "-c", "df -m /dev/shm | awk 'END {print $2}'") == "96\n"
    status = dict(
        line.split(":\t") for line in two.run("web", "cat", "/proc/self/status").splitlines() if ":\t" in line
    )
    assert (int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, "1")
    (port,) = found["NetworkSettings"]["Ports"]["8000/tcp"]
    assert port["HostIp"] == "127.0.0.1"
    assert requests.get(f"http://127.0.0.1:{port['HostPort']}", timeout=10).ok
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_neighbours_are_kept_apart(two: Bench) -> None:
    """Each project has a network of its own, in which another's name means nothing."""
    web, beside = two.inspect("web"), two.docker.containers.get(f"{two.name}-beside")
    (network,) = web["NetworkSettings"]["Networks"]
    assert network == f"labform-{two.name}.web"
    assert two.run("web", "python3", "-c", ASK, "web") == ""
    assert beside.exec_run(["python3", "-c", ASK, "web"]).exit_code == 1


def test_images_of_buildah_run_on_both(two: Bench, pod: Pod, box: sandbox.Sandbox) -> None:
    """By tag, which the lock holds by digest, and by digest; for any uid, though they name another user."""
    assert pod.digest.partition("@")[2] in two.deployment.lock.read_text()
    near = docker.DockerClient(base_url=box.docker_host, timeout=60)
    for client, name in ((pod.client, "beside"), (near, "there")):
        container = client.containers.get(f"{two.name}-{name}")
        assert f"/t/{name}@sha256:" in container.attrs["Config"]["Image"]
        said = container.exec_run(["sh", "-c", "cat /made; whoami; id -u; touch $HOME/x && echo writes"]).output
        assert said.decode() == "made\nanna\n10042\nwrites\n"
    near.close()
    until(lambda: two.inspect("job")["State"]["Status"] in ("exited", "stopped"), "the run ends")
    assert two.inspect("job")["State"]["ExitCode"] == 0


def test_the_daily_commands_work(two: Bench) -> None:
    """`status`, `volumes`, `logs`, `shell`: Podman's socket answers them."""
    rows = {row["project"]: row["state"] for row in json.loads(labform(two, "status", "--json").stdout)}
    assert rows == {"web": "healthy", "beside": "running", "there": "running", "job": "done"}
    assert '"GET / HTTP/1.1" 200' in labform(two, "logs", "web").stdout
    done = labform(two, "shell", "web", "--", "sh", "-c", "id -u; cat; exit 7", input="typed")
    assert (done.stdout, done.returncode) == ("10042\ntyped", 7), done.stderr


def test_device_requests_are_ignored_by_podman_4(pod: Pod, box: sandbox.Sandbox) -> None:
    """Why GPUs of such a host are refused: a device that does not exist is asked for, and nobody minds."""
    asked = [docker.types.DeviceRequest(driver="cdi", device_ids=["nvidia.com/gpu=nobody"])]
    image = pod.client.images.list()[0].id
    done = pod.client.containers.run(image, ["echo", "started"], device_requests=asked, remove=True)
    assert done == b"started\n"


def test_an_edit_keeps_data_and_what_is_not_edited(two: Bench, pod: Pod) -> None:
    """A moved mount makes another container, which finds its files; a retired project goes; others stay."""
    two.run("web", "sh", "-c", "echo kept > /workspace/file")
    before, web = two.inspect("job")["Id"], two.inspect("web")["Id"]
    lab = copy.deepcopy(two.lab)
    lab["projects"]["web"]["mounts"]["work"] = "/data"
    lab["projects"]["beside"]["state"] = "retired"
    two.write(lab)
    assert {key for key in two.up().changed if key.startswith("Container")} == {
        f"Container {two.name}-web",
        f"Container {two.name}-beside",
    }
    assert two.run("web", "cat", "/data/file") == "kept\n"
    assert (two.inspect("web")["Id"] == web, two.inspect("job")["Id"]) == (False, before)
    assert f"labform-{two.name}.beside" not in [one.name for one in pod.client.networks.list()]


def test_another_engine_than_declared_is_refused(two: Bench) -> None:
    """Before anything is made or replaced, with the line to write."""
    before = two.inspect("web")["Id"]
    lab = copy.deepcopy(two.lab)
    del lab["runs_on"]["hosts"]["pod"]["engine"]
    two.write(lab)
    said = two.refused()
    assert "is Podman 4.3.1; write engine: podman under runs_on.hosts.pod, or correct its address" in said
    assert two.inspect("web")["Id"] == before


def test_foreign_volumes_and_orphans(two: Bench) -> None:
    """A volume of somebody else's stops the `up`; a container of the lab's own that no state knows is removed."""
    lab = copy.deepcopy(two.lab)
    lab["runs_on"]["hosts"]["pod"]["engine"] = "podman"
    lab["volumes"]["more"] = {"owner": "anna", "host": "pod"}
    two.write(lab)
    foreign = two.docker.volumes.create(f"{two.name}-more", labels={"of": "somebody"})
    assert f"pod has a volume {two.name}-more that is not of lab {two.name}" in two.refused()
    foreign.remove()
    urn = next(one["urn"] for one in two.resources() if one["urn"].endswith(f"Container::{two.name}-web"))
    two.deployment.pulumi("state", "delete", urn, "--yes", "--force", capture=True)
    orphan = two.inspect("web")["Id"]
    two.up()
    assert two.inspect("web")["Id"] != orphan
    assert two.run("web", "cat", "/data/file") == "kept\n"
