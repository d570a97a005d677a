"""The sandbox's own bridge, address pool and outbound NAT, made without touching another daemon's.

The daemon runs with `--iptables=false`: a second daemon that manages rules would flush the shared
chains of the first. Two rules of our own, marked by a comment, do what containers need.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolchain.once import exclusive

from . import leftovers, processes
from .commands import run
from .errors import SandboxError
from .layout import RUN_DIRECTORY, Layout

if TYPE_CHECKING:
    from .toolset import Toolset

CANDIDATES = list(ipaddress.IPv4Network("172.24.0.0/13").subnets(new_prefix=19))
"""64 pools at the end of the private range that Docker's own default pools leave for last."""

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
MARK_OF_FORWARDING = RUN_DIRECTORY / "ip_forward_was_off"


@dataclass(frozen=True)
class Pool:
    """The addresses of one sandbox: a /24 for its bridge, the second half for networks that users make."""

    network: ipaddress.IPv4Network

    @property
    def gateway(self) -> str:
        """The bridge's own address with its prefix."""
        first = next(self.network.subnets(new_prefix=24))
        return f"{first[1]}/24"

    @property
    def user_networks(self) -> str:
        """What `docker network create` takes its subnets from."""
        return str(list(self.network.subnets(new_prefix=20))[1])


def pool_of(remembered: str) -> Pool:
    """The pool that a state remembers."""
    return Pool(ipaddress.IPv4Network(remembered))


def claim(layout: Layout, remembered: str) -> Pool:
    """Make the bridge if it is missing, with the remembered pool if that is still free."""
    with exclusive(RUN_DIRECTORY / "network.lock"):
        layout.run.mkdir(parents=True, exist_ok=True)
        if layout.bridge in {link["ifname"] for link in _addresses()} and remembered:
            return pool_of(remembered)
        pool = _reserved(layout, remembered)
        _make_bridge(layout, pool)
        return pool


def reserve(layout: Layout, remembered: str) -> Pool:
    """A pool without a bridge, for a program that makes its own, and with forwarding on for it."""
    with exclusive(RUN_DIRECTORY / "network.lock"):
        layout.run.mkdir(parents=True, exist_ok=True)
        pool = _reserved(layout, remembered)
    _forward()
    return pool


def open_outbound(layout: Layout, pool: Pool, tools: Toolset) -> str | None:
    """Let containers reach what the host reaches; the reason if the kernel can't do it."""
    _forward()
    try:
        for table, chain, *rule in _rules(layout, pool):
            run([iptables(tools), "-w", "-t", table, "-I", chain, *rule], doing="iptables", env=tools.environment)
    except SandboxError as error:
        return f"containers have no outbound network, builds with the host's network do ({error})"
    return None


def close(layout: Layout, remembered: str, tools: Toolset) -> None:
    """Remove rules, the bridge, bridges of user networks in our pool, and forwarding if it was ours."""
    with exclusive(RUN_DIRECTORY / "network.lock"):
        _remove_rules(layout, tools)
        ours = ipaddress.IPv4Network(remembered) if remembered else None
        for link in _addresses():
            name = link["ifname"]
            user_network = (
                name.startswith(("br-", "podman")) and ours and any(net.subnet_of(ours) for net in _networks(link))
            )
            if name == layout.bridge or user_network:
                run(["ip", "link", "delete", name], doing=f"remove bridge {name}")
        (layout.run / "pool").unlink(missing_ok=True)
        if any(RUN_DIRECTORY.glob("*/pool")):
            return
        leftovers.remove_empty_folders()
        if MARK_OF_FORWARDING.exists() and not _another_daemon_runs():
            FORWARDING.write_text("0")
            MARK_OF_FORWARDING.unlink()


def links_in(pool: Pool) -> list[str]:
    """The names of this machine's links that have an address of the pool."""
    return [link["ifname"] for link in _addresses() if any(net.subnet_of(pool.network) for net in _networks(link))]


