"""systemd's part where there is no systemd: run the health checks of a Podman's containers when they are due.

Podman leaves them to a timer of systemd for each container; without one, no container ever becomes healthy.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any

import docker
from docker.errors import DockerException

PAUSE = 0.5
"""Seconds between two looks."""


def main(address: str) -> None:
    """Run due checks until nobody listens at the address any more."""
    client = docker.APIClient(base_url=address, timeout=60)
    last: dict[str, float] = {}
    while True:
        try:
            running = client.containers()
        except (DockerException, OSError):
            return
        for one in running:
            with suppress(DockerException):
                _run_if_due(client, one["Id"], last)
        time.sleep(PAUSE)


def _run_if_due(client: Any, container: str, last: dict[str, float]) -> None:
    interval = (client.inspect_container(container)["Config"].get("Healthcheck") or {}).get("Interval", 0) / 1e9
    now = time.monotonic()
    if interval and now - last.get(container, -interval) >= interval:
        last[container] = now
        # Podman's own API; the Docker-compatible one has no request for it.
        client.get(f"{client.base_url}/v4.0.0/libpod/containers/{container}/healthcheck").close()


if __name__ == "__main__":
    main(sys.argv[1])
