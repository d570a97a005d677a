"""What the daemon is asked for: the body of a create call from a planned container."""

from typing import Any

from toolchain.docker_plugin.durations import nano_cpus, nanoseconds
from toolchain.docker_plugin.volumes import labels_of
from toolchain.properties import Values

MIB = 1024 * 1024
"""The unit of all memory properties."""

CONFIG = {
    "hostname": "Hostname",
    "domainname": "Domainname",
    "stopSignal": "StopSignal",
    "user": "User",
    "workingDir": "WorkingDir",
}
"""Properties that the container's own configuration has unchanged."""

HOST_CONFIG = {
    "privileged": "Privileged",
    "runtime": "Runtime",
    "rm": "AutoRemove",
    "readOnly": "ReadonlyRootfs",
    "cpuShares": "CpuShares",
    "cpuSet": "CpusetCpus",
    "networkMode": "NetworkMode",
    "ipcMode": "IpcMode",
}
"""Properties that the host's part of the configuration has unchanged."""

LISTS = {"dns": "Dns", "groupAdds": "GroupAdd"}
"""Lists in the host's part."""

MAPS = {"tmpfs": "Tmpfs", "storageOpts": "StorageOpt", "sysctls": "Sysctls"}
"""Maps in the host's part."""

_WRITTEN = {"envs": "Env", "command": "Cmd", "entrypoints": "Entrypoint", "stopTimeout": "StopTimeout"}
"""Properties of the container's own configuration that are read back differently, or not at all."""


def create_body(planned: Values) -> Values:
    """Return the body of the call that makes a container."""
    body: Values = {"Image": planned["image"], "HostConfig": _host_config(planned)}
    body |= _renamed(planned, CONFIG | _WRITTEN)
    if planned["labels"]:
        body["Labels"] = labels_of(planned["labels"])
    if planned["ports"]:
        body["ExposedPorts"] = {_port(port): {} for port in planned["ports"]}
    if planned["healthcheck"]:
        body["Healthcheck"] = _healthcheck(planned["healthcheck"])
    return body


def resources(planned: Values) -> Values:
    """Return the limits that an update changes in place, in bytes."""
    limits = {
        "cpu_shares": planned["cpuShares"] or 0,
        "cpuset_cpus": planned["cpuSet"] or None,
        "mem_limit": (planned["memory"] or 0) * MIB,
        "mem_reservation": (planned["memoryReservation"] or 0) * MIB,
        "restart_policy": _restart(planned),
    }
    if planned["memorySwap"]:
        limits["memswap_limit"] = swap_bytes(planned["memorySwap"])
    return limits


def endpoint(network: Values) -> Values:
    """Return the settings of a container in one network, as docker-py takes them."""
    options = (option.partition("=") for option in network["driverOpts"] or [])
    return {
        "ipv4_address": network["ipv4Address"] or None,
        "ipv6_address": network["ipv6Address"] or None,
        "aliases": network["aliases"],
        "link_local_ips": network["linkLocalIps"] or None,
        "driver_opt": {name: value for name, equals, value in options if equals} or None,
        "mac_address": network["macAddress"] or None,
    }


def swap_bytes(swap: int) -> int:
    """Return a swap limit in bytes; -1 stays what it is: no limit."""
    return swap * MIB if swap > 0 else swap


def _renamed(planned: Values, names: dict[str, str]) -> Values:
    """Return the properties that are set, under the names of the daemon."""
    return {theirs: planned[ours] for ours, theirs in names.items() if planned[ours]}


