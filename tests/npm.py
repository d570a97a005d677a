"""Programs of npm that tests use: installed once for all runs, in labform's cache."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labform" / "tools"
NEEDS_NPM = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm here")


def program(package: str, version: str, name: str, *, folder: str, then: Sequence[tuple[str, ...]] = ()) -> Path:
    """A package's program; `then` are npm commands, each with the folder below the package's that it runs in.

    With such commands the package's own install scripts are not run: they would ask more than a registry.
    """
    place = CACHE / f"{folder}-{version}"
    found = place / "node_modules" / ".bin" / name
    if not (place / ".complete").exists():
        place.mkdir(parents=True, exist_ok=True)
        scripts = ["--ignore-scripts"] if then else []
        _npm(place, "install", *scripts, f"{package}@{version}")
        for inner, *words in then:
            _npm(place / "node_modules" / package / inner, *words)
        (place / ".complete").touch()
    return found


def devcontainers() -> Path:
    """The reference CLI of dev containers."""
    return program("@devcontainers/cli", "0.89.0", "devcontainer", folder="devcontainers")


def _npm(folder: Path, *words: str) -> None:
    quiet = ("--silent", "--no-audit", "--no-fund")
    env = {**os.environ, **_headers()}
    done = subprocess.run(["npm", *words, *quiet], cwd=folder, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _headers() -> dict[str, str]:
    """Where Node's own headers are, if they came with it: node-gyp would download them."""
    prefix = Path(shutil.which("node") or "").resolve().parent.parent
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include" / "node" / "node.h").is_file() else {}
