"""How each project of a lab is: what its daemon says of its container."""

from collections.abc import Iterator, Mapping
from typing import Any

from labform import naming
from labform.backends.docker.data import data_of, invitation, url_of
from labform.backends.docker.devices import devices_of
from labform.backends.docker.live import Containers, containers_on, other_gpus, unplanned
from labform.backends.live import Row
from labform.lockfile import Lock
from labform.problems import LabformError
from labform.stack_file import LabArgs


def lab_status(args: LabArgs, lock: Lock) -> list[Row]:
    """A row for each project, in the order of names, with what its daemon says of its container.

    After them come containers of this lab that the lock gives no place: what a killed run left, or an `up` removes; and
    hosts without projects that do not answer.
    """
    with_gpus = {naming.container(args.lab, name) for name, place in lock.placements().items() if place.gpus}
    seen = containers_on(args.hosts, lab=args.lab, whole=with_gpus)
    rows = [_row(args, lock, name, seen) for name in sorted(args.projects)]
    return rows + [row for host, found in seen.items() for row in _unplanned(args, lock, host, found)]


def _row(args: LabArgs, lock: Lock, name: str, seen: Mapping[str, Containers | LabformError]) -> Row:
    row = {"project": name, "state": "retired", "image": "", "url": "", "data": data_of(args, name)}
    place = lock.placement(name)
    if place is None:
        return row
    project = args.projects[name]
    if url := url_of(project, place):
        row["url"] = invitation(project, url, None)
    found = seen[place.host]
    if isinstance(found, LabformError):
        return row | {"state": "unknown", "cause": str(found)}
    container = found.get(naming.container(args.lab, name))
    if container is None:
        return row | {"state": "missing", "cause": "it has no container; run `pulumi up`"}
    row["image"] = container["Config"]["Image"]
    holds = place.gpus and container["State"]["Running"]
    if holds and (said := other_gpus(devices_of(container, args.hosts[place.host]), place)):
        return row | {"state": "other-gpus", "cause": said}
    return row | _state(container, is_run=project.run is not None)


def _unplanned(args: LabArgs, lock: Lock, host: str, found: Containers | LabformError) -> Iterator[Row]:
    there = lock.placements_at(args.hosts, host)
    if isinstance(found, LabformError):
        if not there:
            row = {"project": f"(host {host})", "image": "", "url": "", "data": []}
            yield {**row, "state": "unknown", "cause": str(found)}
        return
    here = {naming.container(args.lab, name) for name in there}
    for name in sorted({*found} - here):
        row = {"project": name, "image": found[name]["Config"]["Image"], "url": "", "data": []}
        yield {**row, "state": "unplanned", "cause": f"on {host}, and {unplanned(name)}"}


def _state(seen: Mapping[str, Any], *, is_run: bool) -> dict[str, str]:
    state = seen["State"]
    name = seen["Name"].lstrip("/")
    # Podman says `stopped` until it has tidied up, and has an empty health for those without a check.
    ended = state["Status"] in ("exited", "stopped")
    if ended and is_run:
        code = state["ExitCode"]
        return (
            {"state": "done"}
            if code == 0
            else {"state": "failed", "cause": f"exit code {code}; see `docker logs {name}`"}
        )
    if state["Status"] == "running":
        health = state.get("Health", {})
        if health.get("Status") == "unhealthy":
            said = health["Log"][-1]["Output"].strip().splitlines()[-1:] if health.get("Log") else []
            return {"state": "unhealthy", "cause": "; ".join([*said, f"see `docker logs {name}`"])}
        return {"state": health.get("Status") or "running"}
    if ended:
        return {"state": "stopped", "cause": f"exit code {state['ExitCode']}; see `docker logs {name}`"}
    return {"state": state["Status"], "cause": state.get("Error") or f"see `docker logs {name}`"}