def _host_config(planned: Values) -> Values:
    """Return the host's part of the configuration."""
    config = _renamed(planned, HOST_CONFIG | LISTS | MAPS)
    config["Init"] = bool(planned["init"])
    config["RestartPolicy"] = _restart(planned)
    config["Mounts"] = [_mount(mount) for mount in planned["mounts"]]
    if planned["volumes"]:
        config["Binds"] = [_bind(volume) for volume in planned["volumes"]]
    config["LogConfig"] = {"Type": planned["logDriver"] or "", "Config": planned["logOpts"] or {}}
    config |= _security(planned)
    for name, key in {"memory": "Memory", "memoryReservation": "MemoryReservation"}.items():
        config[key] = (planned[name] or 0) * MIB
    config["MemorySwap"] = swap_bytes(planned["memorySwap"] or 0)
    if planned["shmSize"]:
        config["ShmSize"] = planned["shmSize"] * MIB
    if planned["cpus"]:
        config["NanoCpus"] = nano_cpus(planned["cpus"])
    if planned["ports"]:
        config["PortBindings"] = _bindings(planned["ports"])
    if planned["hosts"]:
        config["ExtraHosts"] = [f"{item['host']}:{item['ip']}" for item in planned["hosts"]]
    if planned["ulimits"]:
        names = ("name", "soft", "hard")
        config["Ulimits"] = [{n.title(): item[n] for n in names} for item in planned["ulimits"]]
    if planned["deviceRequests"]:
        config["DeviceRequests"] = [_device_request(item) for item in planned["deviceRequests"]]
    return config


def _restart(planned: Values) -> Values:
    """Return the restart policy."""
    return {"Name": planned["restart"], "MaximumRetryCount": planned["maxRetryCount"] or 0}


def _security(planned: Values) -> Values:
    """Return capabilities and security options; `systempaths` is the client's to translate."""
    options = planned["securityOpts"] or []
    kept = [option for option in options if option != "systempaths=unconfined"]
    found: Values = {"SecurityOpt": kept}
    if kept != options:
        found |= {"MaskedPaths": [], "ReadonlyPaths": []}
    capabilities = planned["capabilities"] or {}
    return found | {
        "CapAdd": capabilities.get("adds") or [],
        "CapDrop": capabilities.get("drops") or [],
    }


def _port(port: Values) -> str:
    """Return the daemon's key of a port: `8888/tcp`."""
    return f"{port['internal']}/{port['protocol']}"


def _bindings(ports: list[Values]) -> dict[str, list[Values]]:
    """Return where each port is published; no number means any."""
    bindings: dict[str, list[Values]] = {}
    for port in ports:
        binding = {"HostIp": port["ip"], "HostPort": str(port["external"] or 0)}
        bindings.setdefault(_port(port), []).append(binding)
    return bindings


def _healthcheck(check: Values) -> Values:
    """Return the health check of a container."""
    return {
        "Test": check["tests"] or [],
        "Interval": nanoseconds(check["interval"]),
        "Timeout": nanoseconds(check["timeout"]),
        "StartPeriod": nanoseconds(check["startPeriod"]),
        "StartInterval": nanoseconds(check["startInterval"]),
        "Retries": check["retries"],
    }


def _device_request(request: Values) -> Values:
    """Return a request for devices; its capabilities are one list of alternatives."""
    return {
        "Driver": request["driver"],
        "Count": request["count"],
        "DeviceIDs": request["deviceIds"],
        "Capabilities": [request["capabilities"]],
        "Options": request["options"] or {},
    }


def _bind(volume: Values) -> str:
    """Return a volume, or a directory of the host, in the words of `docker run --volume`."""
    source = volume["hostPath"] or volume["volumeName"]
    return f"{source}:{volume['containerPath']}:{'ro' if volume['readOnly'] else 'rw'}"


def _mount(mount: Values) -> Values:
    """Return a mount with the options of its type."""
    made: Values = {
        "Type": mount["type"],
        "Target": mount["target"],
        "Source": mount["source"],
        "ReadOnly": bool(mount["readOnly"]),
    }
    options: Any = mount.get(f"{mount['type']}Options")
    if options and mount["type"] == "bind":
        made["BindOptions"] = {"Propagation": options["propagation"]}
    if options and mount["type"] == "tmpfs":
        sizes = {"SizeBytes": options["sizeBytes"], "Mode": options["mode"]}
        made["TmpfsOptions"] = {name: value or 0 for name, value in sizes.items()}
    if options and mount["type"] == "volume":
        driver = {"Name": options["driverName"], "Options": options["driverOptions"] or {}}
        made["VolumeOptions"] = {
            "NoCopy": bool(options["noCopy"]),
            "Labels": labels_of(options["labels"]),
            "DriverConfig": driver,
        }
    return made
