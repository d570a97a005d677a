"""The stack files that ship: good by themselves, and as true to the server that they show as a file can be."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from labform.draft import Draft
from labform.ledger import plan
from labform.loading import read
from labform.lockfile import Lock
from labform.mig import layout
from labform.quotas import quotas
from labform.recipes import cuda_needs, recipes_of

STACKS = Path(__file__).parents[1] / "stacks"


@pytest.fixture(scope="module")
def ds01() -> Draft:
    """The GPU server, read and checked."""
    return read(STACKS / "gpu-server.yaml")


def test_the_gpu_server_is_placed_without_a_problem(ds01: Draft) -> None:
    """From the file alone: recipes, GPUs, ports, quotas, drivers."""
    made = recipes_of(ds01)
    ledger = plan(ds01.lab, Lock(lab="ds01"), {}, needs=cuda_needs(ds01, made))
    assert (made.problems, ledger.problems) == ([], ())
    assert made.images == ("python:3.12-slim",)
    assert len(ds01.lab.projects) >= 12
    assert Counter(len(one.gpus) for one in ledger.lock.projects.values()) == {0: 3, 1: 8}


def test_its_mig_layouts_are_possible(ds01: Draft) -> None:
    """Some of its GPUs are whole, some are cut, and each cut is one that the model has."""
    layouts = [[one.profile for one in gpu.mig] for gpu in ds01.lab.hosts["ds01"].gpus]
    assert [len(one) for one in layouts] == [0, 0, 2, 5]
    assert all(layout("A100-40GB", one) for one in layouts if one)


@pytest.mark.parametrize(
    ("person", "kind", "limit"),
    [
        ("anna", "gpus", Fraction(2)),
        ("anna", "projects", 3),
        ("chloe", "gpus", Fraction(3, 7)),
        ("dmitri", "gpus", Fraction(4)),
        ("dmitri", "gpus_per_project", Fraction(3)),
        ("farid", "projects", 5),
        ("farid", "memory", 640 * 1024**3),
        ("ops", "gpus", "unlimited"),
        ("ops", "projects", 10),
    ],
)
def test_its_limits_are_the_servers(ds01: Draft, person: str, kind: str, limit: object) -> None:
    """The four groups' figures, one person's own, and a lifted one."""
    found = ds01.lab.quota(person, kind)
    assert found is not None
    assert found.value == limit


def test_everybody_stays_within_their_limits_and_some_reach_them(ds01: Draft) -> None:
    """Usage is what the plan gives: a slice of seven is a seventh."""
    found = quotas(ds01.lab, plan(ds01.lab, Lock(lab="ds01"), {}).lock.placements())
    used = {one.person: one.row()["used"] for one in found.usage if one.kind == "gpus"}
    assert used == {
        "anna": "9/7",
        "ben": "2/7",
        "chloe": "1/7",
        "dmitri": "1",
        "elif": "6/7",
        "farid": "1/7",
        "ops": "0",
    }


def test_no_container_asks_for_more_cpus_than_a_laptop_has(ds01: Draft) -> None:
    """Docker refuses more CPUs than the machine has, and the example is to come up on a small one."""
    assert max(ds01.lab.limits(name).cpus for name in ds01.lab.projects) <= 2


def test_the_cluster_is_the_same_lab(ds01: Draft) -> None:
    """The same people, limits and projects, to the field; every request is one that its nodes can serve."""
    cluster = read(STACKS / "cluster.yaml")
    assert (recipes_of(cluster).problems, plan(cluster.lab, Lock(lab="ds01"), {}).problems) == ([], ())
    assert cluster.lab.projects == ds01.lab.projects
    assert (cluster.lab.people, cluster.lab.groups) == (ds01.lab.people, ds01.lab.groups)
    differ = {key for key in ds01.lab.volumes if ds01.lab.volumes[key] != cluster.lab.volumes[key]}
    assert differ == {"points"}
