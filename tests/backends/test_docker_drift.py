"""Containers, networks and volumes beside their registrations, as a daemon shows them."""

from dataclasses import replace
from typing import Any

import pytest
from labform.backends.docker.drift import container_drift, network_drift, others, volume_drift
from labform.backends.docker.inspected import inspected
from labform.backends.docker.observed import Observed, name_of
from labform.backends.drift import UNSHOWN, Facts
from labform.hosts import Host

from tests.labs import GPUS

HOST = Host.model_validate({"gpus": tuple(GPUS)})
TOKEN = f"hf_{'CANARY' * 5}"
LABELS = [{"label": "labform.lab", "value": "test"}, {"label": "labform.project", "value": "web"}]
INPUTS: dict[str, Any] = {
    "name": "test-web",
    "hostname": "web",
    "image": "registry.invalid/web@sha256:1",
    "user": "1:1",
    "command": ["serve"],
    "mustRun": True,
    "restart": "unless-stopped",
    "stopTimeout": 30.0,
    "cpus": "1.0",
    "memory": 1024.0,
    "memorySwap": 1024.0,
    "shmSize": 64.0,
    "ipcMode": "private",
    "logDriver": "json-file",
    "labels": LABELS,
    "envs": ["A=1"],
    "uploads": [{"file": "/etc/passwd", "content": "x"}],
}
IMAGE = {"Env": ["PATH=/bin"], "Labels": {"labform.recipe": "abc"}, "Volumes": {"/var/cache": {}}}


def container(**given: Any) -> dict[str, Any]:
    """`docker inspect` of the container as it was registered; `Config` and the like are replaced in part."""
    whole: dict[str, Any] = {
        "Name": "/test-web",
        "Id": "c" * 64,
        "Image": "sha256:1",
        "State": {"Status": "running", "Running": True},
        "Config": {
            "Hostname": "web",
            "Image": "registry.invalid/web@sha256:1",
            "User": "1:1",
            "Cmd": ["serve"],
            "Env": ["A=1", "PATH=/bin"],
            "Labels": {"labform.lab": "test", "labform.project": "web", "labform.recipe": "abc"},
            "StopTimeout": 30,
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {}},
            "NanoCpus": 10**9,
            "Memory": 1024**3,
            "MemorySwap": 1024**3,
            "ShmSize": 64 * 1024**2,
            "IpcMode": "private",
        },
        "Mounts": [],
        "NetworkSettings": {"Networks": {}},
    }
    return {key: value | given[key] if isinstance(value, dict) and key in given else given.get(key, value)
            for key, value in whole.items()}  # fmt: skip


def seen(*containers: dict[str, Any], **more: Any) -> Observed:
    """A host with these containers."""
    named = {one["Name"].lstrip("/"): one for one in containers}
    files = {name: {"/etc/passwd": "x"} for name in named}
    return Observed(named, {"sha256:1": IMAGE}, **{"files": files, "networks": {}, "volumes": {}, **more})


def drift(there: Observed, built: Facts | None = None) -> dict[str, tuple[str | None, str | None]] | str:
    """What differs of the one container, or what is said of it."""
    found = container_drift("local", HOST, INPUTS, built or {}, there)
    if found is None:
        return {}
    assert (found.subject, found.host, found.name) == ("web", "local", "test-web")
    return found.said or {one.what: (one.declared, one.running) for one in found.differences}


