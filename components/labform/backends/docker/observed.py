"""What a host's daemon says of a lab: its containers with their images and files, networks and volumes. Asks only."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labform.backends.docker.daemon import found
from labform.backends.docker.facts import labels_of
from labform.backends.docker.live import Containers, labels_in, named
from labform.naming import LAB_LABEL, PROJECT_LABEL

if TYPE_CHECKING:
    from docker import DockerClient

Files = Mapping[str, str | None]
"""The content of files by their paths; None for one that is not there, or is no file of text."""


@dataclass(frozen=True)
class Observed:
    """One host, as far as somebody asked."""

    containers: Containers
    """All of them, the lab's and others, by name."""
    images: Mapping[str, Mapping[str, Any]]
    """The configurations of the images that the lab's containers run, by id."""
    files: Mapping[str, Files]
    """The files of containers, by the containers' names."""
    networks: Mapping[str, Mapping[str, Any]]
    """By name."""
    volumes: Mapping[str, Mapping[str, Any]]
    """By name."""


def observe(client: "DockerClient", registrations: Iterable[Mapping[str, Any]]) -> Observed:
    """Ask a daemon for all that it has, and of the containers that are registered for their images and files.

    `registrations` are the containers' inputs.
    """
    containers = named(client.containers.list(all=True, ignore_removed=True))
    wanted = {name_of(one, containers): _paths(one) for one in registrations}
    files = {name: paths for name, paths in wanted.items() if name}
    images = {one: found(client.images, one) for one in sorted({containers[name]["Image"] for name in files})}
    return Observed(
        containers,
        {key: one.attrs["Config"] or {} for key, one in images.items() if one},
        {name: _files(client, name, paths) for name, paths in files.items()},
        {str(one.name): one.attrs for one in client.networks.list()},
        {one.name: one.attrs for one in client.volumes.list()},
    )


def name_of(inputs: Mapping[str, Any], seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The name of a registration's container among a host's containers: its own, or the one it was renamed to."""
    labels = {key: value for key, value in labels_of(inputs).items() if key in (LAB_LABEL, PROJECT_LABEL)}
    ours = [name for name in sorted(seen) if labels.items() <= labels_in(seen[name]).items()]
    return inputs["name"] if inputs["name"] in ours else next(iter(ours), None)


def _paths(inputs: Mapping[str, Any]) -> list[str]:
    return [one["file"] for one in inputs.get("uploads") or []]


def _files(client: "DockerClient", name: str, paths: Iterable[str]) -> dict[str, str | None]:
    container = found(client.containers, name)
    return {path: _content(container, path) if container else None for path in paths}


def _content(container: Any, path: str) -> str | None:
    from docker.errors import NotFound

    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        content = archive.extractfile(archive.getmembers()[0])
        return content.read().decode(errors="replace") if content else None
