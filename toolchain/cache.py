"""The folder that keeps what is slow to make, keyed by all that it was made from, and what was found out today."""

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

DAY = 24 * 60 * 60


def root() -> Path:
    """Return labform's folder under the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "labform"


def key(parts: Iterable[str | bytes]) -> str:
    """Return a short name for a sequence of texts, which another sequence does not share."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:20]


def remember(fact: str) -> None:
    """Write down that something is so today."""
    path = root() / "facts" / fact
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def remembered(fact: str) -> bool:
    """Tell whether that was written down less than a day ago."""
    try:
        return time.time() - (root() / "facts" / fact).stat().st_mtime < DAY
    except FileNotFoundError:
        return False
