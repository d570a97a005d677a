"""What CUDA asks of drivers and GPUs: spot checks of the tables against NVIDIA's pages, and what images show."""

import re

import pytest
from labform import cuda
from labform.cuda import cuda_of_images, cuda_of_packages, version_of, version_text


@pytest.mark.parametrize(
    ("version", "driver"),
    [
        ("9.2", None),
        ("10.2", "440.33"),
        ("11.0", "450.36.06"),
        ("11.8", "450.80.02"),
        ("12.0", "525.60.13"),
        ("12.9", "525.60.13"),
        ("13.1", "580.65.06"),
        ("14.0", None),
    ],
)
def test_the_least_driver_of_a_version(version: str, driver: str | None) -> None:
    """A minor version runs on its major version's first driver; an unknown one has no driver."""
    least = cuda.least_driver(version_of(version))
    assert (version_text(least) if least else None) == driver


@pytest.mark.parametrize(
    ("driver", "least", "enough"),
    [
        ("580.65.06", "580.65.06", True),
        ("580.65.05", "580.65.06", False),
        ("580.65", "580.65.06", True),
        ("580", "580.65.06", True),
        ("579.99", "580.65.06", False),
        ("1000.1", "580.65.06", True),
        ("525.60.14", "525.60.13", True),
    ],
)
def test_a_driver_is_enough_as_far_as_it_is_written(driver: str, least: str, enough: bool) -> None:
    """Numbers are compared, not texts; what is not written is taken to suffice."""
    assert cuda.enough(version_of(driver), version_of(least)) is enough


@pytest.mark.parametrize(
    ("driver", "newest"), [("390.46", None), ("440.33", 10), ("470.199.02", 11), ("550.54", 12), ("580", 13)]
)
def test_the_newest_version_of_a_driver(driver: str, newest: int | None) -> None:
    """What to build an image for where the driver stays."""
    assert cuda.newest_cuda(version_of(driver)) == newest


@pytest.mark.parametrize(
    ("model", "capability"),
    [
        ("A100-40GB", "8.0"),
        ("A100", "8.0"),
        ("A30-24GB", "8.0"),
        ("L40S-48GB", "8.9"),
        ("H100-94GB", "9.0"),
        ("H200-141GB", "9.0"),
        ("B200-180GB", "10.0"),
        ("V100-32GB", "7.0"),
        ("RTX-6000-Ada-48GB", "8.9"),
        ("RTX-PRO-6000-Blackwell-Server-Edition-96GB", "12.0"),
        ("RTX-6000-24GB", None),
        ("X9000-96GB", None),
        ("", None),
    ],
)
def test_the_capability_of_a_model(model: str, capability: str | None) -> None:
    """By the word that `labform inventory` prints; a model that only begins like a known one is unknown."""
    found = cuda.capability(model)
    assert (version_text(found) if found else None) == capability


@pytest.mark.parametrize(("version", "least"), [("11.3", "3.5"), ("12.4", "5.0"), ("13.0", "7.5"), ("10.2", None)])
def test_the_least_capability_of_a_version(version: str, least: str | None) -> None:
    """What its libraries no longer run on."""
    found = cuda.least_capability(version_of(version))
    assert (version_text(found) if found else None) == least


@pytest.mark.parametrize(
    ("images", "version"),
    [
        (["nvidia/cuda:12.4.1-runtime-ubuntu22.04"], "12.4"),
        (["registry.example.org:5000/nvidia/cuda:11.8.0-base"], "11.8"),
        (["pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime"], "12.4"),
        (["rapidsai/base:25.08-cuda12.9-py3.13"], "12.9"),
        (["team/torch:2.6.0-cu124"], "12.4"),
        (["ghcr.io/team/torch:cu118"], "11.8"),
        (["nvidia/cuda:12.4.1-devel", "nvidia/cuda:11.8.0-runtime"], "11.8"),
        (["nvidia/cuda:12.4.1-devel", "python:3.12-slim"], "12.4"),
        (["python:3.12-slim"], None),
        (["nvidia/cuda@sha256:" + "a" * 64], None),
        (["tensorflow/tensorflow:2.14.0-gpu"], None),
        (["team/barracuda:1.2"], None),
        (["team/x:1-cu12"], None),
        ([], None),
    ],
)
def test_an_image_shows_its_version_by_its_tag(images: list[str], version: str | None) -> None:
    """Where it follows a known way of naming; of several the least, because the others may only build."""
    found = cuda_of_images(images)
    assert (version_text(found.version) if found else None) == version
    assert found is None or found.source in images


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('[[package]]\nname = "nvidia-cuda-runtime-cu12"\nversion = "12.4.127"\n', "12.4"),
        ('[[package]]\nname = "nvidia-cuda-runtime"\nversion = "13.0.48"\n', "13.0"),
        ('[[package]]\nname = "torch"\nversion = "2.6.0+cu118"\n', "11.8"),
        ("numpy==2.3.3\nnvidia-cuda-runtime-cu12==12.8.90\n", "12.8"),
        ("torch==2.6.0+cu124\n", "12.4"),
        ("torch==2.6.0\n# nvidia-cuda-runtime-cu12==12.8.90\n", None),
        ('name = "nvidia-cuda-nvrtc-cu12"\nversion = "12.4.127"\n', None),
        ("", None),
    ],
)
def test_locked_wheels_show_their_version(text: str, version: str | None) -> None:
    """The CUDA runtime, else a wheel that says what it was built for."""
    found = cuda_of_packages("uv.lock", text)
    assert (version_text(found.version) if found else None) == version


def test_every_model_has_one_capability() -> None:
    """No word stands twice in the table, and each can stand in a stack file."""
    names = [name for line in cuda._MODELS.values() for name in line.split()]
    assert len(names) == len({*names})
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) for name in names)
