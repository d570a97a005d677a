"""`labform volumes`: the data of a lab, where it is and who has it mounted."""

import json
from typing import Annotated, Any

import typer

from labform import naming
from labform.backends import Kubernetes
from labform.backends.kubernetes.storage import place
from labform.backends.live import live
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, print_table, typer_app
from labform.declaration import size_text
from labform.draft import Draft
from labform.loading import read
from labform.problems import LabformError
from labform.stack_file import LabArgs
from labform.volumes import ClaimVolume, Directory, ManagedVolume, NfsVolume, Volume


@typer_app.command()
def volumes(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    ask: Annotated[bool, typer.Option("--live", help="Ask what exists too; exit 1 if data is not there.")] = False,
    addresses: AddressesOption = "{}",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each volume: state, owner, host, where its data lies, and the projects that mount it; past ones too.

    With --live hosts or cluster are asked, and what exists that labform made is said: where, or phase, size and class.

    Example: labform volumes stacks/dev.yaml
    """
    draft = read(stack_file, lock=lock, addresses=parsed(addresses))
    rows = volume_table(draft)
    wrong = _asked(draft, rows) if ask else []
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        titles = ("volume", "state", *(["live"] if ask else []), "owner", "host", "size", "data", "mounted by")
        print_table(titles, [[*(row[title] for title in titles[:-1]), "\n".join(row["mounted by"])] for row in rows])
    if wrong:
        raise LabformError("\n".join(wrong))


def _asked(draft: Draft, rows: list[dict[str, Any]]) -> list[str]:
    """Add to each row what exists, `?` where nobody knows; and what is wrong with that."""
    there, silent = live(draft.lab, draft.lock).volumes()
    for row in rows:
        row["live"] = there.get(row["volume"], "?" if silent else "")
    lost = [row for row in rows if row["state"] == "created" and not row["live"]]
    return [*silent, *(f"volume {row['volume']}: held data, and {row['data']} does not exist" for row in lost)]


def volume_table(draft: Draft) -> list[dict[str, Any]]:
    """A row for each declared volume and each that the lock remembers, in the order of ids."""
    declared = {**draft.lab.volumes, **draft.lab.retired}
    return [_row(draft, key, declared.get(key)) for key in sorted({*declared, *draft.lock.volumes})]


def _row(draft: Draft, key: str, volume: Volume | None) -> dict[str, Any]:
    known = draft.lock.volumes.get(key)
    # A directory may have the id of a volume that is past: the lock's entry is not about it.
    locked = known if volume is None or isinstance(volume, ManagedVolume) else None
    size = volume.size if isinstance(volume, ManagedVolume) else None
    mounts = [
        f"{name} at {mount.path}{' (read only)' if mount.read_only else ''}"
        for name, project in sorted(draft.lab.projects.items())
        for mounted, mount in project.mounted().items()
        if mounted == key and project.state == "running"
    ]
    return {
        "volume": key,
        "state": "retired" if key in draft.lab.retired else locked.state if locked else _kind(volume),
        "owner": getattr(volume, "owner", None) or (locked.owner if locked else ""),
        "host": draft.lab.host_of(key) or (locked.host if locked else "") or "",
        "size": size_text(size) if size else "",
        "data": _data(draft.lab, key, volume),
        "mounted by": mounts,
    }


def _kind(volume: Volume | None) -> str:
    """What is not labform's to make has no state but what it is."""
    kinds = {Directory: "directory", NfsVolume: "nfs", ClaimVolume: "claim"}
    return next((word for kind, word in kinds.items() if isinstance(volume, kind)), "planned")


def _data(lab: LabArgs, key: str, volume: Volume | None) -> str:
    if isinstance(volume, Directory):
        return volume.path
    if isinstance(volume, NfsVolume):
        return f"{volume.nfs.server}:{volume.nfs.path}"
    if isinstance(lab.runs_on, Kubernetes) and volume is not None:
        return place(lab, key, volume)
    return volume.claim if isinstance(volume, ClaimVolume) else naming.volume(lab.lab, key)
