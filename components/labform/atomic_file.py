"""Files that people edit and review, written whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write beside a file and move it there, with the file's mode; a link stays, and what it leads to is written.

    OSError leaves the file as it was. After a power cut it has the old content or the new one, never a part.
    """
    place = path.resolve()
    mode = place.stat().st_mode & 0o7777 if place.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        beside.replace(place)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The umask, which can be read by setting it alone."""
    current = os.umask(0o077)
    os.umask(current)
    return current
