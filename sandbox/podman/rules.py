"""Packet filter rules of netavark: those of killed containers, and the chains that it shares and never removes.

Other Podmans of the machine use the same chains: these go only when no network is in them any more.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from typing import TYPE_CHECKING

from sandbox.commands import run
from sandbox.network import iptables, links_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.network import Pool
    from sandbox.toolset import Toolset

TABLES = ("nat", "filter")
_CHAIN = re.compile(r"^NETAVARK[-_]\S+$")
_OF_NETWORK = re.compile(r"^NETAVARK-(DN-)?[0-9A-F]{13}$")
"""The two chains of a network, by a hash of its id."""


def remove(pool: Pool, tools: Toolset) -> None:
    """Remove the rules and chains of the networks in `pool`, and the shared ones if no network is left."""
    marks = set(links_in(pool))
    for table in TABLES:
        for rule in _rules(table, tools):
            if _within(rule, pool):
                marks |= {word for word in rule if _OF_NETWORK.match(word)}
    marks |= {name.replace("NETAVARK-", "NETAVARK-DN-") for name in marks if _OF_NETWORK.match(name)}
    _clear(tools, lambda rule: _within(rule, pool) or not marks.isdisjoint(rule), marks.__contains__)
    if not any(_OF_NETWORK.match(chain) for chain in _chains("nat", tools)):
        _clear(tools, lambda rule: any(map(_CHAIN.match, rule)), lambda chain: bool(_CHAIN.match(chain)))


def _clear(tools: Toolset, rules: Callable[[list[str]], bool], chains: Callable[[str], bool]) -> None:
    for table in TABLES:
        for rule in filter(rules, _rules(table, tools)):
            _call(tools, table, "-D", *rule)
        for chain in filter(chains, _chains(table, tools)):
            _call(tools, table, "-F", chain)
            _call(tools, table, "-X", chain)


def _rules(table: str, tools: Toolset) -> list[list[str]]:
    lines = _call(tools, table, "-S").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("-A ")]


def _chains(table: str, tools: Toolset) -> list[str]:
    return [line.split()[1] for line in _call(tools, table, "-S").splitlines() if line.startswith("-N ")]


def _call(tools: Toolset, table: str, *words: str) -> str:
    return run([iptables(tools), "-w", "-t", table, *words], doing="remove Podman's rules", env=tools.environment)


def _within(rule: list[str], pool: Pool) -> bool:
    return any(_in_pool(word.partition(":")[0], pool) for word in rule if word[:1].isdigit())


def _in_pool(address: str, pool: Pool) -> bool:
    try:
        return ipaddress.IPv4Network(address, strict=False).subnet_of(pool.network)
    except ValueError:
        return False
