"""What a daemon leaves behind: containers' processes, mounts and control groups, found by our own names."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import processes
from .commands import run
from .errors import SandboxError
from .processes import PROC, Process

if TYPE_CHECKING:
    from .layout import Layout

CGROUPS = Path("/sys/fs/cgroup")
LOOKS = 5

RUNC_STATE = Path("/run/runc")
"""Where BuildKit's build steps are noted, by the name of their control group, whatever the exec root is."""

FIXED_FOLDERS = [
    Path(name)
    for name in (
        "/run/containerd/s",
        "/run/containerd",
        "/run/docker/plugins",
        "/run/docker",
        "/run/runc",
        "/opt/containerd/bin",
        "/opt/containerd/lib",
        "/opt/containerd",
        "/run/containers",
        "/run/netns",
    )
]


def remaining(layout: Layout) -> list[Process]:
    """Every process of the sandbox's daemon: itself, containerd, shims, proxies and what runs in containers."""
    marker = f"{layout.run}/"
    by_name = processes.matching(lambda words: any(marker in word for word in words) and _is_ours(words))
    pids = {int(pid) for group in _cgroups(layout) for pid in members(group)}
    return list({*by_name, *filter(None, map(processes.identify, pids))})


def clear(layout: Layout) -> None:
    """Kill what remains, then unmount and remove what those processes held."""
    sockets: list[Path] = []
    # A shim that dies may leave its container's processes to init: they are found by the next look.
    for _ in range(LOOKS):
        if not (found := remaining(layout)):
            break
        sockets += [path for process in found for path in _shim_sockets(process)]
        processes.end(found, patience=0)
    _unmount(layout)
    for group in _cgroups(layout):
        if group.parent.name == "buildkit":
            shutil.rmtree(RUNC_STATE / group.name, ignore_errors=True)
    for group in sorted(_cgroups(layout), key=lambda path: len(path.parts), reverse=True):
        remove_group(group)
    for path in sockets:
        path.unlink(missing_ok=True)


def remove_empty_folders() -> None:
    """Folders that containerd, runc and Podman need in fixed places, removed by the last sandbox."""
    for folder in FIXED_FOLDERS:
        with suppress(OSError):
            folder.rmdir()


def _is_ours(words: list[str]) -> bool:
    names = ("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-proxy", "runc")
    return Path(words[0]).name in names


def _cgroups(layout: Layout) -> list[Path]:
    tops = [CGROUPS / layout.cgroup, *CGROUPS.glob(f"*/{layout.cgroup}")]
    found = [Path(folder) for top in tops for folder, _, _ in os.walk(top)]
    # On cgroup v1 `cpu` and `cpuacct` may be links to one hierarchy.
    return list({path.resolve() for path in found})


def members(group: Path) -> list[str]:
    """The pids in a control group, none where it is gone."""
    try:
        return (group / "cgroup.procs").read_text().split()
    except OSError:
        return []


def remove_group(group: Path) -> None:
    """Remove a control group, which stays busy for a moment after its last process has ended."""
    for _ in range(40):
        try:
            return group.rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(0.05)
    raise SandboxError(f"the control group {group} can't be removed: something still runs in it")


def _unmount(layout: Layout) -> None:
    ours = (f"{layout.data}/", f"{layout.run}/", f"{layout.data} ", f"{layout.run} ")
    points = [line.split()[4] for line in (PROC / "self/mountinfo").read_text().splitlines()]
    for point in reversed([point for point in points if f"{point} ".startswith(ours)]):
        try:
            run(["umount", "--lazy", point], doing=f"unmount {point}")
        except SandboxError:
            if os.path.ismount(point):
                raise


def _shim_sockets(process: Process) -> list[Path]:
    """Sockets in containerd's one fixed folder, which a killed shim can't remove itself."""
    try:
        held = {str(link.readlink()) for link in (PROC / str(process.pid) / "fd").iterdir()}
        rows = (PROC / "net/unix").read_text().splitlines()
    except OSError:
        return []
    bound = [row.split() for row in rows if "/containerd/s/" in row]
    return [Path(row[7]) for row in bound if f"socket:[{row[6]}]" in held]
