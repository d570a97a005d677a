"""Containers as `docker inspect` shows them, as far as labform reads it."""

from typing import Any


def container(
    *devices: str, lab: str = "", project: str = "", owner: str = "", status: str = "running", **host_config: Any
) -> dict[str, Any]:
    """A container with these device ids, asked for by the NVIDIA driver."""
    requests = [{"Driver": "nvidia", "Count": 0, "DeviceIDs": [*devices], "Capabilities": [["gpu"]]}] if devices else []
    labels = {"labform.lab": lab, "labform.project": project, "labform.owner": owner}
    env = host_config.pop("env", [])
    return {
        "Name": f"/{lab}-{project}",
        "Config": {"Labels": {key: value for key, value in labels.items() if value}, "Env": env, "Image": "image"},
        "HostConfig": {"DeviceRequests": requests, "Runtime": "runc", **host_config},
        "State": {"Status": status, "Running": status == "running", "ExitCode": 0},
    }


def request(driver: str = "nvidia", count: int = 0, *devices: str, capability: str = "gpu") -> dict[str, Any]:
    """A device request as the daemon keeps it."""
    return {"Driver": driver, "Count": count, "DeviceIDs": [*devices] or None, "Capabilities": [[capability]]}
