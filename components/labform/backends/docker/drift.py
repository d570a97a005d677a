"""Where what stands on a host is not what `up` registers there: containers, networks, volumes. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from labform.backends.docker.facts import is_secret, labels_of, registered
from labform.backends.docker.inspected import inspected
from labform.backends.docker.live import labels_in, unplanned
from labform.backends.docker.observed import Files, Observed, name_of
from labform.backends.docker.podman import as_docker_says
from labform.backends.drift import AS_DECLARED, EDITED, LOST_DATA, REFRESH, SECRET, Drift, Fact, Facts, differences
from labform.hosts import Host
from labform.naming import LAB_LABEL, PROJECT_LABEL

_OF_IMAGES = frozenset({"env", "label", "entrypoint", "directory", "mount"})
"""Facts that a container may have of its image, which nobody can tell once that is gone."""


def container_drift(host: str, declared: Host, inputs: Mapping[str, Any], built: Facts, seen: Observed) -> Drift | None:
    """How a container differs from its registration; None where it does not.

    `built` are the facts of its image that are known from elsewhere than its inputs: `image` and the image's labels.
    """
    name, project = inputs["name"], labels_of(inputs)[PROJECT_LABEL]
    there = name_of(inputs, seen.containers)
    if there is None:
        said = f"is not of lab {labels_of(inputs)[LAB_LABEL]}; remove or rename it, then {REFRESH}"
        return Drift(project, host, name, said if name in seen.containers else f"is missing; {REFRESH}")
    container = seen.containers[there]
    if declared.engine == "podman":
        container = as_docker_says(container)
    image = seen.images.get(container["Image"])
    wanted = {**registered(inputs, image or {}), **built, **_wanted_files(inputs)}
    running = inspected(container, image or {}, declared, wanted)
    if image is None:
        running = {fact: value for fact, value in running.items() if fact in wanted or fact[0] not in _OF_IMAGES}
    running |= {fact: container["Config"]["Image"] for fact in built if fact == ("image", "")}
    running |= _held_files(inputs, seen.files.get(there, {}))
    found = differences(wanted, running)
    return Drift(project, host, name, differences=found, anew=f"**Container::{name}") if found else None


def others(host: str, lab: str, known: Collection[str], seen: Observed) -> Iterator[Drift]:
    """The containers of a lab on a host beside those that are `known`."""
    for name in sorted(set(seen.containers) - set(known)):
        if labels_in(seen.containers[name]).get(LAB_LABEL) == lab:
            yield Drift("container", host, name, f"is there, and {unplanned(name)}")


def network_drift(host: str, inputs: Mapping[str, Any], seen: Observed) -> Drift | None:
    """How a network differs from its registration."""
    return _made("network", host, inputs, seen.networks.get(inputs["name"]), f"is missing; {REFRESH}")


def volume_drift(host: str, inputs: Mapping[str, Any], seen: Observed) -> Drift | None:
    """How a Docker volume differs from its registration."""
    return _made("volume", host, inputs, seen.volumes.get(inputs["name"]), LOST_DATA)


def _made(
    kind: str, host: str, inputs: Mapping[str, Any], there: Mapping[str, Any] | None, missing: str
) -> Drift | None:
    if there is None:
        return Drift(kind, host, inputs["name"], missing)
    wanted = _settings(inputs.get("driver") or "local", inputs.get("options") or inputs.get("driverOpts"))
    has = _settings(there["Driver"], there.get("Options"))
    wanted |= {("label", key): value for key, value in labels_of(inputs).items()}
    has |= {("label", key): value for key, value in (there.get("Labels") or {}).items()}
    found = differences(wanted, has)
    return Drift(kind, host, inputs["name"], differences=found) if found else None


def _settings(driver: str, options: Mapping[str, str] | None) -> dict[Fact, str]:
    return {("driver", ""): driver, **{("option", key): value for key, value in (options or {}).items()}}


def _wanted_files(inputs: Mapping[str, Any]) -> dict[Fact, str]:
    return {
        ("file", one["file"]): SECRET if is_secret(one["content"]) else AS_DECLARED
        for one in inputs.get("uploads") or []
    }


def _held_files(inputs: Mapping[str, Any], held: Files) -> dict[Fact, str]:
    """What became of the files; of a secret one only that it is there."""
    return {
        ("file", one["file"]): SECRET
        if is_secret(one["content"])
        else AS_DECLARED
        if held[one["file"]] == one["content"]
        else EDITED
        for one in inputs.get("uploads") or []
        if held.get(one["file"]) is not None
    }
