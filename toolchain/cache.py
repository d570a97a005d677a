"""The folder that keeps what is slow to make: keyed by all that it was made from, made once by whoever comes first."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.progress import waiting

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


def made_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, which the first to ask fills; others wait for it, and none sees it half filled."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock"), folder.name):
        if folder.is_dir():
            return folder
        for abandoned in folder.parent.glob(f".{folder.name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fill(draft)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Hold a file lock, which the system takes back from a process that dies."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting(f"waiting for another run that is making the same tool: {name}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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
