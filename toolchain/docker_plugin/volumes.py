"""Volumes: made by name, so one that is already there is taken over without a word."""

import time
from collections.abc import Callable
from typing import Any

from docker.errors import APIError, NotFound

from toolchain.properties import Values

REMOVAL_SECONDS = 30
"""How long a delete waits for what still uses a volume or network."""


def create(client: Any, planned: Values) -> str:
    """Make a volume and return its name."""
    volume = client.create_volume(
        name=planned["name"],
        driver=planned["driver"],
        driver_opts=planned["driverOpts"],
        labels=labels_of(planned["labels"]),
    )
    return str(volume["Name"])


def read(client: Any, name: str, _: Values) -> Values | None:
    """Return what the daemon knows about a volume, None if it is gone."""
    try:
        volume = client.inspect_volume(name)
    except NotFound:
        return None
    return {
        "name": volume["Name"],
        "labels": label_list(volume["Labels"]),
        "driver": volume["Driver"],
        "driverOpts": volume["Options"] or {},
        "mountpoint": volume["Mountpoint"],
    }


def delete(client: Any, name: str, _: Values) -> None:
    """Remove a volume once nothing uses it any more."""
    when_free("volume is in use", lambda: client.remove_volume(name, force=True))


def when_free(busy: str, remove: Callable[[], Any]) -> Any:
    """Repeat a removal while the daemon says that the object is in use."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            return remove()
        except NotFound:
            return None
        except APIError as error:
            if busy not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(1)


def labels_of(labels: list[Values] | None) -> dict[str, str]:
    """Return labels as the daemon takes them."""
    return {item["label"]: item["value"] for item in labels or []}


def label_list(labels: dict[str, str] | None) -> list[Values]:
    """Return labels as a state has them."""
    return [{"label": name, "value": value} for name, value in sorted((labels or {}).items())]
