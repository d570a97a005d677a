"""GPUs: what a host has, and what a project asks for. Pure; who gets which is `placement`."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from labform.declaration import Declaration, Size, refusal, size, size_text
from labform.problems import brief

DeviceId = Annotated[str, Field(pattern=r"^(GPU|MIG)-[0-9A-Za-z-]{1,64}$", examples=["GPU-6f1c8a2e-…"])]
"""The identity of a GPU or MIG instance, as `nvidia-smi -L` prints it; an index may change at boot."""

Profile = Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]+gb(\+me)?$", examples=["1g.10gb"])]
"""The name of a MIG profile: compute slices and memory."""

MARKETED = {
    "A10": 24, "A10G": 24, "A16": 16, "A2": 16, "A30": 24, "A40": 48, "B200": 180, "H200": 141, "L4": 24, "L40": 48,
    "L40S": 48, "T4": 16,
}  # fmt: skip
"""Gigabytes of models that come in one size, from NVIDIA's data sheets."""

_GIBIBYTE = 1024**3
_AT_LEAST = r">= *([0-9]{1,13}(?:\.[0-9]{1,12})?(?:Mi|Gi|Ti))"


def memory_of(model: str) -> int | None:
    """Bytes of memory that a model is sold with, 1 GB counted as 1Gi: 40Gi for `A100-40GB`; None if no word says it.

    A program finds a little less (ECC, the driver): 79.6Gi on an H100-80GB.
    """
    told = re.search(r"-([0-9]+)GB$", model)
    gigabytes = int(told[1]) if told else MARKETED.get(model)
    return gigabytes * _GIBIBYTE if gigabytes else None


def profile_memory(profile: str) -> int:
    """Bytes of memory in a MIG profile's name, 1 GB counted as 1Gi: 20Gi for `3g.20gb`."""
    return int(profile.partition(".")[2].partition("gb")[0]) * _GIBIBYTE


def at_least(value: object) -> int:
    """Bytes of a least amount such as `>=40Gi`; raises the error of a validator for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    given = f'"{brief(value)}"' if isinstance(value, str) else "it"
    match = re.fullmatch(_AT_LEAST, value) if isinstance(value, str) else None
    if match is None:
        raise refusal("least-memory", f'{given} is not a least amount of memory; write ">=40Gi"')
    return size(match[1])


AtLeast = Annotated[
    int,
    BeforeValidator(at_least),
    PlainSerializer(lambda count: f">={size_text(count)}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_AT_LEAST}$", "examples": [">=40Gi"]}),
]
"""A least amount of memory, written `>=40Gi`; held in bytes."""


class MigInstance(Declaration):
    """One slice of a GPU, made by the administrator; labform never changes a layout."""

    uuid: DeviceId
    """The instance's id, `MIG-…`."""
    profile: Profile
    """Its profile, for example 1g.10gb."""


class Gpu(Declaration):
    """One GPU of a host, as `nvidia-smi -L` lists it."""

    uuid: DeviceId
    """The GPU's id, `GPU-…`."""
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Its model, for example A100-40GB; projects ask for it by this word."""
    memory: Size | None = None
    """Its memory, for projects that ask for an amount. Default: what the model is sold with, 40Gi for A100-40GB."""
    mig: tuple[MigInstance, ...] = ()
    """Its MIG instances. Default: none, the GPU is given whole."""

    @property
    def size(self) -> int | None:
        """Bytes of memory, declared or by its model; None where neither says it."""
        return self.memory or memory_of(self.model)


class GpuRequest(Declaration):
    """What a project asks for; `gpus: 2` is short for `gpus: {count: 2}`."""

    count: Annotated[int, Field(ge=1)] = 1
    """How many, all on one host; of one model where a host has enough of one."""
    model: str | None = None
    """Only GPUs of this model, or instances of such. Default: any."""
    memory: AtLeast | None = None
    """Only devices with this much memory each, by the size they are sold with: an H100-80GB has 80Gi, a 3g.20gb 20Gi.
    One device is the smallest adequate one that is free, MIG instance or GPU; two and more are whole GPUs, because a
    CUDA program sees one MIG instance. Default: any whole GPU."""
    mig: Profile | None = None
    """MIG instances of exactly this profile instead of whole GPUs. Default: whole GPUs."""
    uuid: DeviceId | None = None
    """This very GPU or instance. Default: labform chooses and the lock remembers."""

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> "GpuRequest":
        if self.uuid and (self.model or self.mig or self.memory or self.count != 1):
            raise refusal("gpu-request", "uuid names one device; leave out count, model, memory and mig")
        if self.mig and self.memory:
            raise refusal("gpu-request", "mig names a profile and with it its memory; leave out one of mig and memory")
        return self

    def __str__(self) -> str:
        """What is asked for, as a person says it: `2 x A100-40GB with >=40Gi`."""
        if self.uuid:
            return self.uuid
        plural = self.kind.replace("GPU", "GPUs", 1) if self.count > 1 else self.kind
        return f"{self.count} {plural}" if self.kind.startswith("GPU") else f"{self.count} x {self.kind}"

    @property
    def kind(self) -> str:
        """What is asked for, without how many: `A100-40GB with >=40Gi`."""
        words = " ".join(word for word in (self.model, self.mig) if word) or "GPU"
        return self.uuid or f"{words}{f' with >={size_text(self.memory)}' if self.memory else ''}"


def gpu_request(value: "int | GpuRequest") -> GpuRequest | None:
    """What `gpus:` asks for; None where a project asks for none."""
    if isinstance(value, GpuRequest):
        return value
    return GpuRequest(count=value) if value else None
