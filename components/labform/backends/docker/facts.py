"""What a container is, in facts that its registration and `docker inspect` share; and where two sets of them differ.

This is the side of the registration: the inputs that `up` gives to the provider, the plain ones as text. Pure.
"""

import re
import shlex
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from labform.backends.docker.devices import CDI_KIND
from labform.backends.drift import SECRET, Fact, words
from labform.declaration import size_text
from labform.problems import LabformError

_SECRET_KEY = "4dabf18193072939515e22adb298388d"  # noqa: S105
"""The key by which Pulumi marks an object as special; of a registration's inputs only secrets are."""
COMPARED = frozenset(
    [
        *("name", "hostname", "image", "user", "envs", "labels", "mounts", "ports", "networksAdvanced", "uploads"),
        *("command", "mustRun", "restart", "maxRetryCount", "healthcheck", "stopTimeout", "init", "cpus", "memory"),
        *("memorySwap", "shmSize", "capabilities", "securityOpts", "logDriver", "logOpts", "deviceRequests"),
        *("ipcMode", "ulimits", "tmpfs", "volumes"),
    ]
)
"""The inputs of a container that facts are made of."""
OF_THE_ENGINE = frozenset({"wait", "waitTimeout", "destroyGraceSeconds"})
"""Those that say how the provider goes about it; no container has them."""
MAY_END = "running, or ended"
"""The state of what nobody starts again."""
_UNITS = {"h": 3600, "m": 60, "s": 1}
_MEBIBYTE = 1024**2


def registered(inputs: Mapping[str, Any], image: Mapping[str, Any]) -> dict[Fact, str]:
    """The facts of a container that is as it was registered; `image` is the configuration of the image that it runs.

    Its image and its files are not among them: what they should be is not known from the inputs alone. LabformError
    for an input that no fact is made of, so that none is silently left out.
    """
    if unknown := sorted(set(inputs) - COMPARED - OF_THE_ENGINE):
        raise LabformError(f"error[not-compared] {inputs['name']}: no fact is made of {', '.join(unknown)}")
    health = inputs.get("healthcheck")
    capabilities = inputs.get("capabilities") or {}
    retries = int(inputs.get("maxRetryCount") or 0)
    return {
        ("name", ""): inputs["name"],
        ("hostname", ""): inputs["hostname"],
        ("state", ""): "running" if inputs["mustRun"] else MAY_END,
        ("user", ""): inputs["user"],
        ("command", ""): shlex.join(inputs["command"]),
        **_inherited(image),
        **{("env", key): value for key, value in variables(image.get("Env") or []).items()},
        **{("env", key): value for key, value in _environment(inputs).items()},
        **{("label", key): value for key, value in (image.get("Labels") or {}).items()},
        **{("label", one["label"]): one["value"] for one in inputs.get("labels") or []},
        **{("mount", one["target"]): _mount(one) for one in inputs.get("mounts") or []},
        **{("mount", one["containerPath"]): _volume(one) for one in inputs.get("volumes") or []},
        **{("port", f"{int(one['internal'])}/{one['protocol']}"): _port(one) for one in inputs.get("ports") or []},
        **{("network", one["name"]): aliases(one.get("aliases")) for one in inputs.get("networksAdvanced") or []},
        **{("tmpfs", path): options or "on" for path, options in (inputs.get("tmpfs") or {}).items()},
        **({("gpus", ""): ", ".join(ids)} if (ids := _gpus(inputs)) else {}),
        **{("ulimit", one["name"]): ulimit(one["soft"], one["hard"]) for one in inputs.get("ulimits") or []},
        ("restart", ""): restart(inputs["restart"], retries),
        ("healthcheck", ""): "none" if health is None else _health(health),
        ("stop", ""): f"within {int(inputs['stopTimeout'])} s",
        **({("init", ""): "yes"} if inputs.get("init") else {}),
        ("cpus", ""): cpus(Decimal(inputs["cpus"])),
        ("memory", ""): size_text(int(inputs["memory"]) * _MEBIBYTE),
        ("memory and swap", ""): size_text(int(inputs["memorySwap"]) * _MEBIBYTE),
        ("shared memory", ""): size_text(int(inputs["shmSize"]) * _MEBIBYTE),
        **words("capabilities added", (one.removeprefix("CAP_") for one in capabilities.get("adds") or [])),
        **words("capabilities dropped", capabilities.get("drops") or []),
        **words("security options", inputs.get("securityOpts") or []),
        **({("ipc", ""): inputs["ipcMode"]} if inputs.get("ipcMode") else {}),
        **({("logs", ""): _logs(inputs)} if inputs.get("logDriver") else {}),
    }


