"""A client on a sandbox, and a look for what one leaves on the machine."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox import Sandbox, processes
from sandbox.layout import Layout, layout_of
from sandbox.leftovers import CGROUPS, remaining
from sandbox.state import State

Docker = Callable[..., str]


def client_of(box: Sandbox) -> Docker:
    """`docker(*words)` on this sandbox, returning what it printed."""

    def call(*words: str, env: dict[str, str] | None = None, ok: bool = True) -> str:
        result = subprocess.run(
            [box.docker_cli, *words],
            env={**os.environ, **box.env, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        output = result.stdout + result.stderr
        assert (result.returncode == 0) == ok, output
        return output.strip()

    return call


def traces(root: Path) -> dict[str, list[str]]:
    """Everything on the machine, outside of its root, that belongs to the sandbox at `root`."""
    layout = layout_of(root)
    marks = (layout.key, str(layout.root))
    seen = {
        "processes": [str(process.pid) for process in remaining(layout)]
        + [str(found.pid) for found in processes.matching(lambda words: any(str(root) in word for word in words))],
        "mounts": _lines_with(Path("/proc/self/mountinfo").read_text(), marks),
        "links": _links(layout),
        "routes": _lines_with(_printed("ip", "route"), (layout.bridge,)),
        "cgroups": [str(path) for path in CGROUPS.glob(f"**/{layout.cgroup}")],
        "run": [str(layout.run)] if layout.run.exists() else [],
    }
    return {kind: found for kind, found in seen.items() if found}


def _links(layout: Layout) -> list[str]:
    """Bridges by name or by an address of the sandbox's pool, and what hangs on them."""
    pool = State.read(layout.state).pool
    links = json.loads(_printed("ip", "-j", "address"))
    bridges = [link["ifname"] for link in links if link["ifname"] == layout.bridge]
    bridges += [link["ifname"] for link in links for info in link["addr_info"] if pool and _within(info["local"], pool)]
    return bridges + [link["ifname"] for link in links if link.get("master") in bridges]


def _within(address: str, pool: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(pool)


def _lines_with(text: str, marks: tuple[str, ...]) -> list[str]:
    return [line for line in text.splitlines() if any(mark in line for mark in marks)]


def _printed(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