def test_a_container_as_it_was_registered_does_not_differ() -> None:
    """With what its image brings, a volume that the image asks for, and limits that the daemon sets."""
    anonymous = {"Type": "volume", "Name": "d" * 64, "Destination": "/var/cache", "RW": True}
    one = container(Mounts=[anonymous], HostConfig={"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}]})
    assert drift(seen(one), {("image", ""): INPUTS["image"], ("label", "labform.recipe"): "abc"}) == {}


@pytest.mark.parametrize(
    ("given", "what", "sides"),
    [
        ({"Config": {"Env": ["A=2", "PATH=/bin"]}}, "env A", ("1", "2")),
        ({"Config": {"Env": [f"A={TOKEN}", "PATH=/bin"]}}, "env A", ("1", UNSHOWN)),
        ({"Config": {"Env": ["A=1", "B=2", "PATH=/bin"]}}, "env B", (None, UNSHOWN)),
        ({"Config": {"User": "0"}}, "user", ("1:1", "0")),
        ({"Config": {"Tty": True}}, "terminal", (None, "yes")),
        ({"Config": {"Entrypoint": ["tini"]}}, "entrypoint", (None, "tini")),
        ({"Config": {"StopTimeout": None}}, "stop", ("within 30 s", "within 10 s")),
        ({"Config": {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9}}}, "healthcheck",
         ("none", "true (every 1 s, within 0 s, 0 times, after 0 s)")),
        ({"State": {"Status": "paused"}}, "state", ("running", "paused")),
        ({"State": {"Status": "exited"}}, "state", ("running", "exited")),
        ({"HostConfig": {"NanoCpus": 0, "CpuQuota": 50_000}}, "cpus", ("1", "0.5")),
        ({"HostConfig": {"Memory": 0}}, "memory", ("1Gi", "no limit")),
        ({"HostConfig": {"MemorySwap": -1}}, "memory and swap", ("1Gi", "no limit")),
        ({"HostConfig": {"Privileged": True}}, "privileged", (None, "yes")),
        ({"HostConfig": {"ExtraHosts": ["a:192.0.2.1", "b:192.0.2.2"]}}, "hosts",
         (None, "a:192.0.2.1, b:192.0.2.2")),
        ({"HostConfig": {"Sysctls": {"net.core.somaxconn": "50"}}}, "sysctls", (None, "net.core.somaxconn=50")),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "nvidia", "DeviceIDs": ["GPU-b"]}]}}, "gpus", (None, "GPU-b")),
        ({"HostConfig": {"Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse"}]}},
         "device /dev/fuse", (None, "/dev/fuse")),
        ({"HostConfig": {"Tmpfs": {"/tmp": ""}}}, "tmpfs /tmp", (None, "on")),
        ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}}, "port 80/tcp",
         (None, "0.0.0.0:8080")),
        ({"Mounts": [{"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": False}]}, "mount /data",
         (None, "bind /srv, read only")),
        ({"NetworkSettings": {"Networks": {"bridge": {"Aliases": ["cccccccccccc"]}}}}, "network bridge",
         (None, "attached")),
    ],
)  # fmt: skip
def test_what_differs_is_named(given: dict[str, Any], what: str, sides: tuple[str | None, str | None]) -> None:
    """One fact each, with both sides; a value that may be a secret is not shown."""
    assert drift(seen(container(**given))) == {what: sides}


def test_what_need_not_run_may_have_ended() -> None:
    """A run, and a service that an idle rule stops; paused is neither."""
    inputs = {**INPUTS, "mustRun": False}
    for status, found in (("exited", True), ("restarting", True), ("paused", False)):
        one = seen(container(State={"Status": status}))
        assert (container_drift("local", HOST, inputs, {}, one) is None) == found


def test_the_image_is_compared_as_far_as_it_is_known() -> None:
    """By digest, once the lock knows it; always by what it was built from."""
    built = {("image", ""): "registry.invalid/web@sha256:2", ("label", "labform.recipe"): "def"}
    assert drift(seen(container()), built) == {
        "image": ("registry.invalid/web@sha256:2", "registry.invalid/web@sha256:1"),
        "label labform.recipe": ("def", "abc"),
    }


def test_what_an_image_brought_is_unknown_once_it_is_gone() -> None:
    """And no difference then; what was registered still is."""
    gone = replace(seen(container(Config={"User": "0"})), images={})
    assert drift(gone) == {"user": ("1:1", "0")}


@pytest.mark.parametrize(
    ("content", "held", "sides"),
    [
        ("x", "y", ("as declared", "edited")),
        ("x", None, ("as declared", None)),
        ({"4dabf18193072939515e22adb298388d": "", "value": "[a]"}, None, ("a secret", None)),
    ],
)
def test_files_are_compared(content: Any, held: str | None, sides: tuple[str, str | None]) -> None:
    """Their content, but for secrets, of which nobody knows more than that they are there."""
    inputs = {**INPUTS, "uploads": [{"file": "/etc/passwd", "content": content}]}
    there = seen(container(), files={"test-web": {"/etc/passwd": held}})
    found = container_drift("local", HOST, inputs, {}, there)
    assert found
    assert [(one.what, one.declared, one.running) for one in found.differences] == [("file /etc/passwd", *sides)]


def test_a_renamed_container_is_still_found() -> None:
    """By its labels; one that has its name is taken first."""
    mine = container(Name="/mine")
    assert drift(seen(mine)) == {"name": ("test-web", "mine")}
    assert name_of(INPUTS, seen(mine, container()).containers) == "test-web"


def test_what_is_missing_or_foreign_is_said() -> None:
    """With what to do."""
    assert drift(seen()) == "is missing; run `pulumi up --refresh`"
    foreign = container(Config={"Labels": {"labform.lab": "other"}})
    said = "is not of lab test; remove or rename it, then run `pulumi up --refresh`"
    assert drift(seen(foreign)) == said


