"""No field of a cluster is ignored: each of them, edited, is another object of the lab, or is judged before."""

import json
from typing import Any

import pytest
from labform.backends.kubernetes import Kubernetes
from labform.backends.kubernetes.lab_objects import lab_objects
from labform.checks import check
from labform.cuda import CudaNeed
from labform.problems import Problem
from labform.scheduling import unschedulable
from labform.stack_file import LabArgs

from tests.backends.kubernetes.cluster_lab import BASE, LAB
from tests.engine.declarable import declarable
from tests.engine.dotted import edited

MORE = {
    "owner": "ben",
    "environment": {"kind": "prebuilt", "image": BASE},
    "gpus": {"count": 2, "model": "A100-40GB"},
    "run": {"command": ["true"]},
}
BUSY = edited(LAB, {"projects.more": MORE})
"""A lab that needs all nodes of its cluster."""
OBJECTS = {
    "Kubernetes.namespace": {"namespace": "other"},
    "Kubernetes.user": {"user": "oidc:{email}"},
    "Kubernetes.ingress": {"ingress": "other.invalid"},
    "NodePool.product": {"nodes.a100.product": "NVIDIA-A100-PCIE-40GB"},
    "StorageClasses.volumes": {"storage_classes.volumes": "slow"},
    "StorageClasses.access": {"storage_classes.access": "ReadWriteMany"},
    "Ingress.domain": {"ingress.domain": "other.invalid"},
    "Ingress.class_name": {"ingress.class_name": "traefik"},
    "Ingress.issuer": {"ingress.issuer": "own"},
    "Ingress.namespace": {"ingress.namespace": "traefik"},
    "Network.egress": {"network": {"egress": ["10.0.0.0/8"]}},
    "Network.denied": {"network": {"denied": ["10.9.0.0/16"]}},
}
"""Edits of `runs_on` that another object shows."""
JUDGED = {
    "NodePool.count": {"nodes.a100.count": 1},
    "NodePool.model": {"nodes.a100.model": "A100-80GB"},
    "NodePool.gpus": {"nodes.a100.gpus": 1},
    "NodePool.mig": {"nodes.sliced.mig": {"2g.20gb": 3}},
    "NodePool.cpus": {"nodes.a100.cpus": 4, "nodes.sliced.cpus": 4},
    "NodePool.memory": {"nodes.a100.memory": "16Gi", "nodes.sliced.memory": "16Gi"},
    "NodePool.driver": {"nodes.a100.driver": "470.57.02"},
}
"""Edits of `runs_on` that leave no room for a project, which a preview says."""
ELSEWHERE = {
    "Kubernetes.kind": "says that it is a cluster",
    "Kubernetes.context": "the provider's: test_cluster",
    "Kubernetes.wait": "the engine's time limits: test_cluster",
    "Kubernetes.nodes": "as the fields of NodePool",
    "Kubernetes.storage_classes": "as the fields of StorageClasses",
    "Kubernetes.network": "as the fields of Network",
}


def with_edit(edits: dict[str, Any]) -> LabArgs:
    """The lab with `runs_on` edited."""
    return LabArgs.model_validate_json(json.dumps({**BUSY, "runs_on": edited(BUSY["runs_on"], edits)}))


def judged(lab: LabArgs) -> list[Problem]:
    """What is wrong with a lab whose thesis needs CUDA 12.4."""
    assert isinstance(lab.runs_on, Kubernetes)
    return [*check(lab), *unschedulable(lab, lab.runs_on, {"thesis": CudaNeed((12, 4), "its image")})]


@pytest.mark.parametrize("name", OBJECTS)
def test_an_edit_is_another_object(name: str) -> None:
    """What is rendered for the lab differs."""
    images = dict.fromkeys(BUSY["projects"], BASE)
    before, after = ([*lab_objects(one, images, {})] for one in (with_edit({}), with_edit(OBJECTS[name])))
    assert before != after


@pytest.mark.parametrize("name", JUDGED)
def test_an_edit_is_judged(name: str) -> None:
    """A lab that fitted does not any more."""
    assert judged(with_edit({})) == []
    assert judged(with_edit(JUDGED[name])) != []


def test_no_field_is_forgotten() -> None:
    """Every field that a cluster has is in one of the tables."""
    assert declarable(Kubernetes) == {*OBJECTS, *JUDGED, *ELSEWHERE}
