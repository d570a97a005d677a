"""One at a time, across processes: locks on files, and folders that are made exactly once."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.progress import waiting


@contextmanager
def exclusive(path: Path, *, making: str = "") -> Iterator[None]:
    """Hold the lock at `path`, which the kernel takes back from a process that dies; who has to wait is told for what.

    `making` names what its holder makes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting(f"waiting for another run{f' that makes the same: {making}' if making else ''}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, made by `make` in a folder beside it and renamed, so that it is whole or absent."""
    if folder.is_dir():
        return folder
    with exclusive(folder.with_name(f".{folder.name}.lock"), making=folder.name):
        if folder.is_dir():
            return folder
        for abandoned in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