def _another_daemon_runs() -> bool:
    """A daemon that was started later found forwarding on, and needs it."""
    return bool(processes.matching(lambda words: bool(words) and Path(words[0]).name == "dockerd"))


def _forward() -> None:
    if FORWARDING.read_text().strip() == "0":
        MARK_OF_FORWARDING.touch()
        FORWARDING.write_text("1")


def _reserved(layout: Layout, remembered: str) -> Pool:
    pool = Pool(_free(layout, remembered))
    (layout.run / "pool").write_text(str(pool.network))
    return pool


def _free(layout: Layout, remembered: str) -> ipaddress.IPv4Network:
    start = int(layout.key, 16) % len(CANDIDATES)
    order = CANDIDATES[start:] + CANDIDATES[:start]
    if remembered:
        order.insert(0, ipaddress.IPv4Network(remembered))
    taken = _taken(layout)
    free = next((pool for pool in order if not any(pool.overlaps(other) for other in taken)), None)
    if free is None:
        raise SandboxError("no free address range in 172.24.0.0/13 for the sandbox's bridge: see `ip route`")
    return free


def _taken(layout: Layout) -> list[ipaddress.IPv4Network]:
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"], doing="read routes") or "[]")
    named = [route["dst"] for route in routes if route.get("dst", "default") != "default"]
    pools = [path.read_text() for path in RUN_DIRECTORY.glob("*/pool") if path.parent != layout.run]
    resolvers = [line.split()[1] for line in _lines("/etc/resolv.conf") if line.startswith("nameserver")]
    seen = [ipaddress.IPv4Network(text, strict=False) for text in [*named, *pools, *resolvers] if ":" not in text]
    return seen + [net for link in _addresses() for net in _networks(link)]


def _make_bridge(layout: Layout, pool: Pool) -> None:
    doing = f"make the bridge {layout.bridge}"
    if layout.bridge in {link["ifname"] for link in _addresses()}:
        run(["ip", "link", "delete", layout.bridge], doing=doing)
    run(["ip", "link", "add", "name", layout.bridge, "type", "bridge"], doing=doing)
    run(["ip", "address", "add", pool.gateway, "dev", layout.bridge], doing=doing)
    run(["ip", "link", "set", layout.bridge, "up"], doing=doing)


def _rules(layout: Layout, pool: Pool) -> list[list[str]]:
    ours, mark = str(pool.network), ["-m", "comment", "--comment", layout.cgroup]
    return [
        ["nat", "POSTROUTING", "-s", ours, "!", "-d", ours, *mark, "-j", "MASQUERADE"],
        ["filter", "FORWARD", "-s", ours, *mark, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-d", ours, *mark, "-j", "ACCEPT"],
    ]


def _remove_rules(layout: Layout, tools: Toolset) -> None:
    for table in ("nat", "filter"):
        try:
            listing = run([iptables(tools), "-w", "-t", table, "-S"], doing="iptables", env=tools.environment)
        except SandboxError:
            continue
        for rule in listing.splitlines():
            words = rule.replace('"', "").split()
            if words[0] == "-A" and layout.cgroup in words:
                command = [iptables(tools), "-w", "-t", table, "-D", *words[1:]]
                run(command, doing="remove a rule", env=tools.environment)


def iptables(tools: Toolset) -> Path:
    """The program for the packet filter that works here."""
    return tools.directory / "labform-bin" / "iptables"


def _addresses() -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = json.loads(run(["ip", "-j", "-4", "address"], doing="read addresses") or "[]")
    return links


def _networks(link: dict[str, Any]) -> list[ipaddress.IPv4Network]:
    rows = [info for info in link.get("addr_info", []) if info.get("family") == "inet"]
    return [ipaddress.IPv4Network(f"{info['local']}/{info['prefixlen']}", strict=False) for info in rows]


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
