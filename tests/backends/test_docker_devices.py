"""Which GPUs a container has, in every way that Docker lets one be asked for."""

from typing import Any

import pytest
from labform.backends.docker.devices import devices_of, whose

from tests.backends.inspected import container, request
from tests.labs import hosts, lab

MIG = [{"uuid": "MIG-1", "profile": "3g.20gb"}, {"uuid": "MIG-2", "profile": "3g.20gb"}]
GPUS = [
    {"uuid": "GPU-z", "model": "A100-40GB"},
    {"uuid": "GPU-m", "model": "A100-40GB", "mig": MIG},
    {"uuid": "GPU-a", "model": "A100-40GB"},
]
HOST = lab(runs_on=hosts(gpu1={"gpus": GPUS})).hosts["gpu1"]
ALL = {"GPU-z", "MIG-1", "MIG-2", "GPU-a"}


def asked(*requests: dict[str, Any], env: tuple[str, ...] = (), runtime: str = "runc") -> frozenset[str]:
    """The devices of a container with these requests."""
    return devices_of(container(DeviceRequests=[*requests], Runtime=runtime, env=[*env]), HOST)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (request("nvidia", 0, "GPU-a", "MIG-2"), {"GPU-a", "MIG-2"}),
        (request("", 0, "GPU-a"), {"GPU-a"}),
        (request("", -1), ALL),
        (request("nvidia", 0, "all"), ALL),
        (request("", 1), {"GPU-z"}),
        (request("", 2), {"GPU-z", "MIG-1", "MIG-2"}),
        (request("", 9), {*ALL, *"345678"}),
        (request("nvidia", 0, "2"), {"GPU-a"}),
        (request("nvidia", 0, "1:1"), {"MIG-2"}),
        (request("nvidia", 0, "GPU-m"), {"MIG-1", "MIG-2"}),
        (request("nvidia", 0, "GPU-unknown"), {"GPU-unknown"}),
        (request("cdi", 0, "nvidia.com/gpu=GPU-a", "vendor.example/nic=0"), {"GPU-a"}),
        (request("cdi", 0, "nvidia.com/gpu=all"), ALL),
        (request("cdi", 0, "nvidia.com/gpu=1:0"), {"MIG-1"}),
        (request("", -1, capability="tpu"), set()),
        (request("amd", -1), set()),
    ],
)
def test_requests(given: dict[str, Any], expected: set[str]) -> None:
    """By id, index, count, all of them, or CDI name; a GPU that is cut up stands for its instances."""
    assert asked(given) == expected


@pytest.mark.parametrize(
    ("runtime", "value", "expected"),
    [
        ("nvidia", "all", ALL),
        ("nvidia", "GPU-a,0", {"GPU-a", "GPU-z"}),
        ("nvidia", "nvidia.com/gpu=GPU-a", {"GPU-a"}),
        ("nvidia", "void", set()),
        ("nvidia", "none", set()),
        ("nvidia", "", set()),
        ("runc", "all", set()),
    ],
)
def test_the_runtime_reads_a_variable(runtime: str, value: str, expected: set[str]) -> None:
    """`NVIDIA_VISIBLE_DEVICES`, the image's too, means something to NVIDIA's runtime only."""
    assert asked(env=("A=1", f"NVIDIA_VISIBLE_DEVICES={value}"), runtime=runtime) == expected


def test_a_request_takes_the_place_of_the_variable() -> None:
    """An image's `all` gives no more than what is asked for by the hook; beside CDI names it does."""
    every = ("NVIDIA_VISIBLE_DEVICES=all",)
    assert asked(request("nvidia", 0, "GPU-a"), env=every, runtime="nvidia") == {"GPU-a"}
    assert asked(request("cdi", 0, "nvidia.com/gpu=GPU-a"), env=every, runtime="nvidia") == ALL


def test_a_container_without_gpus_has_none() -> None:
    """Neither requests nor NVIDIA's runtime."""
    assert devices_of(container(), HOST) == frozenset()


def test_whose_a_container_is() -> None:
    """By its labels, as far as it has them."""
    assert whose({}) == " from outside the lab"
    labels = {"labform.lab": "ds02", "labform.project": "thesis", "labform.owner": "anna"}
    assert whose(labels) == " of lab ds02, project thesis, owner anna"
