"""A sandbox whose layers the next run of the tests finds again, and nothing else of this one."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import docker

import sandbox
from sandbox.layout import cache_directory, layout_of
from sandbox.state import State

LARGEST = 8 * 1024**3
"""Bytes of layers and of build cache from which on a daemon begins anew."""


@contextmanager
def warm_sandbox(kind: str) -> Iterator[sandbox.Sandbox]:
    """A daemon, a registry and a base image that no other run uses; layers are kept, each by its content."""
    with _unused(cache_directory() / "tests") as root:
        box = sandbox.start(root, name=f"{kind}-{root.name}")
        small = False
        try:
            if State.read(layout_of(root).state).private:
                _sweep(box)
            yield box
            small = _size(box) < LARGEST
        finally:
            (sandbox.stop if small else sandbox.remove)(root)


@contextmanager
def _unused(folder: Path) -> Iterator[Path]:
    """The first folder that no run holds; the kernel takes the lock back from a run that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        with (folder / f"{number}.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder / str(number)
            return


def _sweep(box: sandbox.Sandbox) -> None:
    """Remove what a run that was killed has left."""
    client = docker.DockerClient(base_url=box.docker_host)
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    client.networks.prune()
    for volume in client.volumes.list():
        volume.remove(force=True)
    client.close()


def _size(box: sandbox.Sandbox) -> int:
    client = docker.DockerClient(base_url=box.docker_host, timeout=300)
    used = client.df()
    client.close()
    return int(used["LayersSize"]) + sum(int(one["Size"]) for one in used.get("BuildCache") or [])
