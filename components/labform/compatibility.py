"""Whether the GPUs and the driver that a project was given do what its image needs. Pure; said before it starts.

What an environment shows of itself counts where the tables of `cuda` know it; what a project declares always counts,
so that there the unknown is a fault as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labform import cuda
from labform.cuda import CudaNeed, Version, version_of, version_text
from labform.problems import Location, Problem
from labform.stack_file import LabArgs
from labform.units import Placement, Unit, units


@dataclass(frozen=True)
class _Needs:
    """A project's needs, its host and its devices."""

    project: str
    host: str
    devices: tuple[Unit, ...]
    cuda: CudaNeed | None
    capability: Version | None
    """As the project declares it."""
    declared: bool
    """Whether the project declares the CUDA version itself."""

    @property
    def at(self) -> Location:
        """Where the CUDA version is written."""
        return ("projects", self.project, *(("requires", "cuda") if self.declared else ("environment",)))


def incompatible(lab: LabArgs, placements: Mapping[str, Placement], found: Mapping[str, CudaNeed]) -> Iterator[Problem]:
    """A problem for each project whose driver or GPUs are too old, or unknown where it declares what it needs.

    `found` is the CUDA version that environments show, by project; what `requires` says takes its place.
    """
    for name, project in lab.running().items():
        asked = project.requires
        place = placements.get(name)
        if place and not place.gpus and (asked.cuda or asked.compute_capability):
            hint = "write gpus: 1, or leave requires out"
            yield Problem(("projects", name, "requires"), "no-gpu-asked", "is about GPUs, and it asks for none", hint)
        if place and place.gpus and place.host in lab.hosts:
            devices = tuple(unit for unit in units(lab.hosts[place.host]) if unit.id in place.gpus)
            own = CudaNeed(version_of(asked.cuda), f"projects.{name}.requires.cuda") if asked.cuda else None
            capability = version_of(asked.compute_capability) if asked.compute_capability else None
            needs = _Needs(name, place.host, devices, own or found.get(name), capability, own is not None)
            yield from (*_driver(lab, needs), *_capability(lab, needs))


def _driver(lab: LabArgs, needs: _Needs) -> Iterator[Problem]:
    if needs.cuda is None:
        return
    least, driver = cuda.least_driver(needs.cuda.version), lab.hosts[needs.host].driver
    source = "" if needs.declared else f" (from {needs.cuda.source})"
    said = f"needs CUDA {version_text(needs.cuda.version)}{source}"
    if least is None and needs.declared:
        yield Problem(needs.at, "unknown-cuda", f"{said}, and which driver that needs is not known", cuda.known())
    elif driver is None and needs.declared:
        hint = f'write runs_on.hosts.{needs.host}.driver: "…", as `labform inventory` prints it'
        yield Problem(needs.at, "unknown-driver", f"{said}, and the driver of {needs.host} is not declared", hint)
    elif least and driver and not cuda.enough(version_of(driver), least):
        newest = cuda.newest_cuda(version_of(driver))
        runs = f"runs CUDA up to {newest}.x" if newest else "is older than any labform knows"
        message = f"{said}, so driver {version_text(least)} or newer; {needs.host} has {driver}, which {runs}"
        yield Problem(needs.at, "driver-too-old", message, _newer_hosts(lab, least, newest))


def _newer_hosts(lab: LabArgs, least: Version, newest: int | None) -> str:
    drivers = {name: host.driver for name, host in sorted(lab.hosts.items()) if host.driver and host.gpus}
    there = [f"host: {name} ({text})" for name, text in drivers.items() if cuda.enough(version_of(text), least)]
    image = f", or use an image for CUDA {newest}" if newest else ""
    return f"{f'write {there[0]}, ' if there else ''}update the driver{image}"


def _capability(lab: LabArgs, needs: _Needs) -> Iterator[Problem]:
    at: Location = ("projects", needs.project, "requires", "compute_capability")
    least, source = needs.capability, ""
    if least is None and needs.cuda:
        least, at = cuda.least_capability(needs.cuda.version), needs.at
        source = f" (from CUDA {version_text(needs.cuda.version)} of {needs.cuda.source})"
    for model in sorted({unit.model for unit in needs.devices}) if least else ():
        has = cuda.capability(model)
        said = f"needs compute capability {version_text(least or ())}{source}"
        if has is None and needs.capability:
            message = f"{said}, and what {model} of {needs.host} has is not known"
            hint = "write its model as `labform inventory` prints it, or leave requires.compute_capability out"
            yield Problem(at, "unknown-capability", message, hint)
        elif has and least and has < least:
            message = f"{said}; {model} of {needs.host} has {version_text(has)}"
            yield Problem(at, "capability-too-low", message, _newer_models(lab, least))


def _newer_models(lab: LabArgs, least: Version) -> str:
    models = sorted({gpu.model for host in lab.hosts.values() for gpu in host.gpus})
    able = [model for model in models if (has := cuda.capability(model)) and has >= least]
    return f"write gpus: {{model: {able[0]}}}" if able else "no GPU of this lab has it"
