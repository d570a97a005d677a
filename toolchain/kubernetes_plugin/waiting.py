"""Waiting until an object is ready or gone, bounded; what is missing then goes into the error."""

import threading
import time
from collections.abc import Callable

from toolchain.kubernetes_plugin.api import Api, ApiError, UnreachableError
from toolchain.kubernetes_plugin.objects import annotation
from toolchain.kubernetes_plugin.readiness import LOOKS, Look, Outlook
from toolchain.properties import Values

EVERY = 0.3
"""Seconds between two looks; the official plugin watches instead."""

SETTLED = 10.0
"""Seconds without an endpoint after which a Service is taken to have none."""

LIMIT = 600.0
"""Seconds; the official plugin's, where neither option nor annotation says another."""

LIMITS = {"v1/PersistentVolume": 300.0, "v1/PersistentVolumeClaim": 300.0, "v1/ResourceQuota": 60.0}
"""Seconds, by kind; never longer than what was asked for."""

NO_DELETION_WAIT = {
    *("v1/Namespace", "v1/Pod", "v1/ReplicationController"),
    *("apps/v1/DaemonSet", "apps/v1/Deployment", "apps/v1/StatefulSet", "batch/v1/Job"),
}
"""Kinds of which `skipAwait` skips the end too."""


class NotReadyError(Exception):
    """The object exists but is not ready; `reasons` are what is missing."""

    def __init__(self, message: str, live: Values, reasons: list[str]) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = reasons


def limit_of(inputs: Values, timeout: float) -> float:
    """Return how long to wait at most: the resource option's seconds, else the annotation's, else ten minutes."""
    said = annotation(inputs, "timeoutSeconds")
    return timeout or (float(said) if said.isdigit() else LIMIT)


def until_ready(
    server: Api,
    inputs: Values,
    live: Values,
    limit: float,
    cancelled: threading.Event,
    tell: Callable[[str], None],
) -> Values:
    """Wait until an object is ready and return it; NotReadyError if it is not in time, or can't be any more."""
    kind = f"{live['apiVersion']}/{live['kind']}"
    look = LOOKS.get(kind)
    if look is None or annotation(inputs, "skipAwait") == "true":
        return live
    start = time.monotonic()
    end = start + min(limit, LIMITS.get(kind, limit))
    while True:
        live, found = _looked(look, server, live)
        name = live["metadata"]["name"]
        if found.ready or (found.settles and time.monotonic() > start + SETTLED):
            return live
        if found.failed:
            raise NotReadyError(f"Resource '{name}' was created but failed to initialize", live, found.reasons)
        if time.monotonic() > end:
            raise NotReadyError(f"'{name}' timed out waiting to be Ready", live, found.reasons)
        if found.waiting:
            tell(found.waiting)
        if cancelled.wait(EVERY):
            raise NotReadyError(f'Resource operation was cancelled for "{name}"', live, found.reasons)


def _looked(look: Look, server: Api, live: Values) -> tuple[Values, Outlook]:
    """Look once; a server that does not answer now may do so before the time is over."""
    try:
        live = server.get(live)
        return live, look(server, live)
    except (ApiError, UnreachableError) as error:
        return live, Outlook(ready=False, reasons=[str(error)], waiting=str(error))


def as_read(server: Api, inputs: Values, live: Values) -> None:
    """Raise NotReadyError if an object that is read is not ready."""
    look = LOOKS.get(f"{live['apiVersion']}/{live['kind']}")
    if look is None or not look.__name__.startswith("workload_") or annotation(inputs, "skipAwait") == "true":
        return
    found = look(server, live)
    if not found.ready and not found.settles:
        name = live["metadata"]["name"]
        raise NotReadyError(f"Resource '{name}' was created but failed to initialize", live, found.reasons)


def until_gone(server: Api, inputs: Values, live: Values, limit: float, cancelled: threading.Event) -> None:
    """Wait until an object is gone; NotReadyError with its finalizers if it is not in time."""
    kind = f"{live['apiVersion']}/{live['kind']}"
    if kind in NO_DELETION_WAIT and annotation(inputs, "skipAwait") == "true":
        return
    end = time.monotonic() + limit
    uid, found = live["metadata"].get("uid"), live
    while True:
        try:
            found = server.get(live)
        except UnreachableError:
            pass
        except ApiError as error:
            if error.status == 404:
                return
            raise
        # Somebody else's object of the same name, made since.
        if uid and found["metadata"]["uid"] != uid:
            return
        if time.monotonic() > end or cancelled.wait(EVERY):
            finalizers = ", ".join(found["metadata"].get("finalizers") or [])
            reason = f"finalizers might be preventing deletion ({finalizers})"
            raise NotReadyError("timed out waiting for the condition", found, [reason])
