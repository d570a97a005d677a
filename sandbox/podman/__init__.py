"""A private Podman, whose Docker-compatible socket a lab can use as a host, and Buildah beside it.

Usage:
    pod = podman.start(Path("/tmp/pod"))
    docker.DockerClient(base_url=pod.address).version()
    podman.buildah(pod, "bud", "--tag", "name", "folder")
    podman.remove(Path("/tmp/pod"))
"""

from .lifecycle import Podman, buildah, remove, start

__all__ = ["Podman", "buildah", "remove", "start"]
