"""The facts of a container as `docker inspect` shows it, in the words of `facts`. Pure.

What labform sets in no container is named too, wherever it is not as Docker leaves it.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from labform.backends.docker.devices import devices_of
from labform.backends.docker.facts import MAY_END, aliases, check, cpus, options_text, restart, ulimit, variables
from labform.backends.drift import SECRET, Fact, Facts, told, words
from labform.declaration import size_text
from labform.hosts import Host

_NANO = 10**9
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_NOT_SET: tuple[object, ...] = (None, False, "", [], {}, 0, -1)
_UNUSED = {
    "Privileged": "privileged",
    "ReadonlyRootfs": "read-only root",
    "AutoRemove": "removed at its end",
    "PublishAllPorts": "publishes all ports",
    "PidMode": "pid",
    "UTSMode": "uts",
    "UsernsMode": "user namespace",
    "Cgroup": "cgroup",
    "CgroupParent": "parent cgroup",
    "CpuShares": "cpu shares",
    "CpusetCpus": "cpu set",
    "CpusetMems": "memory nodes",
    "CpuRealtimePeriod": "realtime period",
    "CpuRealtimeRuntime": "realtime runtime",
    "MemoryReservation": "memory reservation",
    "MemorySwappiness": "swappiness",
    "OomKillDisable": "survives out of memory",
    "OomScoreAdj": "out-of-memory score",
    "PidsLimit": "processes",
    "BlkioWeight": "disk weight",
    "BlkioDeviceReadBps": "disk read rate",
    "BlkioDeviceWriteBps": "disk write rate",
    "DeviceCgroupRules": "device rules",
    "GroupAdd": "groups",
    "Dns": "dns",
    "DnsOptions": "dns options",
    "DnsSearch": "dns search",
    "ExtraHosts": "hosts",
    "Links": "links",
    "Sysctls": "sysctls",
    "StorageOpt": "storage options",
    "VolumeDriver": "volume driver",
}
"""Settings of Docker's HostConfig (API 1.41) that labform leaves as Docker does, and what people call them."""


def inspected(container: Mapping[str, Any], image: Mapping[str, Any], host: Host, declared: Facts) -> dict[Fact, str]:
    """The facts of a container; `image` is the configuration of its image, `declared` are the facts it should have.

    The value of a variable is told only where it is declared in clear, and does not look like a token.
    """
    config, settings = container["Config"], container["HostConfig"]
    return {
        ("name", ""): _name(container),
        ("hostname", ""): config["Hostname"],
        ("state", ""): _state(container["State"]["Status"], may_end=declared["state", ""] == MAY_END),
        ("user", ""): config["User"],
        ("command", ""): shlex.join(config["Cmd"] or []),
        **_process(config),
        **{
            ("env", key): SECRET if declared.get(("env", key)) == SECRET else told(one, declared.get(("env", key)))
            for key, one in variables(config["Env"] or []).items()
        },
        **{("label", key): value for key, value in (config.get("Labels") or {}).items()},
        **_mounts(container, image),
        **_ports(settings),
        **{("network", key): aliases(_aliases(container, one)) for key, one in _networks(container)},
        **words("gpus", devices_of(container, host)),
        **{("device", one["PathOnHost"]): one["PathInContainer"] for one in settings.get("Devices") or []},
        # Resource limits that nobody declared are the daemon's own.
        **{
            ("ulimit", one["Name"]): ulimit(one["Soft"], one["Hard"])
            for one in settings.get("Ulimits") or []
            if ("ulimit", one["Name"]) in declared
        },
        ("restart", ""): restart(settings["RestartPolicy"]["Name"], settings["RestartPolicy"]["MaximumRetryCount"]),
        ("healthcheck", ""): _health(config.get("Healthcheck") or {}),
        **_limits(settings),
        **_hardening(settings),
        **_logs(settings["LogConfig"]),
        **{(what, ""): _text(settings.get(key)) for key, what in _UNUSED.items() if settings.get(key) not in _NOT_SET},
    }


