"""What CUDA asks of a driver and of a GPU: tables and the comparison of versions. No table is guessed beyond.

Sources, NVIDIA's own pages: CUDA Toolkit Release Notes 13.0, "CUDA Toolkit and Minimum Required Driver Version for
CUDA Minor Version Compatibility" and "CUDA Toolkit and Corresponding Driver Versions" (Linux); "CUDA GPU Compute
Capability" and "Legacy CUDA GPU Compute Capability"; cuFFT 12.6, "Deprecated Functionality", and the release notes of
13.0, "Deprecated Architectures", for what the libraries of a CUDA version no longer run on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Version = tuple[int, ...]

_DRIVERS: Mapping[Version, Version] = {
    (10, 0): (410, 48),
    (10, 1): (418, 39),
    (10, 2): (440, 33),
    (11, 0): (450, 36, 6),
    (11, 1): (450, 80, 2),
    (12, 0): (525, 60, 13),
    (13, 0): (580, 65, 6),
}
"""From which CUDA version on which driver suffices, up to the next entry of the same major version."""

_OLDEST: Mapping[int, Version] = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
"""The least compute capability that the libraries of a major version run on."""

_MODELS = {
    (12, 1): "GB10",
    (12, 0): "RTX-PRO-6000 RTX-PRO-5000 RTX-PRO-4500 RTX-PRO-4000 RTX-PRO-2000"
    " RTX-5090 RTX-5080 RTX-5070-Ti RTX-5070 RTX-5060-Ti RTX-5060 RTX-5050",
    (10, 3): "GB300 B300",
    (10, 0): "GB200 B200",
    (9, 0): "GH200 H200 H100",
    (8, 9): "L4 L40 L40S RTX-6000-Ada RTX-5000-Ada RTX-4500-Ada RTX-4000-Ada RTX-4000-SFF-Ada RTX-2000-Ada"
    " RTX-4090 RTX-4080 RTX-4070-Ti RTX-4070 RTX-4060-Ti RTX-4060 RTX-4050",
    (8, 6): "A40 A10 A16 A2 RTX-A6000 RTX-A5000 RTX-A4000 RTX-A3000 RTX-A2000 RTX-3090",
    (8, 0): "A100 A30",
    (7, 5): "T4",
    (7, 0): "V100 GV100 TITAN-V",
    (6, 1): "P40 P4",
    (6, 0): "P100 GP100",
}
_CAPABILITIES: Mapping[str, Version] = {name: version for version, names in _MODELS.items() for name in names.split()}
_SIZE = re.compile(r"-\d+GB$")
_EDITION = re.compile(r"-Blackwell(-.+)?$")

_IMAGE = re.compile(r"(?:^|/)cuda:(\d+)\.(\d+)|[:-](?:cuda|cu)-?(\d+)\.(\d+)|[:-]cu(\d{2})(\d)\b")
"""`nvidia/cuda:12.4.1-…`, `pytorch:2.5.1-cuda12.4-…`, `torch:2.6.0-cu124`."""
_WHEEL = re.compile(r"^name = \"nvidia-cuda-runtime(?:-cu\d+)?\"\nversion = \"(\d+)\.(\d+)", re.MULTILINE)
"""The CUDA runtime in a uv.lock."""
_REQUIREMENT = re.compile(r"^nvidia-cuda-runtime(?:-cu\d+)?\s*==\s*(\d+)\.(\d+)", re.MULTILINE)
"""The CUDA runtime in a requirements file."""
_LOCAL = re.compile(r"(?:==\s*|version = \")[0-9.]+\+cu(\d{2})(\d)\b")
"""A wheel built for a CUDA version, in either: `torch==2.6.0+cu124`."""


@dataclass(frozen=True)
class CudaNeed:
    """The CUDA version that something was built for, and what says so."""

    version: Version
    source: str


def version_of(text: str) -> Version:
    """`550.54.14` as numbers, `(550, 54, 14)`."""
    return tuple(map(int, text.split(".")))


def version_text(version: Version) -> str:
    """Numbers as people write them, `9.0`; the third part of a driver has two digits, `580.65.06`."""
    return ".".join(f"{part:02}" if place == 2 else str(part) for place, part in enumerate(version))


def least_driver(cuda: Version) -> Version | None:
    """The oldest driver that a CUDA version runs on, minor version compatibility counted; None where unknown."""
    suited = [start for start in _DRIVERS if start[0] == cuda[0] and start <= cuda[:2]]
    return _DRIVERS[max(suited)] if suited else None


def newest_cuda(driver: Version) -> int | None:
    """The newest major version of CUDA that a driver runs; None for one that is older than all known."""
    return max((cuda[0] for cuda, least in _DRIVERS.items() if enough(driver, least)), default=None)


def known() -> str:
    """What the table of drivers covers."""
    return f"known: CUDA {version_text(min(_DRIVERS))} to {max(_DRIVERS)[0]}.x"


def enough(driver: Version, least: Version) -> bool:
    """Whether a driver is new enough, as far as its version is written: 580.65 is taken for 580.65.06."""
    return driver >= least[: len(driver)]


def capability(model: str) -> Version | None:
    """The compute capability of a GPU by the word of stack files, `A100-40GB`; None for an unknown model."""
    return _CAPABILITIES.get(_EDITION.sub("", _SIZE.sub("", model)))


def least_capability(cuda: Version) -> Version | None:
    """The least compute capability that CUDA's own libraries need; None where unknown."""
    return _OLDEST.get(cuda[0])


def cuda_of_images(images: Iterable[str]) -> CudaNeed | None:
    """The CUDA version in the tag of an image that is built on; of several, the least: the others may only build."""
    found = [CudaNeed(version, image) for image in images if (version := _first(_IMAGE, image))]
    return min(found, key=lambda one: one.version, default=None)


def cuda_of_packages(name: str, text: str) -> CudaNeed | None:
    """The CUDA version of the wheels that a uv.lock or requirements file pins."""
    version = next((one for pattern in (_WHEEL, _REQUIREMENT, _LOCAL) if (one := _first(pattern, text))), None)
    return CudaNeed(version, name) if version else None


def _first(pattern: re.Pattern[str], text: str) -> Version | None:
    match = pattern.search(text)
    return tuple(int(part) for part in match.groups() if part is not None) if match else None
