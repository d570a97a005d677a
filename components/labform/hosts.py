"""Docker hosts: what a server offers, so that what does not fit is refused before anything is created."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from labform.declaration import Cpus, Declaration, HostPath, Size, refusal
from labform.gpus import Gpu
from labform.problems import brief

_PORTS = r"^[0-9]{4,5}-[0-9]{4,5}$"


def _port_range(text: str) -> str:
    first, last = (int(end) for end in text.split("-")) if re.fullmatch(_PORTS, text) else (0, 0)
    if not 1024 <= first <= last <= 65535:
        raise refusal("port-range", f'"{brief(text)}" is not a range of ports within 1024-65535')
    return text


DOCKER_ADDRESS = r"^(ssh://[^\s/]+|unix:///\S+|tcp://[^\s/]+)$"
DockerAddress = Annotated[str, Field(pattern=DOCKER_ADDRESS, examples=["ssh://labform@gpu1.example.org"])]
"""A Docker daemon: `ssh://user@host`, `unix:///socket` or `tcp://host:port`."""

BUILDER = "builder"
"""What the connection to where images are built is called, beside those to hosts."""
LOCAL = "unix:///var/run/docker.sock"
"""The daemon that is meant where no address is given: Docker's own default."""
THIS_MACHINE = "this machine"
"""What the Docker daemon here is called where it is no host of the lab."""


def cpus_text(cpus: Decimal) -> str:
    """CPUs as the Docker provider reads them back; any other spelling replaces the container at every `up`.

    Follows nanoInt64ToDecimalString of terraform-provider-docker 4.5.0, oddities included: 10 CPUs are `10.`, and
    0.05 comes out as another number, which `checks` refuses.
    """
    text = f"{cpus:.9f}"
    return f"{cpus:.1f}" if text.count("0") == 9 else text.rstrip("0")


class Host(Declaration):
    """One server with a Docker daemon."""

    address: DockerAddress = LOCAL
    """How to reach its daemon. Default: the local one."""
    engine: Literal["docker", "podman"] = "docker"
    """What answers there: `podman` for Podman's Docker-compatible socket. Default: docker."""
    cpus: Cpus | None = None
    """CPUs that projects may use together, those of other stack files too. Default: not checked."""
    memory: Size | None = None
    """Memory that projects may use together, those of other stack files and shared memory too. Default: not checked."""
    driver: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$")] | None = None
    """The NVIDIA driver's version. Default: not checked."""
    gpu_request: Literal["nvidia", "cdi"] = "nvidia"
    """How containers ask for GPUs: `nvidia` works from Docker 19.03 on, `cdi` from 28.2 on."""
    host_paths: tuple[HostPath, ...] = ()
    """The only directories whose content may be mounted. Default: none."""
    gpus: tuple[Gpu, ...] = ()
    """Its GPUs. Default: none."""
    ports: Annotated[str, AfterValidator(_port_range), WithJsonSchema({"type": "string", "pattern": _PORTS})] = (
        "20000-20999"
    )
    """The ports that services without a `host_port` get. Default: 20000-20999."""

    @property
    def port_range(self) -> range:
        """`ports` as numbers."""
        first, last = self.ports.split("-")
        return range(int(first), int(last) + 1)

    @property
    def remote(self) -> bool:
        """True where the daemon is not on the machine that runs `pulumi`."""
        return not self.address.startswith("unix://")
