"""Which GPUs a container has, worked out from what `docker inspect` says of it. Pure.

Docker keeps no account of GPUs: a container may name them by id, by index, by number, all of them, as CDI names, or in
a variable that NVIDIA's runtime reads. Not seen are device nodes handed over by path and privileged containers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from labform.hosts import Host
from labform.naming import LAB_LABEL, OWNER_LABEL, PROJECT_LABEL

CDI_KIND = "nvidia.com/gpu"
"""The kind of NVIDIA's devices in the Container Device Interface, as `nvidia-ctk cdi generate` writes it."""
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
"""What NVIDIA's runtime reads: ids, indexes, `all`, or a word for none (container toolkit, "Docker Specialized")."""

_NONE = frozenset({"", "void", "none"})


def cdi_name(device: str) -> str:
    """The CDI name of a GPU or MIG instance: `nvidia.com/gpu=GPU-6f1c…`."""
    return f"{CDI_KIND}={device}"


def devices_of(container: Mapping[str, Any], host: Host) -> frozenset[str]:
    """The ids of the GPUs and MIG instances that a container can use.

    An index counts the host's GPUs as they are declared, which is how `labform inventory` lists them. A name that the
    host does not declare stays as it is.
    """
    requests = container["HostConfig"].get("DeviceRequests") or []
    hooked = [name for one in requests if _for_hook(one) for name in _hooked(one)]
    cdi = [name for one in requests for name in one.get("DeviceIDs") or [] if name.startswith(f"{CDI_KIND}=")]
    # A request's ids take the variable's place, an image's `all` too.
    named = [*cdi, *(hooked or _visible(container))]
    return frozenset(unit for name in named for unit in _units(name.removeprefix(f"{CDI_KIND}="), host))


def whose(labels: Mapping[str, str]) -> str:
    """Whom a container belongs to, as far as its labels say: ` of lab ds01, project thesis, owner anna`."""
    known = {"lab": LAB_LABEL, "project": PROJECT_LABEL, "owner": OWNER_LABEL}
    words = ", ".join(f"{word} {labels[label]}" for word, label in known.items() if label in labels)
    return f" of {words}" if LAB_LABEL in labels else " from outside the lab"


def _for_hook(request: Mapping[str, Any]) -> bool:
    asked = {word for words in request.get("Capabilities") or [] for word in words}
    return request.get("Driver") == "nvidia" or (not request.get("Driver") and bool(asked & {"gpu", "nvidia"}))


def _hooked(request: Mapping[str, Any]) -> list[str]:
    """What a request of Docker's `nvidia` driver names; a count of n means the first n, -1 all."""
    if ids := request.get("DeviceIDs"):
        return list(ids)
    count = int(request.get("Count") or 0)
    return ["all"] if count < 0 else [str(index) for index in range(count)]


def _visible(container: Mapping[str, Any]) -> list[str]:
    """What NVIDIA's runtime, where it is the container's, reads from its variables, the image's too."""
    if not str(container["HostConfig"].get("Runtime") or "").startswith("nvidia"):
        return []
    given = dict(line.partition("=")[::2] for line in container["Config"].get("Env") or [])
    return [name for name in given.get(VISIBLE, "").split(",") if name not in _NONE]


def _units(name: str, host: Host) -> Iterator[str]:
    """The declared ids that a name stands for: a GPU that is cut into MIG instances stands for all of them."""
    index, _, instance = name.partition(":")
    by_index = host.gpus[int(index) :][:1] if index.isdecimal() else ()
    chosen = host.gpus if name == "all" else by_index or [gpu for gpu in host.gpus if gpu.uuid == name]
    if not chosen:
        yield name
    for gpu in chosen:
        mig = gpu.mig[int(instance) :][:1] if instance.isdecimal() else gpu.mig
        yield from (one.uuid for one in mig or (gpu,))
