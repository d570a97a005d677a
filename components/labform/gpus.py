"""GPUs: what a host has, and what a project asks for. Pure; who gets which is `placement`."""

from typing import Annotated

from pydantic import Field, model_validator

from labform.declaration import Declaration, refusal

DeviceId = Annotated[str, Field(pattern=r"^(GPU|MIG)-[0-9A-Za-z-]{1,64}$", examples=["GPU-6f1c8a2e-…"])]
"""The identity of a GPU or MIG instance, as `nvidia-smi -L` prints it; an index may change at boot."""

Profile = Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]+gb(\+me)?$", examples=["1g.10gb"])]
"""The name of a MIG profile: compute slices and memory."""


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
    mig: tuple[MigInstance, ...] = ()
    """Its MIG instances. Default: none, the GPU is given whole."""


class GpuRequest(Declaration):
    """What a project asks for; `gpus: 2` is short for `gpus: {count: 2}`."""

    count: Annotated[int, Field(ge=1)] = 1
    """How many."""
    model: str | None = None
    """Only GPUs of this model. Default: any."""
    mig: Profile | None = None
    """MIG instances of this profile instead of whole GPUs. Default: whole GPUs."""
    uuid: DeviceId | None = None
    """This very GPU or instance. Default: labform chooses and the lock remembers."""

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> "GpuRequest":
        if self.uuid and (self.model or self.mig or self.count != 1):
            raise refusal("gpu-request", "uuid names one device; leave out count, model and mig")
        return self


def gpu_request(value: "int | GpuRequest") -> GpuRequest | None:
    """What `gpus:` asks for; None where a project asks for none."""
    if isinstance(value, GpuRequest):
        return value
    return GpuRequest(count=value) if value else None
