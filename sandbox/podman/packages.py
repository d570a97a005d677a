"""The programs: Podman, Buildah and what they call, from Debian's packages, extracted into the cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import debian
from sandbox.layout import cache_directory
from sandbox.toolset import Toolset, extract, link_iptables
from toolchain.once import made_once

if TYPE_CHECKING:
    from sandbox.toolset import Progress

TESTED = {"podman": "4.3.1", "buildah": "1.28.2"}
"""Upstream versions (Debian 12) that the tests ran with."""

PACKAGES = (
    "podman",
    "buildah",
    "conmon",
    "runc",
    "netavark",
    "aardvark-dns",
    "catatonit",
    "iptables",
    "golang-github-containers-common",
    "golang-github-containers-image",
)
"""runc, because crun refuses a machine with control groups of both versions."""

REVISION = "1"
"""Part of the cache's key: raised when the way of extracting changes."""

RUNC = """\
#!/bin/sh
for word; do
  case $last in --bundle) spec=$word/config.json ;; --process) spec=$word ;; esac
  last=$word
done
if [ "$spec" ] && ! (ulimit -l unlimited) 2>/dev/null; then
  while read -r name words; do
    most=$(sed -n "s/^Max $words  *[0-9a-z]*  *\\([0-9]*\\).*/\\1/p" /proc/self/limits)
    for given in $(grep -o "\\"RLIMIT_$name\\",\\"hard\\":[0-9]*" "$spec" | tr -dc '0-9\\n'); do
      [ "${#given}" -gt "${#most}" ] || [ "$given" -gt "$most" ] || continue
      limit="\\"RLIMIT_$name\\",\\"hard\\":"
      sed -i "s/$limit$given,\\"soft\\":[0-9]*/$limit$most,\\"soft\\":$most/" "$spec"
    done
  done <<END
NPROC processes
NOFILE open files
MEMLOCK locked memory
END
fi
exec "${0%/*}/../usr/sbin/runc" "$@"
"""
"""Lowers the limits of processes and files, a million each with Podman, where even root may not raise them so far."""


def obtain(progress: Progress) -> Toolset:
    """The programs of this machine's release and architecture, downloaded once per cache."""
    directory = cache_directory() / f"podman-{debian.release('VERSION_CODENAME')}-{os.uname().machine}-{REVISION}"
    if not directory.is_dir():
        progress("fetching Podman and Buildah from Debian's packages: about 10 seconds, once")
    return Toolset(made_once(directory, lambda target: _extract(target, progress)))


def _extract(target: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        debian.refresh(Path(scratch))
        extract(debian.download(PACKAGES, Path(scratch)), target, TESTED, progress)
    tools, own = Toolset(target), target / "labform-bin"
    own.mkdir()
    (own / "runc").write_text(RUNC)
    (own / "runc").chmod(0o755)
    link_iptables(tools)
    for name in ("podman", "buildah", "conmon", "runc"):
        tools.program(name)
