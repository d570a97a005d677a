"""Projects: shorthands, defaults, and what contradicts itself."""

from typing import Any

import pytest
from labform.gpus import GpuRequest, gpu_request
from labform.project import RESERVED_VARIABLES, CodeServer, Command, Jupyter, Mount
from pydantic import ValidationError

from tests.labs import args

COMMAND = {"kind": "command", "command": ["serve"]}


def refused(**given: Any) -> list[str]:
    """Where a project is refused."""
    with pytest.raises(ValidationError) as error:
        args(**given)
    return [".".join(map(str, one["loc"])) or str(one["msg"]) for one in error.value.errors()]


def test_a_plain_project_has_safe_defaults() -> None:
    """No GPU, no port beyond the host itself, no capability, no second try."""
    project = args()
    assert (project.gpus, project.container_port, project.capabilities, project.state) == (0, None, (), "running")
    assert project.run is not None
    assert (project.run.retries, project.run.deadline, project.run.generation) == (0, None, 1)
    served = args(service={"kind": "jupyter"})
    assert served.service is not None
    assert (served.service.listen, served.service.host_port, served.service.startup) == ("127.0.0.1", None, 120)


@pytest.mark.parametrize(
    "given",
    [{"service": {"kind": "jupyter"}, "run": {"command": ["x"]}}, {"service": None, "run": None}],
)
def test_a_project_does_one_thing(given: dict[str, Any]) -> None:
    """A service or a run: both, and neither, are refused."""
    assert refused(**given) == ["set exactly one of service and run"]


@pytest.mark.parametrize(
    ("value", "request_"),
    [
        (0, None),
        (2, GpuRequest(count=2)),
        (GpuRequest(mig="1g.10gb"), GpuRequest(mig="1g.10gb")),
    ],
)
def test_a_number_of_gpus_is_short_for_a_request(value: "int | GpuRequest", request_: GpuRequest | None) -> None:
    """None where a project asks for none."""
    assert gpu_request(value) == request_


@pytest.mark.parametrize(
    ("gpus", "accepted"),
    [
        (8, True),
        ({"count": 2, "model": "A100-40GB"}, True),
        ({"mig": "1g.10gb+me", "model": "A100-40GB"}, True),
        ({"uuid": "GPU-6f1c8a2e"}, True),
        ({"uuid": "GPU-6f1c8a2e", "count": 1}, True),
        (-1, False),
        (True, False),
        ({"count": 0}, False),
        ({"uuid": "GPU-1", "count": 2}, False),
        ({"uuid": "GPU-1", "model": "A100"}, False),
        ({"uuid": "GPU-1", "mig": "1g.10gb"}, False),
        ({"uuid": "0"}, False),
        ({"uuid": "all"}, False),
        ({"mig": "8g.10gb"}, False),
        ("all", False),
    ],
)
def test_gpus_are_asked_for_in_one_way(gpus: Any, accepted: bool) -> None:
    """A number, a kind, or one very device; never `all` and never an index."""
    if accepted:
        assert args(gpus=gpus)
    else:
        assert refused(gpus=gpus)


def test_mounts_are_sorted_by_where_they_are() -> None:
    """A shorthand and its long form are the same, and the order of the file changes nothing."""
    mounts = {"b": "/data", "a": {"path": "/workspace", "read_only": True}, "c": {"path": "/apps"}}
    assert list(args(mounts=mounts).mounted().items()) == [
        ("c", Mount(path="/apps")),
        ("b", Mount(path="/data")),
        ("a", Mount(path="/workspace", read_only=True)),
    ]


@pytest.mark.parametrize(
    ("service", "port"),
    [({"kind": "jupyter"}, 8888), ({"kind": "code-server"}, 8080), ({**COMMAND, "port": 80}, 80), (COMMAND, None)],
)
def test_a_service_has_the_port_of_its_kind(service: dict[str, Any], port: int | None) -> None:
    """JupyterLab's own, the one a command names, or none."""
    assert args(service=service).container_port == port


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"service": {**COMMAND, "port": 0}}, "service.command.port"),
        ({"service": {**COMMAND, "host_port": 80}}, "service.command.host_port"),
        ({"service": {**COMMAND, "listen": "256.0.0.1"}}, "service.command.listen"),
        ({"service": {**COMMAND, "listen": "1.2.3"}}, "service.command.listen"),
        ({"service": {**COMMAND, "listen": "1.2.3.4."}}, "service.command.listen"),
        ({"service": {**COMMAND, "token_generation": 2}}, "service.command.token_generation"),
        ({"service": {"kind": "jupyter", "port": 80}}, "service.jupyter.port"),
        ({"service": {"kind": "code-server", "port": 80}}, "service.code-server.port"),
        ({"run": {"command": []}}, "run.command"),
        ({"run": {"command": ["x"], "retries": 101}}, "run.retries"),
        ({"run": {"command": ["x"], "deadline": "soon"}}, "run.deadline"),
        ({"run": {"command": ["x"], "generation": 0}}, "run.generation"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": {"A B": "1"}}, "env.A B.[key]"),
        ({"secrets": {"A": "value"}}, "secrets.A"),
        ({"secrets": {"A": {"from": "a", "as": "argument"}}}, "secrets.A.as"),
        ({"capabilities": ["SYS_ADMIN"]}, "capabilities.0"),
        ({"state": "stopped"}, "state"),
        ({"privileged": True}, "privileged"),
        ({"stop_grace": 0}, "stop_grace"),
    ],
)
def test_what_is_out_of_range_is_refused_in_its_place(given: dict[str, Any], where: str) -> None:
    """The edges of every field."""
    assert refused(**given) == [where]


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "255.255.255.255", "10.1.20.199"])
def test_a_port_is_opened_on_a_written_address(address: str) -> None:
    """Loosening is a field that a policy can see."""
    assert args(service={"kind": "jupyter", "listen": address})


def test_services_are_told_apart_by_their_kind() -> None:
    """The discriminator chooses the declaration."""
    assert isinstance(args(service={"kind": "jupyter"}).service, Jupyter)
    assert isinstance(args(service={"kind": "code-server"}).service, CodeServer)
    assert isinstance(args(service=COMMAND).service, Command)


def test_what_labform_guarantees_is_reserved() -> None:
    """Variables that would show a GPU to a project without one, or change the interpreter, are the toolkit's."""
    assert {"NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "PATH", "HOME", "LD_PRELOAD"} <= RESERVED_VARIABLES


def test_a_secret_is_a_file_unless_written_otherwise() -> None:
    """A variable is seen by all who may inspect the container."""
    secrets = {"A": {"from": "a"}, "B": {"from": "b", "as": "env"}}
    assert {key: one.form for key, one in args(secrets=secrets).secrets.items()} == {"A": "file", "B": "env"}
