"""A program built from published Go modules: the fallback where it can't be installed or downloaded.

A folder of this repository pins the modules and their checksums. The binary is cached by all that decides it.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from toolchain import cache
from toolchain.error import ToolchainError
from toolchain.once import made_once
from toolchain.progress import waiting

GO = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


@dataclass(frozen=True)
class GoProgram:
    """One program, and what a person is told while it is built or where it can't be."""

    module: Path
    package: str
    """The package to build; `.` is the module's own, whose sources then count."""
    name: str
    """The file's name."""
    kept: str
    """The folder of the cache."""
    called: str
    """`the Pulumi engine`."""
    flags: tuple[str, ...]
    missing: str
    """Why Go is needed: `there is no X on PATH, and to build it`."""
    remedy: str = "install Go"
    minutes: int = 3

    def binary(self) -> Path:
        """Return the built program; the first call on a machine takes minutes, later ones look for a file."""
        key = cache.key([*self._sources(), *self.flags, self._go_version()])
        return made_once(cache.root() / self.kept / key, self._build) / self.name

    def pinned(self, pattern: str) -> str:
        """Return what `go.mod` says, by a pattern with one group."""
        found = re.search(pattern, (self.module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise ToolchainError(
                f"{self.module / 'go.mod'} has no line like {pattern!r}: restore it from version control"
            )
        return found[1]

    def _sources(self) -> list[bytes]:
        names = ["go.mod", "go.sum"]
        if self.package == ".":
            names += sorted(path.name for path in self.module.iterdir() if path.suffix in {".go", ".yaml"})
        local = sorted(path for path in self.module.glob("*/**/*") if path.suffix in {".go", ".mod"})
        return [path.read_bytes() for path in [*(self.module / name for name in names), *local]]

    def _build(self, folder: Path) -> None:
        """Build into a folder, showing what the user waits for."""
        log = folder / "build.log"
        command = ["go", "build", *self.flags, "-o", str(folder / self.name), self.package]
        reason = f"building {self.called} from Go modules: about {self.minutes} minutes, once"
        with waiting(reason), log.open("w") as output:
            code = subprocess.call(command, cwd=self.module, env=os.environ | GO, stdout=output, stderr=output)
        if code:
            copy = cache.root() / f"{self.kept}-build.log"
            shutil.copyfile(log, copy)
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [f"exit code {code}"]
            raise ToolchainError(f"`go build` of {self.called} failed: {lines[-1]} (all of it: {copy})")

    def _go_version(self) -> str:
        """Return what the installed Go calls itself, once it is known to be new enough."""
        needed = self.pinned(r"^go ([\d.]+)")
        missing = f"{self.missing} needs Go {needed} or newer"
        if not shutil.which("go"):
            raise ToolchainError(f"{missing}: {self.remedy}")
        command = ["go", "env", "GOVERSION"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | GO)
        found = answer.stdout.strip()
        numbers = re.search(r"go(\d+)\.(\d+)", found)
        if numbers and tuple(map(int, numbers.groups())) < tuple(map(int, needed.split(".")[:2])):
            raise ToolchainError(f"{missing}: the installed one is {found}")
        return found
