"""The Pulumi command line, built from its published Go modules: the fallback where no `pulumi` is installed.

`engine/` pins the modules and their checksums. The binary is cached by all that decides it.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from toolchain import cache
from toolchain.error import ToolchainError
from toolchain.once import made_once
from toolchain.progress import waiting

MODULE = Path(__file__).with_name("engine")
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
GO = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def version() -> str:
    """Return the pinned version, such as `v3.259.0`."""
    return _pinned(r"pulumi/pkg/v3 (v[\d.]+)")


def engine() -> Path:
    """Return the built `pulumi`; the first call on a machine takes minutes, later ones look for a file."""
    sources = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum")]
    key = cache.key([*sources, *_flags(), _go_version()])
    return made_once(cache.root() / "engine" / key, _build) / "pulumi"


def _flags() -> list[str]:
    stamp = f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version()}"
    return ["-trimpath", "-ldflags", f"-s -w -X {stamp}"]


def _build(folder: Path) -> None:
    """Build into a folder, showing what the user waits for."""
    log = folder / "build.log"
    command = ["go", "build", *_flags(), "-o", str(folder / "pulumi"), PACKAGE]
    with waiting("building the Pulumi engine from its Go modules: about 3 minutes, once"), log.open("w") as output:
        code = subprocess.call(command, cwd=MODULE, env=os.environ | GO, stdout=output, stderr=output)
    if code:
        kept = cache.root() / "engine-build.log"
        shutil.copyfile(log, kept)
        last = (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [f"exit code {code}"])[-1]
        raise ToolchainError(f"`go build` of the Pulumi engine failed: {last} (all of it: {kept})")


def _go_version() -> str:
    """Return what the installed Go calls itself, once it is known to be new enough."""
    needed = _pinned(r"^go ([\d.]+)")
    missing = f"there is no `pulumi` on PATH, and to build it needs Go {needed} or newer"
    if not shutil.which("go"):
        raise ToolchainError(f"{missing}: install the Pulumi CLI or Go")
    command = ["go", "env", "GOVERSION"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | GO)
    found = answer.stdout.strip()
    numbers = re.search(r"go(\d+)\.(\d+)", found)
    if numbers and tuple(map(int, numbers.groups())) < tuple(map(int, needed.split(".")[:2])):
        raise ToolchainError(f"{missing}: the installed one is {found}")
    return found


def _pinned(pattern: str) -> str:
    """Return what `engine/go.mod` says, by a pattern with one group."""
    found = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ToolchainError(f"{MODULE / 'go.mod'} has no line like {pattern!r}: restore it from version control")
    return found[1]
