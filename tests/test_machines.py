"""Labs that share a machine: what one gives away, the other cannot."""

from typing import Any

import pytest
from labform.ledger import plan
from labform.lockfile import Lock
from labform.machines import Stack, clashes, machine

from tests.labs import GPUS, hosts, lab, project

SSH = "ssh://labform@gpu1.example.org"
JUPYTER = {"kind": "jupyter"}


def stack(name: str, host: dict[str, Any], projects: dict[str, Any], **sections: Any) -> Stack:
    """A lab that was locked by itself."""
    declared = lab(**{"lab": name, "runs_on": hosts(here={"address": SSH, **host}), "projects": projects, **sections})
    made = plan(declared, Lock(lab=declared.lab), {})
    assert made.problems == ()
    return Stack(f"{name}.yaml", declared, made.lock)


def said(*stacks: Stack) -> list[str]:
    """What is said of which file."""
    return [f"{file}: {problem}" for file, problem in clashes(stacks)]


ONE_GPU = {"gpus": GPUS[:1]}


def test_one_gpu_of_two_labs_is_refused_with_both_holders() -> None:
    """Files, projects and owners; said of the later file, whatever order they are given in."""
    one, two = stack("a", ONE_GPU, {"p": project(gpus=1)}), stack("b", ONE_GPU, {"q": project(gpus=1)})
    expected = [
        (
            "b.yaml: error[two-labs] projects.q.gpus: the locks give GPU-a to q (anna) of b.yaml and to p (anna) of "
            "a.yaml, on one machine; take it out of the host in one of the files, then run `labform lock` there"
        )
    ]
    assert said(one, two) == said(two, one) == expected


def test_other_addresses_of_one_gpu_are_one_machine() -> None:
    """A GPU is in one machine only: the same UUID says it, whatever the addresses are."""
    two = stack("b", {**ONE_GPU, "address": "ssh://10.0.0.7"}, {"q": project(gpus=1)})
    assert len(said(stack("a", ONE_GPU, {"p": project(gpus=1)}), two)) == 1


def test_a_third_file_joins_two_machines_that_are_one() -> None:
    """One by its address, the other by its GPU."""
    needs = {"resources": {"cpus": 3}}
    one = stack("a", {"cpus": 8}, {"p": project(**needs)})
    two = stack("b", {**ONE_GPU, "address": "ssh://other", "cpus": 8}, {"q": project(**needs)})
    three = stack("c", {**ONE_GPU, "cpus": 8}, {"r": project(**needs)})
    assert said(one, two) == []
    (message,) = said(one, two, three)
    assert message == (
        "c.yaml: error[over-commit] runs_on.hosts.here.cpus: 9 CPUs asked of 8: p (anna) of a.yaml 3, q (anna) of "
        "b.yaml 3, r (anna) of c.yaml 3; cpus: and memory: are the machine's, for all stack files together"
    )


def test_other_machines_have_nothing_in_common() -> None:
    """Two servers, the same port and the same name of a host."""
    one = stack("a", {"cpus": 1}, {"p": project(service=JUPYTER)})
    two = stack("b", {"cpus": 1, "address": "ssh://gpu2"}, {"q": project(service=JUPYTER)})
    assert said(one, two) == []


def test_a_port_is_of_one_lab() -> None:
    """Both locks chose the first of the range."""
    one, two = stack("a", {}, {"p": project(service=JUPYTER)}), stack("b", {}, {"q": project(service=JUPYTER)})
    (message,) = said(one, two)
    assert "projects.q.service: the locks give port 20000 to q (anna) of b.yaml and to p (anna) of a.yaml" in message


def test_memory_is_added_up_and_a_retired_project_holds_nothing() -> None:
    """What is asked by all that run; shared memory is named, not added."""
    small = {"resources": {"memory": "6Gi", "shared_memory": "1Gi"}}
    one = stack("a", {"memory": "8Gi"}, {"p": project(**small)})
    assert "12Gi asked of 8Gi" in said(one, stack("b", {"memory": "8Gi"}, {"q": project(**small)}))[0]
    assert said(one, stack("b", {"memory": "8Gi"}, {"q": project(**small, state="retired")})) == []


def test_one_gpu_in_two_layouts_is_refused() -> None:
    """Whole in one file and in slices in the other: nothing else would tell that both hold the same silicon."""
    sliced = {"gpus": [{**GPUS[0], "mig": [{"uuid": "MIG-1", "profile": "1g.5gb"}]}]}
    (message,) = said(stack("a", ONE_GPU, {}), stack("b", sliced, {}))
    assert message == (
        "b.yaml: error[two-labs] runs_on.hosts.here.gpus.0: GPU-a is 1 x 1g.5gb here and whole in a.yaml; "
        "`labform inventory --check` says which is right"
    )


def test_two_labs_of_one_name_would_fight_over_names() -> None:
    """Containers and volumes are named after the lab."""
    one = stack("a", {}, {})
    (message,) = said(one, Stack("copy.yaml", one.lab, one.lock))
    assert message.startswith("copy.yaml: error[two-labs] lab: a.yaml declares lab a on the same machine, here: ")


@pytest.mark.parametrize(
    ("name", "more", "said_of"),
    [("a", {}, 1), ("a", {"namespace": "b"}, 1), ("a", {"context": "other"}, 0), ("b", {}, 0)],
    ids=["same namespaces", "other namespaces", "another cluster", "another name"],
)
def test_a_cluster_has_one_lab_of_a_name(name: str, more: dict[str, str], said_of: int) -> None:
    """Whatever its namespaces are called: claims and exports are known by the lab's name."""
    cluster = {"kind": "kubernetes", "context": "prod"}
    registry = {"address": "registry.example.org"}
    both = [("a", cluster), (name, {**cluster, **more})]
    made = [lab(lab=each, runs_on=runs_on, registry=registry) for each, runs_on in both]
    found = said(*(Stack(f"{place}.yaml", one, Lock(lab=one.lab)) for place, one in enumerate(made)))
    assert len(found) == said_of
    assert all(one.startswith("1.yaml: error[two-labs] lab: 0.yaml declares lab a in the same") for one in found)


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("ssh://a@gpu1", "ssh://b@GPU1:22", True),
        ("ssh://gpu1", "tcp://gpu1:2376", True),
        ("ssh://gpu1", "ssh://gpu2", False),
        ("unix:///run/docker.sock", "unix:///run/docker.sock", True),
        ("unix:///run/docker.sock", "unix:///run/other.sock", False),
        ("ssh://a@localhost:2201", "ssh://a@localhost:2202", False),
        ("ssh://a@127.0.0.1:2201", "ssh://b@127.0.0.1:2201", True),
        ("tcp://[::1]:1", "tcp://[::1]:2", False),
    ],
)
def test_what_an_address_says_of_a_machine(address: str, other: str, same: bool) -> None:
    """Users and protocols do not matter; a tunnel's port does."""
    assert (machine(address) == machine(other)) is same
