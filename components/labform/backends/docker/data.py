"""Where a project's data and its service are, in words for people."""

from labform import naming
from labform.project import ProjectArgs
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
