"""Who holds which GPU and who uses how much: the plan, for a preview, a page or a terminal. Pure: no host is asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from labform.lockfile import Lock
from labform.quotas import Usage
from labform.stack_file import LabArgs
from labform.units import units


def gpu_table(args: LabArgs, lock: Lock) -> list[dict[str, Any]]:
    """Every GPU and MIG instance of the lab: host, id, model, profile, and who holds it."""
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
    """The table in a line for each device, by host, so that a preview's diff reads: free => thesis (anna)."""
    summary: dict[str, dict[str, str]] = {}
    for row in rows:
        device = " ".join(filter(None, (row["model"], row["profile"], row["gpu"])))
        held = f"{row['holder']} ({row['owner']})" if row["holder"] else "free"
        summary.setdefault(row["host"], {})[device] = held
    return summary


def quota_summary(usage: Iterable[Usage]) -> dict[str, dict[str, str]]:
    """What each person uses of what they may, by kind: `{"anna": {"gpus": "9/7 of 2", …}}`."""
    summary: dict[str, dict[str, str]] = {}
    for row in (one.row() for one in usage):
        summary.setdefault(row["person"], {})[row["kind"]] = f"{row['used']} of {row['limit']}"
    return summary
