"""The root of a stack file: what follows from it, and that it is pure data."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.resources import FALLBACK, Limits
from labform.stack_file import LabArgs
from pydantic import ValidationError

from tests.labs import hosts, lab, project

GIB = 1024**3


def test_the_least_lab_has_a_name_and_a_place() -> None:
    """Everything else has a default."""
    args = LabArgs.model_validate({"format": 1, "lab": "x", "runs_on": {"kind": "docker", "hosts": {"h": {}}}})
    assert (args.projects, args.volumes, args.registry, args.builder.daemon) == (
        {},
        {},
        None,
        "unix:///var/run/docker.sock",
    )


@pytest.mark.parametrize(
    ("defaults", "own", "limits"),
    [
        ({}, {}, FALLBACK),
        ({"cpus": 4, "memory": "16Gi"}, {}, Limits(Decimal(4), 16 * GIB, FALLBACK.shared_memory)),
        ({"cpus": 4, "memory": "16Gi"}, {"memory": "8Gi"}, Limits(Decimal(4), 8 * GIB, FALLBACK.shared_memory)),
        ({"shared_memory": "1Gi"}, {"cpus": 0.5}, Limits(Decimal("0.5"), FALLBACK.memory, GIB)),
    ],
)
def test_limits_come_from_the_project_then_the_lab(
    defaults: dict[str, Any], own: dict[str, Any], limits: Limits
) -> None:
    """Value by value, and there is always one."""
    args = lab(defaults={"resources": defaults}, projects={"p": project(resources=own)})
    assert args.limits("p") == limits


@pytest.mark.parametrize(
    ("volume", "host"),
    [
        ({"owner": "anna"}, "a"),
        ({"owner": "anna", "host": "b"}, "b"),
        ({"path": "/data"}, "a"),
        ({"nfs": {"server": "nas", "path": "/x"}}, None),
    ],
)
def test_a_volume_is_on_a_host_or_on_all(volume: dict[str, Any], host: str | None) -> None:
    """Its own, the first one where it names none, or every one."""
    assert lab(runs_on=hosts(a={}, b={}), volumes={"v": volume}).host_of("v") == host


def test_a_retired_volume_still_has_its_host() -> None:
    """And one that nobody declared has none."""
    args = lab(retired={"v": {"owner": "anna"}})
    assert (args.host_of("v"), args.host_of("w")) == ("local", None)


def test_running_projects_are_sorted_and_not_retired() -> None:
    """The order of the file decides nothing."""
    projects = {"c": project(), "a": project(), "b": project(state="retired")}
    assert list(lab(projects=projects).running()) == ["a", "c"]


def test_a_cluster_has_no_docker_hosts() -> None:
    """A lab on Kubernetes is declared in the same file."""
    nodes = {"gpu": {"count": 2, "product": "A100", "gpus": 8, "mig": {"1g.10gb": 7}}}
    args = lab(
        runs_on={"kind": "kubernetes", "context": "lab", "nodes": nodes}, volumes={"v": {"claim": "c", "owner": "anna"}}
    )
    assert (args.hosts, args.host_of("v")) == ({}, None)


@pytest.mark.parametrize("address", ["", "lokal", "gpu1", "ssh://", "localhost"])
def test_a_builder_is_local_or_has_an_address(address: str) -> None:
    """What is neither would be a traceback of the Docker SDK."""
    with pytest.raises(ValidationError):
        lab(builder={"address": address})
    assert lab(builder={"address": "ssh://ci@builder"}).builder.daemon == "ssh://ci@builder"


def test_a_registry_has_a_server() -> None:
    """What `docker login` takes is the address without its path."""
    assert lab(registry={"address": "r.example.org:5000/a/b"}).registry.server == "r.example.org:5000"


def test_the_example_survives_its_own_json() -> None:
    """Sizes, dates, aliases and unions are written as they are read."""
    text = (Path(__file__).parents[1] / "stacks" / "dev.yaml").read_text(encoding="utf-8")
    args = LabArgs.model_validate_json(json.dumps(yaml.safe_load(text), default=str))
    assert LabArgs.model_validate_json(args.model_dump_json(by_alias=True)) == args
    assert LabArgs.model_validate_json(args.model_dump_json(by_alias=True, exclude_unset=True)) == args
