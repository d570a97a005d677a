"""A project: a thesis, a course, a paper. What it runs, on what, with which data, for whom."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from labform.declaration import Declaration, Duration, EnvironmentVariable, HostPath, Name, Port, refusal
from labform.environments import Environment
from labform.gpus import GpuRequest
from labform.resources import Resources

RESERVED_VARIABLES = frozenset(
    {
        *("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
        *("HOME", "USER", "LOGNAME", "PATH", "VIRTUAL_ENV", "PYTHONNOUSERSITE", "LD_PRELOAD", "LD_LIBRARY_PATH"),
        *("DOCKER_HOST", "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"),
    }
)
"""Variables that labform sets or that would undo what it guarantees."""
CODE_SERVER_VARIABLES = frozenset({"PASSWORD", "HASHED_PASSWORD", "PORT", "CODE_SERVER_HOST"})
"""Variables that code-server prefers to its configuration: its documented flags, `code-server --help`."""
_TOKENS = re.compile(
    r"^(hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|AKIA[A-Z0-9]{16}|xox[abp]-\S{10,}|glpat-\S{15,})$"
)
"""Beginnings of tokens as their issuers document them: Hugging Face, GitHub, OpenAI, AWS, Slack, GitLab."""

_IPV4 = r"^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])$"


class Requirements(Declaration):
    """What a project's program needs of its GPUs and their driver; checked against the host it was given."""

    cuda: Annotated[str, Field(pattern=r"^[0-9]{1,2}\.[0-9]{1,2}$", examples=['"12.4"'])] | None = None
    """The CUDA version its program was built for. Default: what the base image's tag or the locked wheels show."""
    compute_capability: Annotated[str, Field(pattern=r"^[0-9]{1,2}\.[0-9]$", examples=['"8.0"'])] | None = None
    """The least compute capability its kernels run on. Default: the least of its CUDA version."""


class Mount(Declaration):
    """Where a volume appears in a container; `home: /home/lab` is short for `home: {path: /home/lab}`."""

    path: HostPath
    """The directory in the container."""
    read_only: bool = False
    """This project may only read. Default: as the volume is."""


class SecretReference(Declaration):
    """The name of a secret value; the value itself stands in the Pulumi stack's configuration."""

    source: Annotated[Name, Field(alias="from")]
    """The configuration key that holds it: `pulumi config set --secret NAME`."""


class ProjectSecret(SecretReference):
    """A secret that a container gets."""

    form: Annotated[Literal["file", "env"], Field(alias="as")] = "file"
    """`file`: /run/secrets/NAME in the container. `env`: a variable, which all who may inspect the container see."""


class _Service(Declaration):
    """What every long-running service has."""

    host_port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    """The port on the host. Default: the next free one of the host's range, remembered in the lock."""
    listen: Annotated[str, Field(pattern=_IPV4, examples=["127.0.0.1"])] = "127.0.0.1"
    """The host's address the port is opened on. Default: the host itself only; reach it by a tunnel or a proxy."""
    startup: Duration = 120
    """How long `up` waits for it to be healthy. Default: 2m."""


class Jupyter(_Service):
    """JupyterLab from the project's own environment, behind a token."""

    port: ClassVar[int] = 8888
    """JupyterLab's own default port."""
    kind: Literal["jupyter"]
    """JupyterLab."""
    directory: HostPath | None = None
    """Where notebooks are kept. Default: where the first writable volume is mounted, else the home."""
    token_generation: Annotated[int, Field(ge=1)] = 1
    """A new number makes a new token; other projects keep theirs."""


class CodeServer(_Service):
    """VS Code in the browser by the code-server of the project's own image; its password is the token."""

    port: ClassVar[int] = 8080
    """code-server's own default port."""
    kind: Literal["code-server"]
    """code-server. The image must have it on PATH; its build says so where it has not."""
    directory: HostPath | None = None
    """The folder that is opened. Default: where the first writable volume is mounted, else the home."""
    token_generation: Annotated[int, Field(ge=1)] = 1
    """A new number makes a new token; other projects keep theirs."""


class Command(_Service):
    """Any program that serves until it is stopped."""

    kind: Literal["command"]
    """A program."""
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments; run without a shell."""
    port: Port | None = None
    """The port it listens on in the container. Default: none is published."""
    health: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """A command in the container that exits 0 when it works. Default: running is healthy."""


Service = Annotated[Jupyter | CodeServer | Command, Field(discriminator="kind")]


class Run(Declaration):
    """A program that runs to completion."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments; run without a shell."""
    retries: Annotated[int, Field(ge=0, le=100)] = 0
    """How often it is started again after it failed. Default: never."""
    deadline: Duration | None = None
    """The time all tries have together, enforced where it runs. Default: none."""
    generation: Annotated[int, Field(ge=1)] = 1
    """A new number runs it again."""


class ProjectArgs(Declaration):
    """One project of a lab."""

    owner: Name
    """The person it runs for."""
    environment: Environment
    """How its image is described."""
    host: Name | None = None
    """The Docker host it runs on. Default: where its volumes are, else where its GPUs are free."""
    gpus: Annotated[int, Field(ge=0)] | GpuRequest = 0
    """GPUs: a number, or what kind. Default: none are visible."""
    requires: Requirements = Requirements()
    """What its program needs of GPUs and driver. Default: what its environment shows."""
    resources: Resources = Resources()
    """What its container may use. Default: its owner's, else their group's, else the lab's."""
    mounts: Mapping[Name, HostPath | Mount] = {}
    """Volumes by their id, and where each appears."""
    service: Service | None = None
    """What it serves. Exactly one of service and run."""
    run: Run | None = None
    """What it runs to completion. Exactly one of service and run."""
    env: Mapping[EnvironmentVariable, str] = {}
    """Environment variables. Values are public: `docker inspect` shows them."""
    secrets: Mapping[EnvironmentVariable, ProjectSecret] = {}
    """Secrets by the name they have in the container."""
    state: Literal["running", "retired"] = "running"
    """`retired`: the container is gone, its GPUs are free, its data stays."""
    pinned: bool = False
    """Run the image that the lock knows, and build nothing. Default: build what the environment describes."""
    must_run: bool = True
    """False lets an idle rule stop it; what was stopped stays so until somebody starts it. Runs never must."""
    stop_grace: Duration = 30
    """How long it may take to save its work when it is stopped. Default: 30s."""
    capabilities: tuple[Literal["SYS_PTRACE", "NET_BIND_SERVICE", "IPC_LOCK", "SYS_NICE"], ...] = ()
    """Linux capabilities beyond none; IPC_LOCK lifts the limit of locked memory too. Default: none."""

    @model_validator(mode="after")
    def _one_thing_to_do(self) -> "ProjectArgs":
        if (self.service is None) == (self.run is None):
            raise refusal("service-or-run", "set exactly one of service and run")
        return self

    def mounted(self) -> dict[str, Mount]:
        """The mounts in full, by volume id, in the order of their paths."""
        full = {key: Mount(path=value) if isinstance(value, str) else value for key, value in self.mounts.items()}
        return dict(sorted(full.items(), key=lambda item: item[1].path))

    @property
    def container_port(self) -> int | None:
        """The port its service listens on inside, if any."""
        return self.service.port if self.service else None


def looks_like_token(value: str) -> bool:
    """Whether a value is one of the tokens that well-known issuers give."""
    return bool(_TOKENS.match(value))
