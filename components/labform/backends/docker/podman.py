"""A container of Podman in the words of Docker: what its Docker-compatible API says otherwise of the same. Pure.

As Podman 4.3 does; what it fills in by itself is left out, so that no container has it beyond its declaration.
"""

from collections.abc import Mapping
from typing import Any

_CAPABILITIES = frozenset(
    [
        *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    ]
)
"""What a container has that is told nothing else: containers.conf(5), default_capabilities."""
_OWN = {"IpcMode": "shareable", "PidMode": "private", "UTSMode": "private", "PidsLimit": 2048}
"""Settings that nobody gave: containers.conf(5)."""
_STATES = {"stopped": "exited"}


def as_docker_says(container: Mapping[str, Any]) -> dict[str, Any]:
    """What `docker inspect` would show of a container that Podman's API shows so."""
    config, settings, state = container["Config"], container["HostConfig"], container["State"]
    return {
        **container,
        "Config": {
            **config,
            "Env": [one for one in config.get("Env") or [] if one not in _variables(config["Hostname"])],
            "WorkingDir": "" if config.get("WorkingDir") == "/" else config.get("WorkingDir"),
        },
        "HostConfig": {
            **{key: value for key, value in settings.items() if _OWN.get(key) != value},
            **_capabilities(settings),
            # It limits logs by its own settings, and reports none that a container was given.
            "LogConfig": {"Type": "", "Config": {}},
        },
        "State": {**state, "Status": _STATES.get(state["Status"], state["Status"])},
    }


def _variables(hostname: str) -> set[str]:
    return {f"HOSTNAME={hostname}", "TERM=xterm", "container=podman", "container=oci"}


def _capabilities(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """What it has at all: that everything was dropped is reported as a list of what would be there."""
    added, dropped = ({one.removeprefix("CAP_") for one in settings.get(key) or []} for key in ("CapAdd", "CapDrop"))
    return {"CapAdd": sorted(_CAPABILITIES - dropped | added), "CapDrop": ["ALL"]}
