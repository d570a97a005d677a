"""What is read back from a container: everything but environment and labels."""

from typing import Any

from toolchain.docker_plugin.container_config import CONFIG, HOST_CONFIG, LISTS, MAPS, MIB
from toolchain.docker_plugin.durations import cpus, duration
from toolchain.docker_plugin.volumes import label_list
from toolchain.properties import Values

_READ = HOST_CONFIG | {"publishAllPorts": "PublishAllPorts", "usernsMode": "UsernsMode"}
"""Properties read from the host's part, with those that no program here sets."""

_LISTS = LISTS | {"dnsOpts": "DnsOptions", "dnsSearches": "DnsSearch", "securityOpts": "SecurityOpt"}
"""Lists read from the host's part, where null is an empty list."""


def read_back(container: Values, state: Values) -> Values:
    """Return what a daemon's view of a container writes into its state."""
    config, host = container["Config"], container["HostConfig"]
    return {
        **{ours: config.get(theirs) for ours, theirs in CONFIG.items()},
        **{ours: host.get(theirs) for ours, theirs in _READ.items()},
        **{ours: host.get(theirs) or [] for ours, theirs in _LISTS.items()},
        **{ours: host.get(theirs) or {} for ours, theirs in MAPS.items()},
        **_networking(container, state),
        **_limits(host),
        **_optional(config, host, state),
        "name": container["Name"].lstrip("/"),
        "image": container["Image"] if _by_id(state) else config["Image"],
        "command": config["Cmd"] or [],
        "entrypoints": config["Entrypoint"] or [],
        "stopTimeout": config.get("StopTimeout") or 0,
        "tty": config["Tty"],
        "stdinOpen": config["OpenStdin"],
        "restart": host["RestartPolicy"]["Name"],
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "init": bool(host.get("Init")),
        "platform": container["Platform"],
        "mounts": [_mount(mount) for mount in host.get("Mounts") or []],
        "hosts": [_host(entry) for entry in host.get("ExtraHosts") or []],
        "logDriver": host["LogConfig"]["Type"],
        "logOpts": (host["LogConfig"]["Config"] or {}) if state.get("logOpts") else {},
    }


def _by_id(state: Values) -> bool:
    """Tell whether the program named the image by its id."""
    return str(state.get("image")).startswith("sha256:")


def _networking(container: Values, state: Values) -> Values:
    """Return addresses, ports, and whether the container runs.

    A stopped container that must run loses its ports and its `mustRun`, one that need not
    run keeps both.
    """
    settings, running = container["NetworkSettings"], container["State"]["Running"]
    found: Values = {"bridge": settings["Bridge"], "networkDatas": _addresses(settings)}
    if (running or state.get("mustRun")) and state.get("ports"):
        found["ports"] = _ports(settings["Ports"])
    if not running:
        found["exitCode"] = container["State"]["ExitCode"]
        if state.get("mustRun"):
            found["mustRun"] = False
    return found


def _ports(ports: dict[str, Any] | None) -> list[Values]:
    """Return the published ports in the order of their numbers."""
    found = []
    for key, bindings in sorted((ports or {}).items(), key=lambda item: int(item[0].split("/")[0])):
        number, _, protocol = key.partition("/")
        for binding in bindings or []:
            external = int(binding["HostPort"] or 0)
            place = {"ip": binding["HostIp"], "protocol": protocol}
            found.append({"internal": int(number), "external": external, **place})
    return found


def _addresses(settings: Values) -> list[Values]:
    """Return the container's addresses, network by network."""
    return [
        {
            "networkName": name,
            "ipAddress": network["IPAddress"],
            "ipPrefixLength": network["IPPrefixLen"],
            "gateway": network["Gateway"],
            "globalIpv6Address": network["GlobalIPv6Address"],
            "globalIpv6PrefixLength": network["GlobalIPv6PrefixLen"],
            "ipv6Gateway": network["IPv6Gateway"],
            "macAddress": network["MacAddress"],
        }
        for name, network in sorted((settings["Networks"] or {}).items())
    ]


def _limits(host: Values) -> Values:
    """Return memory in MiB; what is no limit (0, -1) stays what it is."""
    found = {"memory": host["Memory"] // MIB, "shmSize": host["ShmSize"] // MIB}
    for ours, theirs in {
        "memoryReservation": "MemoryReservation",
        "memorySwap": "MemorySwap",
    }.items():
        found[ours] = host[theirs] // MIB if host[theirs] > 0 else host[theirs]
    return found


def _optional(config: Values, host: Values, state: Values) -> Values:
    """Return what is written only if the daemon, or the state before, has it."""
    found: Values = {}
    if host.get("CapAdd") or host.get("CapDrop"):
        found["capabilities"] = {"adds": host["CapAdd"] or [], "drops": host["CapDrop"] or []}
    if state.get("ulimits"):
        names = {"name": "Name", "soft": "Soft", "hard": "Hard"}
        limits = host.get("Ulimits") or []
        found["ulimits"] = [{ours: u[theirs] for ours, theirs in names.items()} for u in limits]
    if state.get("deviceRequests"):
        requests = host.get("DeviceRequests") or []
        found["deviceRequests"] = [_device_request(request) for request in requests]
    if host.get("NanoCpus"):
        found["cpus"] = cpus(host["NanoCpus"])
    if config.get("Healthcheck") is not None:
        found["healthcheck"] = _healthcheck(config["Healthcheck"])
    return found


def _healthcheck(check: Values) -> Values:
    """Return a health check, with durations as Go writes them."""
    return {
        "tests": check.get("Test") or [],
        "interval": duration(check.get("Interval", 0)),
        "timeout": duration(check.get("Timeout", 0)),
        "startPeriod": duration(check.get("StartPeriod", 0)),
        "startInterval": duration(check.get("StartInterval", 0)),
        "retries": check.get("Retries", 0),
    }


def _device_request(request: Values) -> Values:
    """Return a request for devices."""
    return {
        "driver": request["Driver"],
        "count": request["Count"],
        "deviceIds": request["DeviceIDs"] or [],
        "capabilities": (request["Capabilities"] or [[]])[0],
        "options": request["Options"] or {},
    }


def _host(entry: str) -> Values:
    """Return an extra host; the address ends at the second colon, as in the plugin."""
    host, address, *_ = entry.split(":")
    return {"host": host, "ip": address}


def _mount(mount: Values) -> Values:
    """Return a mount with the options of its type."""
    found: Values = {
        "target": mount["Target"],
        "source": mount.get("Source", ""),
        "type": mount["Type"],
        "readOnly": mount.get("ReadOnly", False),
        **dict.fromkeys(("bindOptions", "volumeOptions", "tmpfsOptions")),
    }
    if options := mount.get("BindOptions"):
        found["bindOptions"] = {"propagation": options.get("Propagation", "")}
    if options := mount.get("TmpfsOptions"):
        sizes = {"sizeBytes": options.get("SizeBytes", 0), "mode": options.get("Mode", 0)}
        found["tmpfsOptions"] = sizes
    if options := mount.get("VolumeOptions"):
        driver = options.get("DriverConfig") or {}
        found["volumeOptions"] = {
            "noCopy": options.get("NoCopy", False),
            "labels": label_list(options.get("Labels")),
            "driverName": driver.get("Name", ""),
            "driverOptions": driver.get("Options") or {},
            "subpath": options.get("Subpath", ""),
        }
    return found
