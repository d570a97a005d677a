"""Places to run projects; one folder each, and one line here. Each folder's package is its pure declaration."""

from typing import Annotated

from pydantic import Field

from labform.backends.docker import Docker
from labform.backends.kubernetes import Kubernetes

Backend = Annotated[Docker | Kubernetes, Field(discriminator="kind")]
"""Where a lab runs."""

__all__ = ["Backend", "Docker", "Kubernetes"]
