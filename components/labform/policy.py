"""Rules for hosts that many people share: what a lab should not register, whoever wrote it, and what to write instead.

Pure: a rule sees a resource's type, inputs and protection, and yields what is wrong with it. The policy pack in
`policy/` runs the same rules in `pulumi preview` and `up`; `labform check --policy` runs them without an engine.
Sources: CIS Docker Benchmark, section on container runtime; Kubernetes Pod Security Standards, baseline.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from labform.naming import OWNER_LABEL, PROJECT_LABEL

CONTAINER, VOLUME = "docker:index/container:Container", "docker:index/volume:Volume"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
UNKNOWN = object()
"""A value that nobody knows before the `up`; no rule judges it."""
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock")


@dataclass(frozen=True)
class Subject:
    """A resource as it is registered; `exempt` where an exception names it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool = False

    def names(self) -> set[str]:
        """What an exception may call it: its own name, or its project's."""
        return {self.name, label(self.inputs, PROJECT_LABEL)}


@dataclass(frozen=True)
class Rule:
    """One rule: a stable id, why it is one, what to write instead, and what finds its violations."""

    id: str
    reason: str
    remediation: str
    find: Callable[[Subject], Iterator[str]]


@dataclass(frozen=True)
class Violation:
    """A resource that breaks a rule, and how."""

    rule: Rule
    subject: Subject
    found: str


def violations(subjects: Iterable[Subject], exceptions: Mapping[str, Collection[str]]) -> list[Violation]:
    """Every violation, in the order of resources and rules; `exceptions` are names by rule id."""
    return [
        Violation(rule, subject, found)
        for subject in subjects
        for rule in RULES
        if not subject.names() & set(exceptions.get(rule.id, ()))
        for found in rule.find(subject)
    ]


def label(inputs: Mapping[str, Any], key: str) -> str:
    """A label's value; empty if it has none of that name. Kubernetes keeps them in `metadata`."""
    known = inputs.get("labels")
    if isinstance(known, Sequence) and not isinstance(known, str):
        pairs = [one for one in known if isinstance(one, Mapping)]
        return next((str(one.get("value", "")) for one in pairs if one.get("label") == key), "")
    metadata = inputs.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return str(labels.get(key, "")) if isinstance(labels, Mapping) else ""


def _pod(subject: Subject) -> Mapping[str, Any] | None:
    """The pod that a Kubernetes workload makes."""
    if not subject.type.startswith("kubernetes:"):
        return None
    spec = subject.inputs.get("spec")
    for key in ("jobTemplate", "spec", "template", "spec"):
        if isinstance(spec, Mapping) and isinstance(spec.get(key), Mapping):
            spec = spec[key]
    return spec if isinstance(spec, Mapping) and "containers" in spec else None


def _containers(subject: Subject) -> list[Mapping[str, Any]]:
    pod = _pod(subject) or {}
    listed = [one for key in ("initContainers", "containers") for one in pod.get(key) or []]
    return [one for one in listed if isinstance(one, Mapping)]


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, Sequence) else []


def _privileged(subject: Subject) -> Iterator[str]:
    if subject.type == CONTAINER and subject.inputs.get("privileged") is True:
        yield "privileged: true"
    for one in _containers(subject):
        if (one.get("securityContext") or {}).get("privileged") is True:
            yield f"container {one.get('name')}: privileged: true"


def _namespaces(subject: Subject) -> Iterator[str]:
    if subject.type == CONTAINER:
        for key in ("networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode"):
            value = subject.inputs.get(key)
            if isinstance(value, str) and (value == "host" or value.startswith("container:")):
                yield f"{key}: {value}"
    pod = _pod(subject) or {}
    yield from (f"{key}: true" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key) is True)


def _socket(subject: Subject) -> Iterator[str]:
    sources: list[Any] = []
    if subject.type == CONTAINER:
        sources += [one.get("source") for one in _listed(subject.inputs.get("mounts"))]
        sources += [one.get("hostPath") for one in _listed(subject.inputs.get("volumes"))]
    for one in _listed((_pod(subject) or {}).get("volumes")):
        sources.append((one.get("hostPath") or {}).get("path"))
    for source in (one.rstrip("/") or "/" for one in sources if isinstance(one, str) and one.startswith("/")):
        if any(f"{socket}/".startswith(f"{source.rstrip('/')}/") for socket in _SOCKETS):
            yield f"mounts {source}"


def _all_gpus(subject: Subject) -> Iterator[str]:
    if subject.type != CONTAINER:
        return
    if gpus := subject.inputs.get("gpus"):
        yield f"gpus: {gpus}" if gpus is not UNKNOWN else "gpus"
    for one in _listed(subject.inputs.get("deviceRequests")):
        ids = one.get("deviceIds")
        if not ids or (ids is not UNKNOWN and any(str(gpu).endswith("=all") for gpu in ids)):
            yield f"deviceRequests without ids (count {one.get('count', 'none')})"
    envs = subject.inputs.get("envs")
    for one in envs if isinstance(envs, Sequence) and not isinstance(envs, str) else ():
        if one == "NVIDIA_VISIBLE_DEVICES=all":
            yield str(one)


