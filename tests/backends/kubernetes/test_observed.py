"""Nodes as a cluster reports them: pools by what is alike, and what a stack file has otherwise."""

from decimal import Decimal
from typing import Any

from labform.backends.kubernetes import Kubernetes
from labform.backends.kubernetes.observed import Observed, block, declared_as, drift

A100 = "NVIDIA-A100-SXM4-40GB"
GIB = 1024**3


def node(name: str, **more: Any) -> Observed:
    """A node with four GPUs."""
    given: dict[str, Any] = {"product": A100, "gpu_memory": 40960, "gpus": 4, "cpus": Decimal(64), "memory": 512 * GIB}
    return Observed(name, **{**given, **more})


NODES = [
    node("gpu-1", driver="550.127.05"),
    node("gpu-2", driver="550.127.05"),
    node("sliced", gpus=0, mig={"1g.5gb": 7}),
    node("cpu", product=None, gpus=0),
    node("kept", closed="cordoned"),
]


def cluster(**nodes: Any) -> Kubernetes:
    """A cluster with these pools."""
    return Kubernetes.model_validate({"kind": "kubernetes", "nodes": nodes})


def test_nodes_that_are_alike_are_a_pool() -> None:
    """With count, product, model, GPUs, slices, driver; who takes no pods is left out, and said."""
    text, notes = block(NODES)
    room, driver = "cpus: 64, memory: 512Gi", 'driver: "550.127.05"'
    assert text.splitlines() == [
        "  nodes:",
        f"    a100-40gb: {{count: 2, product: {A100}, model: A100-40GB, gpus: 4, {room}, {driver}}}",
        f"    a100-40gb-mig: {{count: 1, product: {A100}, model: A100-40GB, mig: {{1g.5gb: 7}}, {room}}}",
        f"    cpu: {{count: 1, {room}}}",
    ]
    assert notes == ["node kept is left out: cordoned"]


def test_each_declared_node_is_a_real_one() -> None:
    """By product and numbers of GPUs; what has GPUs and no pool is left."""
    found, others = declared_as(cluster(a={"count": 1, "product": A100, "gpus": 4}), NODES)
    assert {key: one.name for key, one in found.items()} == {"a-0": "gpu-1"}
    assert [one.name for one in others] == ["gpu-2", "sliced"]


def test_what_the_cluster_has_not_is_drift() -> None:
    """Fewer nodes, smaller ones, another driver; more of anything is none."""
    pool = {"count": 3, "product": A100, "gpus": 4, "cpus": 65, "memory": "513Gi", "driver": "560"}
    found = list(drift(cluster(a=pool), NODES))
    assert [one.code for one in found] == ["drift-nodes", "drift-cpus", "drift-memory", "drift-driver"]
    assert list(drift(cluster(a={"count": 1, "product": A100, "gpus": 4, "cpus": 8, "driver": "550"}), NODES)) == []
