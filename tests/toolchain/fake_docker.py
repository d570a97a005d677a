"""A fake of docker-py's low-level client: one daemon in memory, in Docker 20.10's shapes.

It echoes what it is given and adds what a daemon decides: ids, addresses, mount points, and
the defaults a create call leaves out. `said` makes a call fail with a daemon's message.
"""

import copy
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound

Values = dict[str, Any]

_HOST_DEFAULTS: Values = {
    "AutoRemove": False,
    "CapAdd": None,
    "CapDrop": None,
    "CpuShares": 0,
    "CpusetCpus": "",
    "IpcMode": "private",
    "NanoCpus": 0,
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "Runtime": "runc",
    "ShmSize": 64 * 1024 * 1024,
    "UsernsMode": "",
}


class FakeDocker:
    """A daemon that holds what it is told to: `FakeDocker(next_id="abc", addresses={...})`."""

    def __init__(self, next_id: str = "made", addresses: Values | None = None) -> None:
        self.next_id = next_id
        self.addresses = addresses or {}
        self.mountpoint = "/lab/docker/data/volumes/{}/_data"
        self.pool: Values = {}
        self.digest = ""
        self.said: dict[str, str] = {}
        self.calls: list[tuple[str, Any]] = []
        self.volumes: dict[str, Values] = {}
        self.networks: dict[str, Values] = {}
        self.held: dict[str, Values] = {}

    def _call(self, name: str, details: Any = None) -> None:
        """Note a call and fail it if it is meant to fail."""
        self.calls.append((name, details))
        if name in self.said:
            raise APIError("500", explanation=self.said[name])

    # Volumes

    def create_volume(self, name: str, driver: Any, driver_opts: Any, labels: Any) -> Values:
        """Make a volume, or return the one of that name."""
        self._call("create_volume", name)
        made = {
            "Name": name,
            "Driver": driver or "local",
            "Labels": labels,
            "Options": driver_opts,
            "Mountpoint": self.mountpoint.format(name),
        }
        return self.volumes.setdefault(name, made)

    def inspect_volume(self, name: str) -> Values:
        """Return a volume."""
        return _found(self.volumes, name)

    def remove_volume(self, name: str, force: bool) -> None:
        """Remove a volume."""
        self._call("remove_volume", force)
        self.volumes.pop(name)

    # Networks

    def create_network(self, name: str, **options: Any) -> Values:
        """Make a network."""
        self._call("create_network", name)
        self.networks[self.next_id] = {
            "Id": self.next_id,
            "Name": name,
            "Driver": options["driver"] or "bridge",
            "Options": options["options"],
            "Internal": options["internal"],
            "Attachable": options["attachable"],
            "Ingress": False,
            "EnableIPv6": False,
            "Scope": "local",
            "Labels": options["labels"],
            "IPAM": {"Driver": options["ipam"]["Driver"], "Options": None, "Config": [self.pool]},
        }
        return self.networks[self.next_id]

    def inspect_network(self, network_id: str) -> Values:
        """Return a network."""
        return _found(self.networks, network_id)

    def remove_network(self, network_id: str) -> None:
        """Remove a network."""
        self._call("remove_network")
        self.networks.pop(network_id)

    # Containers

    def inspect_image(self, name: str) -> Values:
        """Return an image; any but a missing one is there."""
        if "missing" in name:
            raise ImageNotFound("404", explanation=f"No such image: {name}")
        return {"Id": "sha256:" + "1" * 64}

    def push(self, name: str, **_: Any) -> Any:
        """Push an image."""
        self.calls.append(("push", name))
        if "push" in self.said:
            return iter([{"error": self.said["push"]}])
        return iter([{"status": "Pushed"}, {"aux": {"Digest": self.digest}}])

    def containers(self, all: bool) -> list[Values]:  # noqa: A002
        """List the containers."""
        assert all
        return list(self.held.values())

    def create_container_from_config(self, body: Values, name: str) -> Values:
        """Make a container."""
        self._call("create", body)
        host = _HOST_DEFAULTS | {key: value for key, value in body["HostConfig"].items() if value}
        host |= {key: body["HostConfig"][key] for key in ("Memory", "MemorySwap", "Init")}
        host["LogConfig"] = dict(host["LogConfig"])
        host["LogConfig"]["Type"] = host["LogConfig"]["Type"] or "json-file"
        host["MemoryReservation"] = body["HostConfig"]["MemoryReservation"]
        config: Values = dict.fromkeys(("Cmd", "Entrypoint", "Env", "Labels"))
        config |= {"Hostname": self.next_id[:12], "Tty": False, "OpenStdin": False}
        config |= dict.fromkeys(("Domainname", "User", "WorkingDir", "StopSignal"), "")
        self.held[self.next_id] = {
            "Id": self.next_id,
            "Name": f"/{name}",
            "Image": "sha256:" + "1" * 64,
            "Platform": "linux",
            "Config": config | {k: v for k, v in body.items() if k != "HostConfig"},
            "HostConfig": host,
            "State": {"Running": False, "ExitCode": 0},
            "NetworkSettings": {"Bridge": "", "Ports": {}, "Networks": {}},
        }
        return {"Id": self.next_id}

    def inspect_container(self, container: str) -> Values:
        """Return a container."""
        return _found(self.held, container)

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        """Take a file."""
        self._call("put_archive", (path, data))

    def start(self, container: str) -> None:
        """Start a container: it gets its ports, addresses and a first good check."""
        self._call("start", container)
        held = self.held[container]
        held["State"] = {"Running": True, "ExitCode": 0, "Health": {"Status": "healthy"}}
        bindings = held["HostConfig"].get("PortBindings", {})
        held["NetworkSettings"]["Ports"] = bindings if self.addresses else {}
        held["NetworkSettings"]["Networks"] = copy.deepcopy(self.addresses)

    def end(self, container: str, code: int) -> None:
        """Let a container end, as by hand: a call that docker-py does not have."""
        held = self.held[container]
        held["State"] = {"Running": False, "ExitCode": code}
        held["NetworkSettings"]["Ports"] = {}

    def stop(self, container: str, timeout: int) -> None:
        """Stop a container."""
        self._call("stop", timeout)
        _found(self.held, container)
        self.end(container, 143)

    def remove_container(self, container: str, v: bool, force: bool) -> None:
        """Remove a container."""
        self._call("remove", {"v": v, "force": force})
        self.held.pop(container)

    def update_container(self, container: str, **limits: Any) -> None:
        """Change limits."""
        self._call("update", limits)

    def disconnect_container_from_network(self, container: str, network: str) -> None:
        """Leave a network."""
        self._call("disconnect", network)

    def connect_container_to_network(self, container: str, network: str, **endpoint: Any) -> None:
        """Join a network."""
        self._call("connect", (network, endpoint))


def _found(held: dict[str, Values], name: str) -> Values:
    """Return what is held under a name, as docker-py would."""
    if name not in held:
        raise NotFound("404", explanation=f"No such object: {name}")
    return copy.deepcopy(held[name])