def test_containers_that_no_project_is_are_named() -> None:
    """The lab's own, not those of others."""
    there = seen(container(), container(Name="/stray"), container(Name="/other", Config={"Labels": {}}))
    (found,) = others("local", "test", ["test-web"], there)
    assert (found.subject, found.name) == ("container", "stray")
    assert found.said.startswith("is there, and no project of the lock is it; ")


def test_networks_and_volumes_are_compared() -> None:
    """Driver, options and labels; a volume that is gone held data."""
    inputs = {"name": "n", "driver": "bridge", "options": {"icc": "false"}, "labels": LABELS[:1]}
    as_made = {"Driver": "bridge", "Options": {"icc": "false"}, "Labels": {"labform.lab": "test"}}
    assert network_drift("local", inputs, seen(networks={"n": as_made})) is None
    found = network_drift("local", inputs, seen(networks={"n": {**as_made, "Options": {}}}))
    assert found
    assert [str(one.what) for one in found.differences] == ["option icc"]
    volume = {"name": "v", "labels": LABELS[:1]}
    assert volume_drift("local", volume, seen(volumes={"v": {**as_made, "Driver": "local", "Options": None}})) is None
    gone = volume_drift("local", volume, seen())
    assert gone
    assert gone.said.startswith("is missing; if it held data, restore it")


PODMAN = {
    "IpcMode": "shareable",
    "PidMode": "private",
    "UTSMode": "private",
    "PidsLimit": 2048,
    "LogConfig": {"Type": "json-file", "Config": None},
    "Ulimits": [{"Name": "RLIMIT_NOFILE", "Hard": 20000, "Soft": 20000}],
    "CapDrop": [
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    ],
}
"""What Podman 4.3 says of a container that has no capability."""
VOLUMES = [
    {"Type": "volume", "Name": "work", "Source": "/pods/work/_data", "Destination": "/workspace", "RW": True},
    {"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": False},
]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"State": {"Status": "stopped"}}, {"state": ("running", "exited")}),
        (
            {"HostConfig": {"CapDrop": PODMAN["CapDrop"][1:], "CapAdd": ["CAP_SYS_ADMIN"]}},
            {"capabilities added": (None, "SYS_ADMIN")},
        ),
        (
            {"HostConfig": {"CapDrop": []}},
            {
                "capabilities added": (
                    None,
                    (
                        "CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP, SETUID,"
                        " SYS_CHROOT"
                    ),
                )
            },
        ),
        ({"HostConfig": {"PidsLimit": 9, "PidMode": "host"}}, {"pid": (None, "host"), "processes": (None, "9")}),
        ({"Mounts": VOLUMES[:1]}, {"mount /data": ("bind /srv, read only", None)}),
        (
            {"Mounts": [{**VOLUMES[0], "Name": "other", "RW": False}, VOLUMES[1]]},
            {"mount /workspace": ("volume work", "volume other, read only")},
        ),
    ],
)
def test_podman_says_the_same_in_other_words(given: dict[str, Any], expected: Any) -> None:
    """Its volumes are mounts, what it fills in is nothing, and what differs is named as on Docker."""
    inputs = {key: value for key, value in INPUTS.items() if key not in ("logDriver", "ipcMode")}
    inputs["capabilities"] = {"drops": ["ALL"]}
    inputs["volumes"] = [
        {"containerPath": "/workspace", "volumeName": "work"},
        {"containerPath": "/data", "hostPath": "/srv", "readOnly": True},
    ]
    env = ["A=1", "PATH=/bin", "HOSTNAME=web", "TERM=xterm", "container=podman"]
    one = container(HostConfig=PODMAN, Config={"Env": env, "WorkingDir": "/"}, Mounts=VOLUMES)
    for key, value in given.items():
        one[key] = {**one[key], **value} if isinstance(value, dict) else value
    there = seen(one, files={"test-web": {"/etc/passwd": "x"}})
    host = HOST.model_copy(update={"engine": "podman", "gpus": ()})
    found = container_drift("local", host, inputs, {}, there)
    assert {each.what: (each.declared, each.running) for each in found.differences} if found else expected == {}


def test_a_secret_variable_is_only_there() -> None:
    """Declared as a secret, its value counts for nothing."""
    declared = {("state", ""): "running", ("env", "A"): "a secret"}
    assert inspected(container(), IMAGE, HOST, declared)["env", "A"] == "a secret"
