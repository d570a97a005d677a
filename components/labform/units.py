"""Units: what a host can give to one project, and a placement, which says what one has. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Protocol

from labform.gpus import Gpu, GpuRequest, profile_memory
from labform.mig import full_word

_UNTOLD = 1024**6
"""Rank of a device whose memory nobody states: after all others."""
_WHOLE = 8
"""Rank of a whole GPU: more than the compute slices of any instance."""


class Capacity(Protocol):
    """What placement knows of a host, or of a pool of nodes."""

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """Its GPUs."""

    @property
    def cpus(self) -> Decimal | None:
        """CPUs that projects may use together; None is not checked."""

    @property
    def memory(self) -> int | None:
        """Bytes that projects may use together; None is not checked."""

    @property
    def port_range(self) -> range:
        """Ports for services that name none."""


@dataclass(frozen=True)
class Placement:
    """What a project has: a host, the ids of its GPUs in sorted order, a port on the host."""

    host: str
    gpus: tuple[str, ...] = ()
    port: int | None = None

    def __str__(self) -> str:
        """As a person says it: `gpu1 (GPU-a, GPU-b)`, `gpu1 (port 20000)` where it has no GPU."""
        more = ", ".join(self.gpus) or (f"port {self.port}" if self.port else "")
        return f"{self.host} ({more})" if more else self.host


@dataclass(frozen=True)
class Kind:
    """What devices have in common that can stand for each other."""

    model: str
    profile: str | None = None
    memory: int | None = None
    """Bytes."""

    @cached_property
    def rank(self) -> tuple[int, int, bool, str]:
        """The smaller the better where several are adequate: memory, compute slices, media engines, then the word."""
        compute = int(self.profile[0]) if self.profile else _WHOLE
        media = bool(self.profile and self.profile.endswith("+me"))
        return (self.memory or _UNTOLD, compute, media, self.model)

    def serves(self, request: GpuRequest) -> bool:
        """Whether such a device is what is asked for, its id aside."""
        if request.model and full_word(request.model) != full_word(self.model):
            return False
        if request.memory is None:
            return bool(request.uuid) or self.profile == request.mig
        return (self.memory or 0) >= request.memory and (request.count == 1 or self.profile is None)


@dataclass(frozen=True)
class Unit:
    """What can be given to one project: a whole GPU, or a MIG instance."""

    id: str
    kind: Kind
    gpu: str
    """The GPU it is, or is a part of."""

    @property
    def model(self) -> str:
        """The GPU's model."""
        return self.kind.model

    @property
    def profile(self) -> str | None:
        """Its MIG profile; None for a whole GPU."""
        return self.kind.profile

    def serves(self, request: GpuRequest) -> bool:
        """Whether it is what is asked for."""
        return self.id == request.uuid if request.uuid else self.kind.serves(request)


def units(host: Capacity) -> list[Unit]:
    """What a host can give, in the order of models and ids; a GPU with MIG instances is not given whole."""
    whole = [Unit(gpu.uuid, Kind(gpu.model, None, gpu.size), gpu.uuid) for gpu in host.gpus if not gpu.mig]
    slices = [
        Unit(one.uuid, Kind(gpu.model, one.profile, profile_memory(one.profile)), gpu.uuid)
        for gpu in host.gpus
        for one in gpu.mig
    ]
    return sorted(whole + slices, key=lambda unit: (unit.model, unit.id))
