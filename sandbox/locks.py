"""One at a time, across processes: locks on files, and folders that are made exactly once."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; others wait, and the kernel lets go when this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(directory: Path, make: Callable[[Path], None]) -> Path:
    """Return `directory`, made by `make` in a temporary folder and renamed, so it is whole or absent."""
    if directory.is_dir():
        return directory
    with exclusive(directory.with_name(f".{directory.name}.lock")):
        if directory.is_dir():
            return directory
        for abandoned in directory.parent.glob(f".{directory.name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return directory
