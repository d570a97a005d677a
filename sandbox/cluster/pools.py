"""Pools of nodes, and what each node of one reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Pool:
    """Nodes of one kind: `Pool("a100", nodes=2, product="NVIDIA-A100-SXM4-80GB", gpus=4, gpu_memory=81920)`."""

    name: str
    nodes: int = 1
    product: str = ""
    """The GPUs' model, as GPU feature discovery labels it."""
    gpus: int = 0
    """Whole GPUs that a node offers."""
    gpu_memory: int = 0
    """MiB of one GPU."""
    mig: Mapping[str, int] = field(default_factory=dict)
    """MIG devices that a node offers beside them, by profile: `{"1g.10gb": 7}` (strategy `mixed`)."""
    cpus: int = 64
    memory: str = "512Gi"
    labels: Mapping[str, str] = field(default_factory=dict)

    def declared(self) -> list[dict[str, Any]]:
        """The nodes as the control plane's program reads them."""
        resources = {"cpu": str(self.cpus), "memory": self.memory, "ephemeral-storage": "1Ti", "pods": "110"}
        if self.gpus:
            resources["nvidia.com/gpu"] = str(self.gpus)
        resources |= {f"nvidia.com/mig-{profile}": str(count) for profile, count in self.mig.items()}
        names = [f"{self.name}-{number}" for number in range(self.nodes)]
        labels = {**self._gpu_labels(), **self.labels}
        return [{"name": name, "labels": labels, "resources": resources} for name in names]

    def _gpu_labels(self) -> dict[str, str]:
        """What NVIDIA's GPU feature discovery would find (k8s-device-plugin, docs/gpu-feature-discovery)."""
        if not self.product:
            return {}
        labels = {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": self.product,
            "nvidia.com/gpu.count": str(self.gpus),
            "nvidia.com/gpu.memory": str(self.gpu_memory),
            "nvidia.com/mig.capable": str(bool(self.mig)).lower(),
        }
        if self.mig:
            labels["nvidia.com/mig.strategy"] = "mixed"
        for profile, count in self.mig.items():
            labels[f"nvidia.com/mig-{profile}.count"] = str(count)
        return labels


POOLS = (
    Pool("cpu"),
    Pool("a100", nodes=2, product="NVIDIA-A100-SXM4-80GB", gpus=4, gpu_memory=81920),
    Pool("h100", product="NVIDIA-H100-80GB-HBM3", gpus=8, gpu_memory=81559),
    Pool("mig", product="NVIDIA-A100-SXM4-80GB", gpu_memory=81920, mig={"1g.10gb": 7, "3g.40gb": 2}),
)
"""What a cluster has if nothing else is asked: a node without GPUs, sixteen GPUs of two models, MIG devices."""
