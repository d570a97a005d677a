"""Who holds which GPU: the plan as rows, for a preview, a page or a terminal. Pure; what really runs is not asked."""

from typing import Any

from labform.lockfile import Lock
from labform.placement import units
from labform.stack_file import LabArgs


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
