"""What one container may use: CPUs, memory, shared memory."""

from dataclasses import dataclass
from decimal import Decimal

from labform.declaration import Cpus, Declaration, Size


class Resources(Declaration):
    """Limits of one container. A value left out comes from the owner, else their group, else the lab's `defaults`."""

    cpus: Cpus | None = None
    """CPUs. Default: the owner's, else their group's, else the lab's, else 1."""
    memory: Size | None = None
    """Memory, without swap. Default: the owner's, else their group's, else the lab's, else 2Gi."""
    shared_memory: Size | None = None
    """Shared memory, part of memory; PyTorch's data loaders live there. Default: as of memory, at last 64Mi."""


@dataclass(frozen=True)
class Limits:
    """What a container may use, every value decided: CPUs, bytes of memory and of shared memory."""

    cpus: Decimal
    memory: int
    shared_memory: int


FALLBACK = Limits(Decimal(1), 2 * 1024**3, 64 * 1024**2)
"""Limits where nobody names one; 64 MiB is Docker's and Kubernetes' own /dev/shm."""
