"""One layer of a Python environment: runs in the build, by the base's own Python, and knows nothing of labform.

    python3 install_layer.py [--python 3.12] empty | seed | install WORDS…

`install` hands its words to `uv pip install` for the virtual environment at /opt/env; `seed` is that environment with
pip, `empty` without. What was added, and nothing else, is left below /layer, from where one `COPY`
puts it into the image. The same packages give the same bytes, whoever builds them and when: times are
fixed, byte code is compiled by one process in the order of names, and uv's own notes are left out. Any uid may change
every file, so that a `pip install` works in the container.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

VENV = Path("/opt/env")
PYTHON = VENV / "bin/python"
LAYER = Path("/layer")
SETTINGS = {
    "UV_CACHE_DIR": "/root/.cache/uv",
    "UV_LINK_MODE": "copy",
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_CONCURRENT_INSTALLS": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COMPILE": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
"""One install at a time: where two packages have the same file, the same one wins every time."""
EPOCH = 315_532_800
"""1980-01-01, the oldest time that a zip file can hold: Python's own choice for what has no date."""
PROFILE = "export PATH=/opt/env/bin:$PATH\n"


def main() -> None:
    """Install and leave the layer; exits with the installer's own code if it fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default="", help="the version that is wanted")
    parser.add_argument("what", choices=("empty", "seed", "install"))
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    os.umask(0)
    check_python(options.python)
    if not VENV.exists():
        run(sys.executable, "-m", "venv", "--without-pip", str(VENV))
    before = found() if options.what == "install" else {}
    if options.what == "seed":
        seed()
    elif options.what == "install":
        run("/opt/tools/bin/uv", "pip", "install", "--quiet", "--python", str(PYTHON), *options.words)
    (VENV / ".lock").unlink(missing_ok=True)
    for note in VENV.rglob("*.dist-info/uv_cache.json"):
        forget(note)
    compiled(before)
    moved(added(before, found()))
    if options.what != "install":
        login_shells()
    settled()


def run(*command: str) -> None:
    """Run a command; exit as it does if it fails."""
    if code := subprocess.run(command, env={**os.environ, **SETTINGS}, check=False).returncode:
        sys.exit(code)


def seed() -> None:
    """Install the pip that the base's Python has; what else older ones bring would differ from base to base."""
    run(str(PYTHON), "-m", "ensurepip", "--default-pip")
    run(str(PYTHON), "-m", "pip", "uninstall", "--yes", "--quiet", "setuptools")


def added(before: dict[Path, int], after: dict[Path, int]) -> list[Path]:
    """The files that are new or other than before; exits if some are gone, which no layer can say."""
    if gone := sorted(str(path) for path in before.keys() - after.keys()):
        sys.exit(f"error: this replaces files of another layer, for example {gone[0]}; name that package's version")
    return [path for path, changed in after.items() if before.get(path) != changed]


def check_python(wanted: str) -> None:
    """Exit if the base has another Python than the project wants: `3.12`, or a part of it."""
    have = ".".join(map(str, sys.version_info[:3]))
    if wanted and not f"{have}.".startswith(f"{wanted}."):
        sys.exit(f"error: python: {wanted} is wanted, and the base has {have}")


def found() -> dict[Path, int]:
    """Every file of the environment, with the time it was last changed in nanoseconds."""
    return {path: path.lstat().st_ctime_ns for path in VENV.rglob("*") if path.is_symlink() or not path.is_dir()}


def forget(note: Path) -> None:
    """Remove a file that holds times, and its line in the package's list of files."""
    record = note.parent / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    record.write_text("".join(line for line in lines if f"/{note.name}," not in line), encoding="utf-8")
    note.unlink()


def compiled(before: dict[Path, int]) -> None:
    """Compile what is new; a file that is no Python of this version is left as it is, as pip does."""
    for path in sorted(VENV.rglob("*.py")):
        if path not in before and not path.is_symlink():
            os.utime(path, (EPOCH, EPOCH))
            compileall.compile_file(
                str(path), force=True, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP
            )


def moved(paths: list[Path]) -> None:
    """Put files below /layer, at the place they have in the image."""
    for path in paths:
        target = LAYER / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(path), str(target))
    (LAYER / "opt/env").mkdir(parents=True, exist_ok=True)


def login_shells() -> None:
    """Put the environment first in login shells, which set PATH anew."""
    profile = LAYER / "etc/profile.d/labform.sh"
    profile.parent.mkdir(parents=True)
    profile.write_text(PROFILE)


def settled() -> None:
    """Give everything below /layer its mode and time: the environment is for any uid, the rest is the system's."""
    for folder, folders, names in os.walk(LAYER, topdown=False):
        for path in (Path(folder, name) for name in [*names, *folders]):
            below = re.match(r"opt/env(/|$)", str(path.relative_to(LAYER)))
            if not path.is_symlink():
                usual = 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644
                path.chmod(usual | 0o222 if below else usual)
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


if __name__ == "__main__":
    main()
