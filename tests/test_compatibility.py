"""Driver and GPUs against what a project needs: said where it is known, or where a need is declared."""

from typing import Any

import pytest
from labform.compatibility import incompatible
from labform.cuda import CudaNeed

from tests.labs import GPUS, hosts, lab, placed, project

TWELVE, THIRTEEN = CudaNeed((12, 4), "an image"), CudaNeed((13, 0), "an image")


def codes(
    given: dict[str, Any], shown: CudaNeed | None = None, *, driver: str | None = "550.54.14", model: str = "A100-40GB"
) -> list[str]:
    """What is said of one project with one GPU of a model under a driver."""
    host = {"gpus": [{"uuid": "GPU-a", "model": model}], **({"driver": driver} if driver else {})}
    args = lab(runs_on=hosts(local=host), projects={"p": project(gpus=1, **given)})
    found = incompatible(args, {"p": placed("local", "GPU-a")}, {"p": shown} if shown else {})
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("shown", "driver", "expected"),
    [
        (None, "390.46", []),
        (TWELVE, "550.54.14", []),
        (TWELVE, "525.60.13", []),
        (TWELVE, "525", []),
        (TWELVE, "525.60.12", ["driver-too-old"]),
        (TWELVE, None, []),
        (THIRTEEN, "550.54.14", ["driver-too-old"]),
        (CudaNeed((99, 0), "an image"), "550.54.14", []),
    ],
)
def test_what_an_environment_shows_counts_where_it_is_known(
    shown: CudaNeed | None, driver: str | None, expected: list[str]
) -> None:
    """Neither an undeclared driver nor an unknown version is guessed, and neither is a fault."""
    assert codes({}, shown, driver=driver) == expected


@pytest.mark.parametrize(
    ("requires", "driver", "model", "expected"),
    [
        ({"cuda": "12.4"}, "550.54.14", "A100-40GB", []),
        ({"cuda": "13.0"}, "550.54.14", "A100-40GB", ["driver-too-old"]),
        ({"cuda": "12.4"}, None, "A100-40GB", ["unknown-driver"]),
        ({"cuda": "99.0"}, "550.54.14", "A100-40GB", ["unknown-cuda"]),
        ({"cuda": "99.0"}, None, "A100-40GB", ["unknown-cuda"]),
        ({"compute_capability": "8.0"}, None, "A100-40GB", []),
        ({"compute_capability": "8.6"}, None, "A100-40GB", ["capability-too-low"]),
        ({"compute_capability": "8.0"}, None, "X9000-96GB", ["unknown-capability"]),
        ({"cuda": "13.0"}, "580.65", "V100-32GB", ["capability-too-low"]),
        ({"cuda": "13.0"}, "580.65", "X9000-96GB", []),
        ({"cuda": "13.0", "compute_capability": "7.0"}, "580.65", "V100-32GB", []),
        (
            {"cuda": "13.0", "compute_capability": "9.0"},
            "550.54",
            "A100-40GB",
            ["driver-too-old", "capability-too-low"],
        ),
    ],
)
def test_what_is_declared_has_to_be_known(
    requires: dict[str, str], driver: str | None, model: str, expected: list[str]
) -> None:
    """A declared need that cannot be judged is a fault, and a declared capability takes the place of CUDA's own."""
    assert codes({"requires": requires}, driver=driver, model=model) == expected


def test_a_declared_version_takes_the_place_of_a_shown_one() -> None:
    """An image with NVIDIA's compatibility package runs on an older driver than its tag shows."""
    assert codes({}, THIRTEEN) == ["driver-too-old"]
    assert codes({"requires": {"cuda": "12.0"}}, THIRTEEN) == []


@pytest.mark.parametrize(
    ("given", "place", "expected"),
    [
        ({}, placed(), []),
        ({"requires": {"cuda": "13.0"}}, placed(), ["no-gpu-asked"]),
        ({"gpus": 1, "requires": {"cuda": "13.0"}}, None, []),
        ({"gpus": 1, "requires": {"cuda": "13.0"}, "state": "retired"}, None, []),
    ],
)
def test_who_has_no_gpu_needs_no_driver(given: dict[str, Any], place: Any, expected: list[str]) -> None:
    """A need of GPUs beside no GPU is a fault; who could not be placed has been told so."""
    args = lab(runs_on=hosts(local={"gpus": GPUS, "driver": "470.82"}), projects={"p": project(**given)})
    found = incompatible(args, {"p": place} if place else {}, {"p": THIRTEEN})
    assert [one.code for one in found] == expected


def test_each_model_is_said_once_and_the_way_out_is_named() -> None:
    """Two GPUs of one model are one problem; another host and another model of the lab would do."""
    old, young = GPUS[:2], [{"uuid": "GPU-h", "model": "H100-80GB"}]
    runs_on = hosts(a={"gpus": old, "driver": "550.54"}, b={"gpus": young, "driver": "580.65"}, c={"driver": "580.65"})
    needs = {"cuda": "13.0", "compute_capability": "9.0"}
    args = lab(runs_on=runs_on, projects={"p": project(gpus=2, requires=needs)})
    found = list(incompatible(args, {"p": placed("a", "GPU-a", "GPU-b")}, {}))
    assert [(one.code, one.hint.split(",")[0]) for one in found] == [
        ("driver-too-old", "write host: b (580.65)"),
        ("capability-too-low", "write gpus: {model: H100-80GB}"),
    ]
