"""Who works in a lab: people, the groups they belong to, and how much each may use."""

import datetime as dt
from typing import Annotated

from pydantic import Field

from labform.declaration import Cpus, Declaration, Name, Size, Uid


class Group(Declaration):
    """Limits that each member of a group has, over all of their running projects; a limit left out is no limit."""

    gpus: Annotated[int, Field(ge=0)] | None = None
    """Whole GPUs at once. Default: no limit."""
    cpus: Cpus | None = None
    """CPUs at once. Default: no limit."""
    memory: Size | None = None
    """Memory at once. Default: no limit."""
    projects: Annotated[int, Field(ge=0)] | None = None
    """Running projects at once. Default: no limit."""


class Person(Declaration):
    """Somebody who owns projects and volumes."""

    group: Name | None = None
    """The group whose limits hold. Default: none, no limits."""
    uid: Uid
    """The numeric user their containers run as: on bind mounts and NFS the owner of their files."""
    gid: Uid | None = None
    """The numeric group their containers run as. Default: the same number as `uid`."""
    email: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")] | None = None
    """What git writes into commits. Default: the person's name at the lab's."""
    until: dt.date | None = None
    """The last day of their access; `labform check --on DATE` compares, a preview never reads the clock."""

    @property
    def user(self) -> str:
        """`uid:gid` as Docker takes it."""
        return f"{self.uid}:{self.gid or self.uid}"
