"""Ports of 127.0.0.1: which are free, and who holds one."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from . import processes
from .errors import SandboxError
from .processes import PROC

if TYPE_CHECKING:
    from .layout import Layout

_LINGERS = 5
"""Seconds for which the kernel may keep the port of a process that was killed."""


def free(layout: Layout, among: range, what: str) -> int:
    """A free port for this root, the same one each time if nobody holds it; SandboxError if none is left."""
    start = int(layout.key, 16) % len(among)
    for step in range(len(among)):
        port = among[(start + step) % len(among)]
        if bindable(port):
            return port
    raise SandboxError(f"no free port between {among[0]} and {among[-1]} for the {what}")


def holder_of(port: int) -> str | None:
    """Who listens on this port, in words; None if it is free. What a dying process still holds is waited for."""
    end = time.monotonic() + _LINGERS
    while not bindable(port):
        if holder := _listener(port):
            return holder
        if time.monotonic() > end:
            return "an unknown process"
        time.sleep(0.05)
    return None


def _listener(port: int) -> str | None:
    rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}
    for link in PROC.glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in sockets:
                pid = int(link.parts[2])
                return f"pid {pid} ({' '.join(processes.command_line(pid))[:80]})"
        except OSError:
            continue
    return None


def bindable(port: int) -> bool:
    """Whether nobody listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
