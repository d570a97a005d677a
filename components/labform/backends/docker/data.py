"""Where a project's data and its service are, in words for people."""

from collections.abc import Mapping
from typing import Any

from labform import naming
from labform.lockfile import Lock
from labform.project import CodeServer, Jupyter, ProjectArgs
from labform.stack_file import LabArgs
from labform.units import Placement
from labform.volumes import ManagedVolume


def data_of(args: LabArgs, name: str) -> list[str]:
    """Where a project's data is, for people: `ds01-home at /home/lab`."""
    lines = []
    for key, mount in args.projects[name].mounted().items():
        volume = args.volumes[key]
        where = naming.volume(args.lab, key) if isinstance(volume, ManagedVolume) else getattr(volume, "path", key)
        lines.append(f"{where} at {mount.path}")
    return lines


def url_of(project: ProjectArgs, place: Placement) -> str:
    """Where a project's service is reached on its host; nothing for one that publishes no port."""
    return f"http://{project.service.listen}:{place.port}" if place.port and project.service else ""


def invitation(project: ProjectArgs, url: str, token: str | None) -> str:
    """The address at which somebody with the token is let in; where no address can, the token beside it."""
    if isinstance(project.service, CodeServer):
        return f"{url}/" + (f" (password {token})" if token else "")
    page = "/lab" if isinstance(project.service, Jupyter) else "/"
    return f"{url}{page}" + (f"?token={token}" if token else "")


def summary(args: LabArgs, lock: Lock, references: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A row for each project; `references` are the images, of which a preview does not know the digest."""
    placements = lock.placements()
    rows: dict[str, dict[str, Any]] = {}
    for name, project in sorted(args.projects.items()):
        row: dict[str, Any] = {"state": project.state, "owner": project.owner, "data": data_of(args, name)}
        if place := placements.get(name):
            row |= {"host": place.host, "image": references.get(name), "gpus": list(place.gpus)}
            row |= {"kind": project.service.kind if project.service else "run"}
            if url := url_of(project, place):
                row["url"] = url
        rows[name] = row
    return rows
