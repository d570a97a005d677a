"""Facts of registrations: every input of every example counts, and what is a secret is never one."""

from pathlib import Path
from typing import Any

import pytest
from labform.backends.docker.facts import (
    MAY_END,
    registered,
    secret_variables,
)
from labform.backends.drift import SECRET
from labform.environments import Recipe
from labform.ledger import plan
from labform.loading import unlocked
from labform.lockfile import Lock
from labform.plan.registrations import registrations
from labform.problems import LabformError

from tests.labs import lab, project

pytestmark = pytest.mark.enable_socket
STACKS = Path(__file__).parents[2] / "stacks"
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "TOKEN=[x]"}
INPUTS: dict[str, Any] = {
    "name": "test-web",
    "hostname": "web",
    "user": "1:1",
    "command": ["python", "-c", "a b"],
    "mustRun": True,
    "restart": "unless-stopped",
    "stopTimeout": 30.0,
    "cpus": "1.50",
    "memory": 1024.0,
    "memorySwap": 2048.0,
    "shmSize": 64.0,
    "ipcMode": "private",
    "logDriver": "json-file",
    "envs": ["HOME=/home/lab", _SECRET],
}


def test_every_registered_container_has_its_facts() -> None:
    """No input of the example lab is left out."""
    stack = unlocked(STACKS / "gpu-server.yaml")
    found = registrations(stack.lab, stack.lock, stack.recipes)
    containers = [one.inputs for one in found.values() if one.type.endswith(":Container")]
    assert len(containers) > 3
    assert all(registered(one, {})["name", ""] == one["name"] for one in containers)


def test_an_input_that_nobody_compares_is_refused() -> None:
    """It would be silently ignored."""
    with pytest.raises(LabformError, match=r"test-web: no fact is made of gpus, rm"):
        registered({**INPUTS, "gpus": "all", "rm": True}, {})


@pytest.mark.parametrize(
    ("given", "fact", "text"),
    [
        ({}, ("command", ""), "python -c 'a b'"),
        ({}, ("state", ""), "running"),
        ({"mustRun": False}, ("state", ""), MAY_END),
        ({}, ("cpus", ""), "1.5"),
        ({}, ("memory", ""), "1Gi"),
        ({}, ("memory and swap", ""), "2Gi"),
        ({}, ("env", "HOME"), "/home/lab"),
        ({}, ("env", "TOKEN"), SECRET),
        ({}, ("healthcheck", ""), "none"),
        (
            {"healthcheck": {"tests": ["CMD", "true"], "interval": "5s", "timeout": "1m0s", "startPeriod": "1h30m0s",
                             "retries": 3.0}},
            ("healthcheck", ""), "true (every 5 s, within 60 s, 3 times, after 5400 s)",
        ),
        ({"restart": "on-failure", "maxRetryCount": 2.0}, ("restart", ""), "on-failure, 2 times"),
        ({"deviceRequests": [{"deviceIds": ["nvidia.com/gpu=GPU-b", "nvidia.com/gpu=GPU-a"]}]}, ("gpus", ""),
         "GPU-a, GPU-b"),
        ({"mounts": [{"type": "bind", "source": "/srv", "target": "/data", "readOnly": True}]}, ("mount", "/data"),
         "bind /srv, read only"),
        ({"ports": [{"internal": 80.0, "external": 20000.0, "ip": "127.0.0.1", "protocol": "tcp"}]},
         ("port", "80/tcp"), "127.0.0.1:20000"),
        ({"capabilities": {"adds": ["CAP_SYS_NICE"], "drops": ["ALL"]}}, ("capabilities added", ""), "SYS_NICE"),
        ({"ulimits": [{"name": "stack", "soft": 8.0, "hard": 9.0}]}, ("ulimit", "stack"), "8:9"),
    ],
)  # fmt: skip
def test_inputs_become_facts(given: dict[str, Any], fact: tuple[str, str], text: str) -> None:
    """In the words in which they are shown."""
    assert registered({**INPUTS, **given}, {})[fact] == text


def test_what_an_image_brings_is_declared_by_it() -> None:
    """Unless the registration says otherwise."""
    image = {"Env": ["PATH=/bin", "HOME=/root"], "Labels": {"a": "1"}, "Entrypoint": ["tini", "--"], "WorkingDir": "/w"}
    facts = registered(INPUTS, image)
    assert facts["env", "PATH"] == "/bin"
    assert facts["env", "HOME"] == "/home/lab"
    assert (facts["label", "a"], facts["entrypoint", ""], facts["directory", ""]) == ("1", "tini --", "/w")


def test_a_secret_of_a_lab_is_marked() -> None:
    """As the components register it: the stand-in for its value is not among the facts."""
    secrets = {"TOKEN": {"from": "x", "as": "env"}}
    one = lab(
        registry={"address": "registry.invalid/t"},
        projects={"a": project(service={"kind": "command", "command": ["serve"]}, secrets=secrets)},
    )
    stack_lock = plan(one, Lock(lab="test"), {}).lock
    found = registrations(one, stack_lock, {"a": Recipe("FROM scratch\n")})
    (inputs,) = (each.inputs for each in found.values() if each.type.endswith(":Container"))
    assert secret_variables(inputs) == {"TOKEN"}
    assert "[x]" not in repr(registered(inputs, {}))
