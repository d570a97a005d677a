"""What an edit of one field is, and the projects that are edited. Data only, nothing runs here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OTHER = "{other}"
"""Stands for a second image of the registry, by digest."""
PYTHON = "{python}"
"""Stands for the Python that the base image has."""
PATHS = "{paths}"
"""Stands for a directory of the host that may be mounted."""

PATIENT = "6m"
"""How long services may take here, where a hundred containers start at once."""

PLAIN = {"kind": "prebuilt", "image": "python:3.12-slim"}
SERVE: dict[str, Any] = {
    "owner": "anna",
    "environment": PLAIN,
    "service": {"kind": "command", "command": ["sleep", "infinity"]},
}
RUN: dict[str, Any] = {"owner": "anna", "environment": PLAIN, "run": {"command": ["true"]}}
JUPYTER: dict[str, Any] = {
    "owner": "anna",
    "environment": {"kind": "dockerfile", "directory": "../jupyter"},
    "service": {"kind": "jupyter", "startup": PATIENT},
}
CODE_SERVER: dict[str, Any] = {
    "owner": "anna",
    "environment": {"kind": "dockerfile", "directory": "../code"},
    "service": {"kind": "code-server", "startup": PATIENT},
}


@dataclass(frozen=True)
class Edit:
    """One field of one project, before and after; keys are dotted paths from the project, or from the lab."""

    of: str
    """`Model.field`, and a word where a field has several edits: `Command.health (removed)`."""
    after: Mapping[str, Any] = field(default_factory=dict)
    base: Mapping[str, Any] = field(default_factory=lambda: SERVE)
    before: Mapping[str, Any] = field(default_factory=dict)
    lab_before: Mapping[str, Any] = field(default_factory=dict)
    lab_after: Mapping[str, Any] = field(default_factory=dict)
    kept: bool = False
    """The container stays: Docker can change that in place, or nothing of it is the container's."""
    shows: tuple[tuple[str, str], ...] = ()
    """Shell lines, and what each prints in the container afterwards."""

    @property
    def field(self) -> str:
        """`Model.field`."""
        return self.of.split(" ")[0]

    @property
    def project(self) -> str:
        """The name of its project."""
        return "".join(one for one in self.of.lower().replace(".", "-").replace("_", "-") if one not in " ()")
