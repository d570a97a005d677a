"""Projects as containers of Docker hosts. This file is pure; `workspace` and `hosts` load the provider's SDK."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from labform.declaration import Declaration, Name
from labform.hosts import Host


class Docker(Declaration):
    """One or more servers with a Docker daemon."""

    kind: Literal["docker"]
    """Docker, or Podman's Docker API."""
    hosts: Annotated[Mapping[Name, Host], Field(min_length=1)]
    """The servers, by the names volumes and projects use."""
