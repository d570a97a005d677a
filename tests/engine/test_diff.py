"""`labform diff` on a lab that runs: nothing right after `up`, and each thing changed by hand, by its name."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker.types import Mount

from tests.engine.bench import PORTS, Bench
from tests.engine.drift import Facts, drift

SECRET = "sesame-zebra"
IMAGE = {"kind": "prebuilt", "image": "python:3.12-slim"}
TOKEN = f"hf_{'CANARY' * 5}"
GPUS = [{"uuid": "GPU-a", "model": "A100-40GB"}, {"uuid": "GPU-b", "model": "A100-40GB"}]
HIDDEN = "a value that is not shown"


def project(**more: Any) -> dict[str, Any]:
    """A service, or what is given."""
    serve = {"kind": "command", "command": ["python3", "-m", "http.server", "8000"]}
    return {"owner": "anna", "environment": {**IMAGE}, **({} if "run" in more else {"service": serve}), **more}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """A lab with a service of every part that is compared, one to lose, one that may stop, and a run."""
    made = Bench(tmp_path_factory.mktemp("diff"), box, tools, "diff")
    web = project(
        gpus=1,
        mounts={"work": "/workspace"},
        env={"A": "1"},
        secrets={"TOKEN": {"from": "first", "as": "env"}, "KEY": {"from": "first"}},
        capabilities=["SYS_NICE"],
    )
    web["service"] |= {"port": 8000, "health": ["true"]}
    made.write(
        {
            "format": 1,
            "lab": made.name,
            "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS, "gpus": GPUS}}},
            "registry": {
                "address": "127.0.0.1:5000/t",
                "username": "labform",
                "password": {"from": "registry-password"},
            },
            "people": {"anna": {"uid": 10042}},
            "volumes": {"work": {"owner": "anna"}, "spare": {"owner": "anna"}},
            "projects": {
                "web": web,
                "lost": project(),
                "idle": project(must_run=False),
                "done": project(run={"command": ["true"]}),
            },
        }
    )
    made.deployment.prepare()
    made.deployment.pulumi("config", "set", "--secret", "first", capture=True, input=SECRET)
    made.up()
    yield made
    made.close()


def diff(bench: Bench, *words: str) -> subprocess.CompletedProcess[str]:
    """The command on the lab."""
    given = ("--addresses", json.dumps(bench.deployment.addresses))
    done = bench.deployment.labform("diff", *words, *given, check=False, capture=True)
    assert SECRET not in done.stdout + done.stderr
    return done


def test_nothing_differs_right_after_up(up: Bench) -> None:
    """Whatever is declared; also once the lock knows the digests, and where what need not run was stopped."""
    up.docker.containers.get("diff-idle").stop(timeout=1)
    before = diff(up, "--check")
    up.deployment.update_lock()
    after = diff(up, "--check")
    said = "4 projects are as declared, also where `pulumi refresh` does not look\n"
    assert [(one.returncode, one.stdout, one.stderr) for one in (before, after)] == [(0, said, "")] * 2


CHANGES: dict[str, tuple[Callable[[Any], Any], Facts]] = {
    "limits": (
        lambda one: one.update(mem_limit="1g", memswap_limit="3g"),
        {"memory": ("2Gi", "1Gi"), "memory and swap": ("2Gi", "3Gi")},
    ),
    "weight": (lambda one: one.update(cpu_shares=7), {"cpu shares": (None, "7")}),
    "policy": (
        lambda one: one.update(restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}),
        {"restart": ("unless-stopped", "on-failure, 2 times")},
    ),
    "connected": (
        lambda one: one.client.networks.get("bridge").connect(one),
        {"network bridge": (None, "attached")},
    ),
    "disconnected": (
        lambda one: one.client.networks.get("labform-diff").disconnect(one),
        {"network labform-diff": ("as web", None)},
    ),
    "file": (
        lambda one: one.exec_run(["sh", "-c", "echo x >> /etc/gitconfig"], user="0"),
        {"file /etc/gitconfig": ("as declared", "edited")},
    ),
    "secret": (
        lambda one: one.exec_run(["rm", "/run/secrets/KEY"], user="0"),
        {"file /run/secrets/KEY": ("a secret", None)},
    ),
    "renamed": (lambda one: one.rename("diff-mine"), {"name": ("diff-web", "diff-mine")}),
    "stopped": (lambda one: one.stop(timeout=1), {"state": ("running", "exited")}),
}
"""What is done to one container, one thing after the other, and what is then said of it."""


def test_what_was_changed_by_hand_is_named(up: Bench) -> None:
    """Each change by its name, with both sides, and nothing else."""
    one = up.docker.containers.get("diff-web")
    expected: Facts = {}
    for what, (change, facts) in CHANGES.items():
        change(one)
        expected |= facts
        assert drift(up, "web") == {"diff-web": expected}, what


def test_a_container_made_by_hand_is_compared_in_full(up: Bench) -> None:
    """Under the same name: also what the provider never reads back, and what labform sets in no container."""
    old = up.docker.containers.get("diff-lost")
    image = old.attrs["Config"]["Image"]
    old.remove(force=True)
    up.docker.containers.create(
        image,
        ["sleep", "1d"],
        name="diff-lost",
        labels={"labform.lab": "diff", "labform.project": "lost", "labform.owner": "ben", "more": "1"},
        environment=["A=2", f"TOKEN={SECRET}", f"HOME={TOKEN}", "PATH=/bin"],
        mounts=[Mount("/data", "diff-spare", read_only=True), Mount("/host", "/srv", type="bind")],
        tmpfs={"/scratch": "size=1m"},
        ports={"80/tcp": ("127.0.0.1", 9)},
        nano_cpus=500_000_000,
        shm_size="1m",
        user="0",
        cap_add=["NET_ADMIN"],
        security_opt=["seccomp=unconfined"],
        privileged=True,
        healthcheck={"test": ["CMD", "false"], "interval": 10**9, "timeout": 10**9, "retries": 2},
        device_requests=[{"Driver": "nvidia", "DeviceIDs": ["GPU-b"], "Capabilities": [["gpu"]]}],
        devices=["/dev/null:/dev/mine"],
        pids_limit=9,
        pid_mode="host",
        dns=["192.0.2.1"],
    )
    found = drift(up, "lost")["diff-lost"]
    assert isinstance(found, dict)
    assert not [value for value in (SECRET, TOKEN) if value in repr(found)]
    # Twelve random digits that nobody can know.
    assert found.pop("hostname")[0] == "lost"
    assert found == {
        "capabilities added": (None, "NET_ADMIN"),
        "capabilities dropped": ("ALL", None),
        "command": ("python3 -m http.server 8000", "sleep 1d"),
        "cpus": ("1", "0.5"),
        "device /dev/null": (None, "/dev/mine"),
        "dns": (None, "192.0.2.1"),
        "env A": (None, HIDDEN),
        "env HOME": ("/home/lab", HIDDEN),
        "env LOGNAME": ("anna", None),
        "env NVIDIA_VISIBLE_DEVICES": ("void", None),
        "env PATH": (found["env PATH"][0], "/bin"),
        "env TOKEN": (None, HIDDEN),
        "env USER": ("anna", None),
        "file /etc/gitconfig": ("as declared", None),
        "file /etc/group": ("as declared", "edited"),
        "file /etc/passwd": ("as declared", "edited"),
        "gpus": (None, "GPU-b"),
        "healthcheck": ("none", "false (every 1 s, within 1 s, 2 times, after 0 s)"),
        "init": ("yes", None),
        "label labform.owner": ("anna", "ben"),
        "label more": (None, "1"),
        "memory": ("2Gi", "no limit"),
        "memory and swap": ("2Gi", "no limit"),
        "mount /data": (None, "volume diff-spare, read only"),
        "mount /host": (None, "bind /srv"),
        "network bridge": (None, "attached"),
        "network labform-diff": ("as lost", None),
        "pid": (None, "host"),
        "port 80/tcp": (None, "127.0.0.1:9"),
        "privileged": (None, "yes"),
        "processes": (None, "9"),
        "restart": ("unless-stopped", "no"),
        "security options": ("no-new-privileges:true", "label=disable, seccomp=unconfined"),
        "shared memory": ("64Mi", "1Mi"),
        "state": ("running", "created"),
        "stop": ("within 30 s", "within 10 s"),
        "tmpfs /scratch": (None, "size=1m"),
        "user": ("10042:10042", "0"),
    }


def test_one_command_puts_containers_back(up: Bench) -> None:
    """The command that is printed, also where a refresh would see nothing; a stopped one that was renamed too."""
    done = diff(up)
    (said,) = (line for line in done.stdout.splitlines() if line.startswith("to make a container anew"))
    assert said.endswith("pulumi up --replace '**Container::diff-lost' --replace '**Container::diff-web'")
    assert done.returncode == 0
    up.up("--replace", "**Container::diff-lost", "--replace", "**Container::diff-web", lock=False)
    assert drift(up) == {}


def test_an_image_that_was_not_declared_is_named(up: Bench) -> None:
    """An edit that no `up` has brought yet: what was built, and what would be."""
    before = up.lab
    up.write({**before, "projects": {**before["projects"], "web": {**before["projects"]["web"], "env": {"A": "9"}}}})
    assert drift(up) == {"diff-web": {"env A": ("9", "1")}}
    up.write(
        {
            **before,
            "projects": {**before["projects"], "lost": {**project(), "environment": {**IMAGE, "env": {"B": "1"}}}},
        }
    )
    found = drift(up)
    assert list(found) == ["diff-lost"]
    assert list(found["diff-lost"]) == ["label labform.recipe"]
    up.write(before)


def test_what_is_gone_or_foreign_is_said(up: Bench) -> None:
    """Missing, of somebody else, of no project; a network and a volume that somebody made otherwise, or removed."""
    docker = up.docker
    image = docker.containers.get("diff-web").attrs["Config"]["Image"]
    for name in ("diff-web", "diff-lost", "diff-idle", "diff-done"):
        docker.containers.get(name).remove(force=True)
    docker.containers.create(image, name="diff-lost")
    docker.containers.create(image, name="stray", labels={"labform.lab": "diff"})
    docker.networks.get("labform-diff").remove()
    docker.networks.create("labform-diff", labels={"labform.lab": "diff"})
    docker.volumes.get("diff-spare").remove()
    docker.volumes.get("diff-work").remove()
    docker.volumes.create("diff-work")
    missing = "is missing; run `pulumi up --refresh`"
    assert drift(up) == {
        "diff-done": missing,
        "diff-idle": missing,
        "diff-lost": "is not of lab diff; remove or rename it, then run `pulumi up --refresh`",
        "diff-web": missing,
        "labform-diff": {"option com.docker.network.bridge.enable_icc": ("false", None)},
        "diff-spare": "is missing; if it held data, restore it under this name before the next `pulumi up`",
        "diff-work": {"label labform.lab": ("diff", None), "label labform.volume": ("work", None)},
        "stray": "is there, and no project of the lock is it; run `pulumi up`, and `docker rm -f stray` if it is there"
        " still",
    }
    docker.containers.get("diff-lost").remove()
    done = diff(up, "done", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (1, f"done: diff-done on local {missing}\n", "")