def _logs(given: Mapping[str, Any]) -> dict[Fact, str]:
    return {("logs", ""): options_text({"type": given["Type"], **(given["Config"] or {})})} if given["Type"] else {}


def _name(container: Mapping[str, Any]) -> str:
    return str(container["Name"]).lstrip("/")


def _state(status: str, *, may_end: bool) -> str:
    # One that is tried again is on its way to one or the other.
    return MAY_END if may_end and status in {"running", "restarting", "exited"} else status


def _process(config: Mapping[str, Any]) -> dict[Fact, str]:
    stop = config.get("StopTimeout")
    found = {
        ("entrypoint", ""): shlex.join(config.get("Entrypoint") or []),
        ("directory", ""): config.get("WorkingDir"),
        ("domain", ""): config.get("Domainname"),
        ("terminal", ""): "yes" if config.get("Tty") else "",
        ("standard input", ""): "open" if config.get("OpenStdin") else "",
        ("stop", ""): f"within {stop if stop is not None else 10} s",
    }
    return {fact: value for fact, value in found.items() if value}


def _mounts(container: Mapping[str, Any], image: Mapping[str, Any]) -> dict[Fact, str]:
    """What is mounted; a volume without a name that the image asks for is the image's own."""
    own = image.get("Volumes") or {}
    found: dict[Fact, str] = {}
    for one in container.get("Mounts") or []:
        source = one.get("Name") or one.get("Source") or ""
        if one["Destination"] in own and _ANONYMOUS.fullmatch(source):
            continue
        kept = "" if one["RW"] else ", read only"
        found["mount", one["Destination"]] = f"{one['Type']} {source}".strip() + kept
    tmpfs = container["HostConfig"].get("Tmpfs") or {}
    return found | {("tmpfs", path): options or "on" for path, options in tmpfs.items()}


def _ports(settings: Mapping[str, Any]) -> dict[Fact, str]:
    bindings = settings.get("PortBindings") or {}
    return {
        ("port", port): ", ".join(f"{one['HostIp'] or '0.0.0.0'}:{one['HostPort']}" for one in places)  # noqa: S104
        for port, places in bindings.items()
        if places
    }


def _networks(container: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return (container["NetworkSettings"].get("Networks") or {}).items()


def _aliases(container: Mapping[str, Any], network: Mapping[str, Any]) -> set[str]:
    """The given ones: Docker adds the short id, Podman the name."""
    return {*(network.get("Aliases") or [])} - {container["Id"][:12], _name(container)}


def _health(given: Mapping[str, Any]) -> str:
    times = tuple(given.get(key, 0) / _NANO for key in ("Interval", "Timeout", "StartPeriod"))
    return check(given.get("Test") or [], times, given.get("Retries", 0))


def _limits(settings: Mapping[str, Any]) -> dict[Fact, str]:
    """CPUs, however they were given, and memory in bytes; 0 and -1 mean no limit."""
    quota, period = settings.get("CpuQuota") or 0, settings.get("CpuPeriod") or 100_000
    count = Decimal(settings.get("NanoCpus") or 0) / _NANO or Decimal(max(quota, 0)) / period
    memory = {"memory": "Memory", "memory and swap": "MemorySwap", "shared memory": "ShmSize"}
    found = {what: size_text(settings[key]) for what, key in memory.items() if (settings.get(key) or 0) > 0}
    limits = {("cpus", ""): cpus(count) if count else "no limit"}
    return limits | {(what, ""): found.get(what, "no limit") for what in memory}


def _hardening(settings: Mapping[str, Any]) -> dict[Fact, str]:
    ipc = settings.get("IpcMode") or ""
    return {
        **words("capabilities added", (one.removeprefix("CAP_") for one in settings.get("CapAdd") or [])),
        **words("capabilities dropped", (one.removeprefix("CAP_") for one in settings.get("CapDrop") or [])),
        **words("security options", settings.get("SecurityOpt") or []),
        **({("ipc", ""): ipc} if ipc else {}),
        **({("init", ""): "yes"} if settings.get("Init") else {}),
    }


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "yes" if value is True else str(value)