def _tag(subject: Subject) -> Iterator[str]:
    images = [subject.inputs.get("image")] if subject.type == CONTAINER else []
    images += [one.get("image") for one in _containers(subject)]
    for image in images:
        if isinstance(image, str) and "@sha256:" not in image and not image.startswith("sha256:"):
            yield f"image: {image}"


def _limits(subject: Subject) -> Iterator[str]:
    if subject.type == CONTAINER:
        missing = [key for key in ("cpus", "memory", "memorySwap") if subject.inputs.get(key) in (None, 0, "", -1)]
        yield from (f"no {key}" for key in missing)
    for one in _containers(subject):
        limits = (one.get("resources") or {}).get("limits") or {}
        yield from (f"container {one.get('name')}: no limit of {key}" for key in ("cpu", "memory") if key not in limits)


def _unprotected(subject: Subject) -> Iterator[str]:
    if subject.type in (VOLUME, CLAIM) and not is_handle(subject.inputs) and not subject.protect:
        yield "protect is off"


def is_handle(inputs: Mapping[str, Any]) -> bool:
    """Whether a volume or claim only leads to an export: a volume of a type, a claim of no class for one volume."""
    options, spec = inputs.get("driverOpts"), inputs.get("spec")
    if isinstance(spec, Mapping):
        return spec.get("storageClassName") == "" and "volumeName" in spec
    return isinstance(options, Mapping) and "type" in options


def _public(subject: Subject) -> Iterator[str]:
    if subject.type == CONTAINER:
        for one in _listed(subject.inputs.get("ports")):
            address = one.get("ip", "0.0.0.0")  # noqa: S104  what the provider takes where none is given
            if address is not UNKNOWN and not _loopback(str(address)):
                port = one.get("external")
                yield f"port {int(port) if isinstance(port, (int, float)) else 'of any number'} on {address}"
    spec = subject.inputs.get("spec")
    kind = spec.get("type") if subject.type == "kubernetes:core/v1:Service" and isinstance(spec, Mapping) else None
    if kind in ("NodePort", "LoadBalancer"):
        yield f"type: {kind}"


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _owner(subject: Subject) -> Iterator[str]:
    if (subject.type == CONTAINER or _pod(subject) is not None) and not label(subject.inputs, OWNER_LABEL):
        yield f"no label {OWNER_LABEL}"


RULES: tuple[Rule, ...] = (
    Rule(
        "privileged",
        "a privileged container is root on the host: it reads everybody's data and takes every GPU",
        "leave privileged out; name the one capability that is needed under capabilities",
        _privileged,
    ),
    Rule(
        "host-namespace",
        "in a namespace of the host a container sees and reaches the processes and ports of everybody else",
        "leave the mode out; publish a port instead of host networking, set shared_memory instead of host IPC",
        _namespaces,
    ),
    Rule(
        "docker-socket",
        "whoever has the daemon's socket starts containers as root: it is the same as root on the host",
        "mount the directory that is needed, not the socket or a directory above it",
        _socket,
    ),
    Rule(
        "all-gpus",
        "a container with all GPUs, or the first ones by count, shares them with those they were given to",
        "write gpus: with a number, a model or a uuid; the lock then names the devices",
        _all_gpus,
    ),
    Rule(
        "tag",
        "what a tag stands for changes under those who run it, and nobody can say what ran last year",
        "use the reference that Image gives, or name@sha256:…; labform lock pins tags",
        _tag,
    ),
    Rule(
        "no-limits",
        "a container without limits takes the memory and CPUs of everybody on the host",
        "write resources: {cpus: …, memory: …}, or the lab's defaults.resources",
        _limits,
    ),
    Rule(
        "unprotected-volume",
        "an unprotected volume is removed with the edit or the project that drops it, data included",
        "register it with protect=True and retain_on_delete=True; except a volume that is being retired",
        _unprotected,
    ),
    Rule(
        "public-port",
        "a port on every address of the host is open to the whole network",
        "leave listen out and use a tunnel or a proxy, or have the project named as an exception of this rule",
        _public,
    ),
    Rule(
        "no-owner",
        "nobody can be asked about a container that has no owner, and no quota counts it",
        f"set the label {OWNER_LABEL}; a project's owner: does",
        _owner,
    ),
)
"""All rules, by what they cost if they are broken."""


def exceptions_of(config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The exceptions of a pack's configuration file: `{"public-port": {"exceptions": ["thesis"]}}`.

    Raises ValueError, which names what is wrong, for a rule that is none or a list that is none.
    """
    known = {rule.id for rule in RULES}
    found: dict[str, tuple[str, ...]] = {}
    for key, value in config.items():
        names = value.get("exceptions", []) if isinstance(value, Mapping) else None
        if key not in known:
            raise ValueError(f'no rule "{key}"; there are: {", ".join(sorted(known))}')
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise ValueError(f"{key}: exceptions are a list of names")
        found[key] = tuple(names)
    return found