def labels_of(inputs: Mapping[str, Any]) -> dict[str, str]:
    """A resource's labels as a mapping; the provider writes them as a list."""
    return {one["label"]: one["value"] for one in inputs.get("labels") or []}


def secret_variables(inputs: Mapping[str, Any]) -> set[str]:
    """The names of the variables whose values are secrets."""
    return {str(one["value"]).partition("=")[0] for one in inputs.get("envs") or [] if is_secret(one)}


def is_secret(value: object) -> bool:
    """Whether an input is marked as a secret."""
    return isinstance(value, dict) and _SECRET_KEY in value


def variables(lines: list[str]) -> dict[str, str]:
    """Variables by their names."""
    return {key: value for key, _, value in (one.partition("=") for one in lines)}


def aliases(names: Any) -> str:
    """How a container is called in a network."""
    return f"as {', '.join(sorted(names))}" if names else "attached"


def restart(policy: str, retries: int) -> str:
    """What Docker does when the container ends."""
    return f"{policy}, {retries} times" if retries else policy or "no"


def check(tests: list[str], times: tuple[float, ...], retries: int) -> str:
    """A health check; `times` are its interval, timeout and start period, in seconds."""
    if tests in ([], ["NONE"]):
        return "none"
    interval, timeout, start = times
    often = f"every {interval:g} s, within {timeout:g} s, {retries} times, after {start:g} s"
    return f"{shlex.join(tests[1:])} ({often})"


def cpus(count: Decimal) -> str:
    """A number of CPUs."""
    return f"{count.normalize():f}"


def ulimit(soft: float, hard: float) -> str:
    """The soft and the hard limit."""
    return f"{int(soft)}:{int(hard)}"


def options_text(options: Mapping[str, Any]) -> str:
    """Options in the order of their names, `type` without its own."""
    named = [f"{key}={value}" for key, value in sorted(options.items()) if key != "type"]
    return " ".join([str(options["type"]), *named])


def _environment(inputs: Mapping[str, Any]) -> dict[str, str]:
    plain = variables([one for one in inputs.get("envs") or [] if not is_secret(one)])
    return plain | dict.fromkeys(secret_variables(inputs), SECRET)


def _inherited(image: Mapping[str, Any]) -> dict[Fact, str]:
    """What a container has of its image, because labform sets it in none."""
    found = {("entrypoint", ""): shlex.join(image.get("Entrypoint") or []), ("directory", ""): image.get("WorkingDir")}
    return {fact: value for fact, value in found.items() if value}


def _mount(mount: Mapping[str, Any]) -> str:
    return f"{mount['type']} {mount['source']}{', read only' if mount.get('readOnly') else ''}"


def _volume(volume: Mapping[str, Any]) -> str:
    """What Podman's containers have for a mount."""
    source = f"volume {volume['volumeName']}" if volume.get("volumeName") else f"bind {volume['hostPath']}"
    return f"{source}{', read only' if volume.get('readOnly') else ''}"


def _logs(inputs: Mapping[str, Any]) -> str:
    return options_text({"type": inputs["logDriver"], **(inputs.get("logOpts") or {})})


def _port(port: Mapping[str, Any]) -> str:
    return f"{port['ip']}:{int(port['external'])}"


def _gpus(inputs: Mapping[str, Any]) -> list[str]:
    requests = inputs.get("deviceRequests") or []
    return sorted(one.removeprefix(f"{CDI_KIND}=") for request in requests for one in request["deviceIds"])


def _health(given: Mapping[str, Any]) -> str:
    times = tuple(_seconds(given.get(key) or "") for key in ("interval", "timeout", "startPeriod"))
    return check(given["tests"], times, int(given.get("retries") or 0))


def _seconds(text: str) -> float:
    """Seconds of a duration as Go writes it: `1h30m0s`."""
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([hms])", text))
