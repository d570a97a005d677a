"""Who holds which GPU and who uses how much: the plan, for a preview, a page or a terminal. Pure: no host is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from labform.backends import Kubernetes
from labform.backends.kubernetes import devices
from labform.lockfile import Lock
from labform.quotas import Usage
from labform.stack_file import LabArgs
from labform.units import units


def gpu_table(args: LabArgs, lock: Lock) -> list[dict[str, Any]]:
    """Every GPU and MIG instance of the lab: host, id, model, profile, and who holds it.

    In a cluster `gpu` is the resource that the scheduler counts, and `host` the pools of nodes that have it.
    """
    if isinstance(args.runs_on, Kubernetes):
        return devices.rows(args)
    holders = {(place.host, unit): name for name, place in lock.placements().items() for unit in place.gpus}
    rows = []
    for host in sorted(args.hosts):
        for unit in units(args.hosts[host]):
            holder = holders.get((host, unit.id))
            owner = args.projects[holder].owner if holder else None
            row = {"host": host, "gpu": unit.id, "model": unit.model, "profile": unit.profile}
            rows.append({**row, "holder": holder, "owner": owner})
    return rows


def gpu_summary(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The table in a line for each device, by host, so that a preview's diff reads: free => thesis (anna).

    Devices that are alike, as a cluster's are, share a line: `4 thesis (anna), 2 free`.
    """
    holders: dict[str, dict[str, Counter[str]]] = {}
    for row in rows:
        device = " ".join(filter(None, (row["model"], row["profile"], row["gpu"])))
        held = f"{row['holder']} ({row['owner']})" if row["holder"] else "free"
        holders.setdefault(row["host"], {}).setdefault(device, Counter())[held] += 1
    return {host: {device: _shared(found) for device, found in of.items()} for host, of in holders.items()}


def _shared(holders: "Counter[str]") -> str:
    alone = holders.total() == 1
    return ", ".join(held if alone else f"{count} {held}" for held, count in holders.items())


def quota_summary(usage: Iterable[Usage]) -> dict[str, dict[str, str]]:
    """What each person uses of what they may, by kind: `{"anna": {"gpus": "9/7 of 2", …}}`."""
    summary: dict[str, dict[str, str]] = {}
    for row in (one.row() for one in usage):
        summary.setdefault(row["person"], {})[row["kind"]] = f"{row['used']} of {row['limit']}"
    return summary
