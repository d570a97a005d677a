"""What a start found out and later calls reuse, kept as JSON in the root."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class State:
    """Empty fields are not known yet; a start that fails half-way leaves what it knows."""

    name: str = ""
    host: str = ""
    """The daemon's address."""
    private: bool = False
    """Whether the daemon is ours to stop; once it is, an installed one that appears later is not taken."""
    later: bool = False
    """Whether it is of a later Docker, which knows CDI."""
    pool: str = ""
    """The private daemon's addresses."""
    docker: str = ""
    """The client that can build."""
    registry: str = ""
    base: str = ""
    """The base image by digest."""
    settings: str = ""
    """Fingerprint of the host settings that the base image carries."""

    @classmethod
    def read(cls, path: Path) -> State:
        """The state in this file, without fields of another version; an empty one if there is none."""
        known = json.loads(path.read_text()) if path.exists() else {}
        return cls(**{field.name: known[field.name] for field in fields(cls) if field.name in known})

    def write(self, path: Path) -> None:
        """Replace the file at once, so that a killed start never leaves half of one."""
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self), indent=2))
        unfinished.rename(path)
