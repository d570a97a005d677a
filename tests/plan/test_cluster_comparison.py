"""Plans of cluster labs: what each edit is said to do, by the rules of the Kubernetes provider."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.backends.kubernetes.cluster_lab import LAB
from tests.plan.repository import Repository

OTHER = f"base@sha256:{'b' * 64}"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The lab, committed; its claim holds data."""
    made = Repository(tmp_path_factory.mktemp("original") / "clone")
    made.write(LAB, home="created")
    made.commit()
    return made


@pytest.fixture
def repository(original: Repository, tmp_path: Path) -> Repository:
    """A copy for one test."""
    return original.copy(tmp_path / "clone")


def edited(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The lab after an edit."""
    lab = copy.deepcopy(LAB)
    change(lab)
    return lab


def test_nothing(repository: Repository) -> None:
    """Without an edit there is nothing to say."""
    page = repository.plan()
    assert (page.changes, page.projects, page.risks, page.lab, page.gpus, page.quotas) == (False, (), (), (), (), ())
    assert page.unchanged == 3


def _grow(lab: dict[str, Any]) -> None:
    lab["volumes"]["home"]["size"] = "30Gi"


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], dict[str, str], list[str]]] = {
    "gpus": (lambda lab: lab["projects"]["thesis"]["gpus"].update(count=1), {"thesis": "restarted"}, []),
    "environment variable": (lambda lab: lab["projects"]["web"].update(env={"A": "1"}), {"web": "restarted"}, []),
    "port": (lambda lab: lab["projects"]["web"]["service"].update(host_port=9000), {"web": "updated"}, []),
    "retries": (lambda lab: lab["projects"]["nightly"]["run"].update(retries=3), {"nightly": "updated"}, []),
    "generation": (lambda lab: lab["projects"]["nightly"]["run"].update(generation=4), {"nightly": "replaced"}, []),
    "token": (lambda lab: lab["projects"]["thesis"]["service"].update(token_generation=2), {"thesis": "restarted"}, []),
    "must run": (lambda lab: lab["projects"]["web"].update(must_run=True), {"web": "updated"}, []),
    "image": (
        lambda lab: lab["projects"]["web"]["environment"].update(image=OTHER),
        {"web": "restarted"},
        [],
    ),
    "a run instead": (
        lambda lab: lab["projects"]["web"].update(service=None, run={"command": ["a"]}, must_run=True),
        {"web": "replaced"},
        [],
    ),
    "new": (lambda lab: lab["projects"].update(more=copy.deepcopy(lab["projects"]["web"])), {"more": "created"}, []),
    "removed": (
        lambda lab: lab["projects"].pop("nightly"),
        {"nightly": "removed"},
        [],
    ),
    "the last of a person": (
        lambda lab: lab["projects"]["web"].update(state="retired"),
        {"web": "retired"},
        ["LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding", "Secret", "ServiceAccount"],
    ),
    "owner": (
        lambda lab: lab["projects"]["web"].update(owner="anna"),
        {"web": "replaced"},
        ["LimitRange", "NetworkPolicy", "ResourceQuota", "Role", "RoleBinding", "Secret", "ServiceAccount"],
    ),
    "quota": (lambda lab: lab["groups"]["student"].update(gpus=4), {}, ["ResourceQuota"]),
    "a larger volume": (_grow, {"thesis": "no effect"}, ["volume"]),
    "a person": (lambda lab: lab["people"].update(chloe={"uid": 10050}), {}, ["Namespace"]),
    "network": (
        lambda lab: lab["runs_on"].update(network={"egress": ["10.0.0.0/8"], "denied": []}),
        {"nightly": "no effect", "thesis": "no effect", "web": "no effect"},
        ["NetworkPolicy", "NetworkPolicy"],
    ),
    "context": (
        lambda lab: lab["runs_on"].update(context="other"),
        {"nightly": "no effect", "thesis": "no effect", "web": "no effect"},
        ["connection to the cluster", "connection to the cluster"],
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit(repository: Repository, name: str) -> None:
    """What happens to each project and to what belongs to none; nothing is unknown."""
    change, projects, lab = EDITS[name]
    repository.write(edited(change))
    page = repository.plan()
    assert page.head_error == ""
    said = {one.name: one.action for one in page.projects}
    assert {key: action for key, action in said.items() if action != "no effect"} == {
        key: action for key, action in projects.items() if action != "no effect"
    }
    assert sorted(line.rpartition(": ")[0].rpartition(" ")[0] for line in page.lab) == sorted(lab), page.lab
    assert page.notes == ()


def test_gpus_go_from_whom_to_whom(repository: Repository) -> None:
    """By kind and number, because the scheduler chooses the devices."""
    lab = edited(lambda lab: lab["projects"]["thesis"]["gpus"].update(count=1))
    lab["projects"]["web"]["gpus"] = 1
    repository.write(lab)
    assert [(one.host, one.gpu, one.model, one.before, one.after) for one in repository.plan().gpus] == [
        ("a100", "nvidia.com/gpu", "A100-40GB", "thesis", "web")
    ]
    repository.write(edited(lambda lab: lab["projects"].pop("thesis")))
    assert {(one.before, one.after) for one in repository.plan().gpus} == {("thesis", None)}


def test_only_what_is_retained_is_said_to_stay(repository: Repository) -> None:
    """The handle on an export goes with the last project that mounts it; a person's namespace does not."""
    repository.write(edited(lambda lab: lab["projects"]["thesis"]["mounts"].pop("data")))
    said = sorted(line.rpartition(": ")[2] for line in repository.plan().lab)
    assert said == ["removed", "removed"]
    lab = edited(lambda lab: lab["projects"].pop("web"))
    del lab["people"]["ben"]
    repository.write(lab)
    (said_of,) = [line for line in repository.plan().lab if line.startswith("Namespace")]
    assert said_of.endswith("leaves the state, kept with all that is in it")


def test_data_at_risk_is_named_where_it_is(repository: Repository) -> None:
    """A dropped claim is refused; a retired one is named with its namespace, and so is another cluster."""
    lab = edited(lambda lab: lab["projects"]["thesis"]["mounts"].pop("home"))
    volume = lab["volumes"].pop("home")
    repository.write(lab, lock=False)
    assert "volume-dropped" in repository.plan().head_error
    repository.write(lab | {"retired": {"home": volume}})
    page = repository.plan()
    assert any("unit-anna/unit-home" in one.message and "retired" in one.message for one in page.risks), page.risks
    repository.write(edited(lambda lab: lab["runs_on"].update(context="other")))
    assert [one.message.split(":")[0] for one in repository.plan().risks] == ["lab → other"]
