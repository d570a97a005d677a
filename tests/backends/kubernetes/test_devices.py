"""A cluster's GPUs as rows: what is asked for, by kind, since the scheduler chooses the devices."""

from collections import Counter
from typing import Any

from labform.backends.kubernetes import devices
from labform.gpu_table import gpu_summary, gpu_table
from labform.lockfile import Lock

from tests.backends.kubernetes.cluster_lab import LAB, lab


def counted(**projects: Any) -> Counter[tuple[str, str, str | None]]:
    """How many rows of each kind, with their holders."""
    made = lab(projects={**LAB["projects"], **projects})
    return Counter((row["gpu"], row["model"], row["holder"]) for row in devices.rows(made))


def test_every_device_has_a_row() -> None:
    """Held by a project, or free."""
    assert counted() == {
        ("nvidia.com/gpu", "A100-40GB", "thesis"): 2,
        ("nvidia.com/gpu", "A100-40GB", None): 2,
        ("nvidia.com/mig-1g.10gb", "H100-80GB", "nightly"): 1,
        ("nvidia.com/mig-1g.10gb", "H100-80GB", None): 6,
    }


def test_of_two_models_nobody_knows_which_are_left() -> None:
    """Where a project takes a GPU of any model."""
    nodes = {**LAB["runs_on"]["nodes"], "h": {"count": 1, "product": "H", "gpus": 4}}
    made = lab(runs_on={**LAB["runs_on"], "nodes": nodes}, projects={"any": {**LAB["projects"]["web"], "gpus": 1}})
    rows = [row for row in devices.rows(made) if row["gpu"] == "nvidia.com/gpu"]
    assert Counter((row["model"], row["holder"]) for row in rows) == {("any", "any"): 1, ("any", None): 7}
    assert {row["host"] for row in rows} == {"a100, h"}


def test_the_summary_counts_those_that_are_alike() -> None:
    """So that a preview's diff says how many change hands."""
    summary = gpu_summary(gpu_table(lab(), Lock(lab="unit")))
    assert summary["a100"] == {"A100-40GB nvidia.com/gpu": "2 thesis (anna), 2 free"}
