"""Data: what outlives every container. The id of a volume is its identity, whatever project, owner or order does."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from labform.declaration import Declaration, HostPath, Name, Size


class ManagedVolume(Declaration):
    """A volume that labform makes: a Docker volume or a PVC, protected and kept whatever happens to its project."""

    owner: Name
    """Whose data it is."""
    host: Name | None = None
    """The Docker host it lives on. Default: the lab's only host."""
    size: Size | None = None
    """How much it may hold: a PVC's request; on Docker it counts for quotas only. Default: no figure."""


class Directory(Declaration):
    """A directory of a host, below one of its `host_paths`; labform mounts it and never makes or removes it."""

    path: HostPath
    """The directory on the host."""
    host: Name | None = None
    """The Docker host it is on. Default: the lab's only host."""
    read_only: bool = False
    """Nobody may write to it. Default: writable for whoever its permissions let."""


class NfsExport(Declaration):
    """Where an NFS server keeps a directory."""

    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
    """Name or address of the server."""
    path: HostPath
    """The exported directory."""
    options: Annotated[str, Field(pattern=r"^[A-Za-z0-9=,._-]+$")] = "rw,nfsvers=4"
    """Mount options."""

    def driver_options(self) -> dict[str, str]:
        """What Docker's local driver is told."""
        return {"type": "nfs", "o": f"addr={self.server},{self.options}", "device": f":{self.path}"}


class NfsVolume(Declaration):
    """A directory of an NFS server, reachable from every host; labform mounts it and never makes or removes it."""

    nfs: NfsExport
    """The export."""
    read_only: bool = False
    """Nobody may write to it. Default: writable for whoever its permissions let."""


class ClaimVolume(Declaration):
    """A PersistentVolumeClaim that exists already (Kubernetes only)."""

    claim: Name
    """The claim's name in the owner's namespace."""
    owner: Name
    """Whose namespace it is in."""
    read_only: bool = False
    """Nobody may write to it. Default: as the claim allows."""


def _shape(value: Any) -> str:
    known = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return next((key for key in ("path", "nfs", "claim") if key in known), "managed")


Volume = Annotated[
    Annotated[ManagedVolume, Tag("managed")]
    | Annotated[Directory, Tag("path")]
    | Annotated[NfsVolume, Tag("nfs")]
    | Annotated[ClaimVolume, Tag("claim")],
    Discriminator(_shape),
]
"""A managed volume, unless it says `path`, `nfs` or `claim`."""
