"""Whether a cluster can serve a lab: by the same code, and in the same words, as on Docker hosts."""

from typing import Any

import pytest
from labform.backends import Kubernetes
from labform.lockfile import LockedVolume
from labform.problems import Problem
from labform.scheduling import one_node, unschedulable

from tests import labs
from tests.labs import project

NODES = {
    "a100": {"count": 2, "product": "NVIDIA-A100-SXM4-40GB", "model": "A100-40GB", "gpus": 2},
    "mig": {"count": 1, "product": "NVIDIA-A100-SXM4-80GB", "model": "A100-80GB", "mig": {"1g.10gb": 2}},
}


def problems(nodes: dict[str, Any] = NODES, groups: dict[str, Any] | None = None, **projects: Any) -> list[Problem]:
    """What is wrong with these projects on these nodes."""
    people = {"anna": {"uid": 10042, **({"group": "all"} if groups else {})}}
    lab = labs.lab(
        runs_on={"kind": "kubernetes", "nodes": nodes}, people=people, groups=groups or {}, projects=projects
    )
    assert isinstance(lab.runs_on, Kubernetes)
    return unschedulable(lab, lab.runs_on, {})


def test_what_fits_is_fine() -> None:
    """Two nodes of two GPUs serve four requests for one, and the slices are served beside them."""
    wanted = {f"p{number}": project(gpus=1) for number in range(4)}
    assert problems(**wanted, s=project(gpus={"mig": "1g.10gb", "count": 2}), cpu=project()) == []


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        (3, "GPU"),
        ({"model": "H100"}, "H100"),
        ({"mig": "3g.40gb"}, "3g.40gb"),
        ({"count": 3, "mig": "1g.10gb"}, "1g.10gb"),
    ],
)
def test_what_no_node_has_is_refused(gpus: Any, said: str) -> None:
    """More than one node has, another model, another profile."""
    (found,) = problems(p=project(gpus=gpus))
    assert (found.code, found.location) == ("no-gpu", ("projects", "p", "gpus"))
    assert said in found.message


def test_what_others_have_is_refused_by_name() -> None:
    """The fifth of four GPUs is refused, and who holds them is said."""
    found = problems(**{f"p{number}": project(gpus=1) for number in range(5)})
    assert [one.code for one in found] == ["no-gpu"]
    assert "p0" in found[0].hint


def test_a_node_with_the_gpus_has_to_have_the_rest_too() -> None:
    """That a node without GPUs is large enough is no help; nor is one that others share a reason to refuse."""
    small = {**NODES["a100"], "cpus": 8, "memory": "64Gi"}
    nodes = {"a100": small, "large": {"count": 1, "cpus": 128, "memory": "1Ti"}}
    found = problems(nodes, p=project(gpus=1, resources={"cpus": 64}), q=project(resources={"cpus": 64}))
    assert [(one.code, one.location) for one in found] == [("no-room", ("projects", "p", "resources"))]
    assert "asks for 64 CPUs" in found[0].message
    assert "a100-0 has 8 of 8 CPUs" in found[0].message
    assert problems(nodes, **{f"p{number}": project(gpus=1, resources={"cpus": 6}) for number in range(3)}) == []


def shared(access: str, locked: str | None = None) -> list[Problem]:
    """What is wrong with a volume of two projects, where the lab has an access for new ones, and the lock its own."""
    entry = {"state": "created", "owner": "anna", "uid": 10042, "access": locked}
    both = {name: project(mounts={"data": "/data"}) for name in ("p", "q")}
    runs_on = {"kind": "kubernetes", "storage_classes": {"access": access}}
    lab = labs.lab(runs_on=runs_on, volumes={"data": {"owner": "anna", "size": "1Gi"}}, projects=both)
    return [*one_node(lab, {"data": LockedVolume.model_validate(entry)} if locked else {})]


def test_a_claim_of_one_node_is_of_one_project() -> None:
    """By what it exists with: an edit for new volumes neither helps one that exists nor harms it."""
    once, many = "ReadWriteOnce", "ReadWriteMany"
    assert [bool(shared(*one)) for one in ((once,), (many,), (once, many), (many, once))] == [True, False, False, True]
    assert "and copy it to a new volume" in shared(many, once)[0].hint
    assert "copy" not in shared(once)[0].hint


def test_a_quota_counts_as_on_docker() -> None:
    """Two whole GPUs and a slice are more than two."""
    asked = {"a": project(gpus=2), "b": project(gpus={"mig": "1g.10gb"})}
    (found,) = problems(groups={"all": {"gpus": 2}}, **asked)
    assert found.code == "quota"
    assert "15/7" in found.message


def test_every_node_that_may_be_chosen_has_to_do() -> None:
    """A requirement that one of two possible products does not meet is refused: the scheduler could choose that one."""
    nodes = {**NODES, "old": {"count": 1, "product": "Tesla-V100", "model": "V100-16GB", "gpus": 1}}
    needs = {"compute_capability": "8.0"}
    found = problems(nodes, p=project(gpus=1, requires=needs))
    assert [one.code for one in found] == ["capability-too-low"]
    assert problems(nodes, p=project(gpus={"model": "A100-40GB"}, requires=needs)) == []


def test_a_cluster_without_nodes_serves_no_gpu() -> None:
    """The line to write is said."""
    (found,) = problems({}, p=project(gpus=1))
    assert "runs_on.nodes" in found.hint
    assert problems({}, p=project()) == []
