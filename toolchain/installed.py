"""What is installed on this machine already, as if labform's own cache were not there; and the official download.

Nothing here names a download site: plugins are fetched by `pulumi` itself, which knows its own. That is also why the
command line is never downloaded, only found or built.
"""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from toolchain import cache
from toolchain.progress import waiting

ANSWER, TRANSFER = 3, 600
"""Seconds for the first byte of a download to arrive, and for the last."""


@dataclass(frozen=True)
class Plugin:
    """A provider plugin in the version that its installed SDK asks for."""

    name: str
    version: str

    @property
    def file(self) -> str:
        """The name of its executable."""
        return f"pulumi-resource-{self.name}"

    def __str__(self) -> str:
        """Return what a report calls it."""
        return f"{self.name} plugin {self.version}"


def executable(name: str) -> Path | None:
    """Find a program on PATH, passing over what an earlier run of this package has put there."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which(name, path=os.pathsep.join(folder for folder in folders if not _ours(Path(folder))))
    return Path(found) if found else None


def pulumi_home() -> Path:
    """Return the user's own PULUMI_HOME."""
    set_by_user = os.environ.get("PULUMI_HOME")
    return Path(set_by_user) if set_by_user and not _ours(Path(set_by_user)) else Path.home() / ".pulumi"


def is_installed(plugin: Plugin) -> bool:
    """Tell whether `pulumi` would find the plugin without help."""
    folder = pulumi_home() / "plugins" / f"resource-{plugin.name}-v{plugin.version}"
    complete = folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists()
    return complete or executable(plugin.file) is not None


def is_downloaded(plugin: Plugin, pulumi: Path) -> bool:
    """Let `pulumi` fetch the plugin as it would during an `up`; a site out of reach is asked once a day."""
    fact = f"no-download-of-{plugin.name}-{plugin.version}"
    if os.environ.get("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION") == "true" or cache.remembered(fact):
        return False
    command = [str(pulumi), "plugin", "install", "resource", plugin.name, f"v{plugin.version}"]
    with tempfile.TemporaryDirectory(prefix="labform-") as folder:
        settings = {"PULUMI_HOME": str(pulumi_home()), "PULUMI_SKIP_UPDATE_CHECK": "true", "TMPDIR": folder}
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=folder, env=os.environ | settings, stdout=nowhere, stderr=nowhere)
        try:
            if _answers(process, Path(folder)):
                with waiting(f"downloading the {plugin}"):
                    process.wait(TRANSFER)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            code = process.wait()
    if code:
        cache.remember(fact)
    return code == 0


def _answers(process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    """Wait for the download's temporary file to hold something."""
    limit = time.monotonic() + ANSWER
    while time.monotonic() < limit and process.poll() is None:
        if any(file.stat().st_size for file in folder.glob("pulumi-plugin-tar*")):
            return True
        time.sleep(0.05)
    return process.poll() == 0


def _ours(path: Path) -> bool:
    return path.absolute().is_relative_to(cache.root())
