"""Faults that only the whole lab shows: unknown names, paths that may not be mounted, sums that do not fit.

Each check yields every fault it finds; none knows of files or positions.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from labform.backends.docker import refusals as podman
from labform.backends.kubernetes import refusals as kubernetes
from labform.builder import beyond_a_daemon
from labform.declaration import size_text
from labform.hosts import BUILDER, cpus_text
from labform.naming import HOME
from labform.problems import Location, Problem, suggestion
from labform.project import CODE_SERVER_VARIABLES, RESERVED_VARIABLES, CodeServer, looks_like_token
from labform.stack_file import LabArgs
from labform.volumes import ClaimVolume, Directory, ManagedVolume

_SYSTEM_PATHS = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/opt/env",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var",
)
"""Places in a container whose content is the image's or the kernel's: Filesystem Hierarchy Standard 3.0."""
_LOOPBACK = re.compile(r"^(localhost|127\.\d+\.\d+\.\d+)(:|/|$)")


def check(lab: LabArgs) -> list[Problem]:
    """Every fault of a lab that can be seen without its lock, its hosts or its environments."""
    checks = (_backend, _devices, _builder, _registry, _people, _volumes, _mounts, _variables, _resources)
    return [problem for one in checks for problem in one(lab)]


def allowed_hosts(lab: LabArgs, project: str) -> list[str]:
    """The hosts where a project's volumes are and its pin allows; empty where they contradict each other."""
    args = lab.projects[project]
    places = {host for volume in args.mounts if (host := lab.host_of(volume))}
    pins = {args.host} if args.host else set()
    return sorted(host for host in lab.hosts if places <= {host} and pins <= {host})


def _backend(lab: LabArgs) -> Iterator[Problem]:
    yield from kubernetes.refusals(lab)
    yield from podman.refusals(lab)


def _devices(lab: LabArgs) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, host in lab.hosts.items():
        for place, gpu in enumerate(host.gpus):
            for one in (gpu.uuid, *(instance.uuid for instance in gpu.mig)):
                if one in seen:
                    at: Location = ("runs_on", "hosts", name, "gpus", place)
                    yield Problem(at, "twice", f"{one} is a device of {seen[one]} already", "list each device once")
                seen.setdefault(one, name)


def _builder(lab: LabArgs) -> Iterator[Problem]:
    yield from beyond_a_daemon(lab.builder)
    if lab.builder.engine == "daemon" and BUILDER in lab.hosts:
        message = "is what labform calls its connection to the daemon that builds"
        yield Problem(("runs_on", "hosts", BUILDER), "reserved-host", message, "give the host another name")
    if lab.builder.engine == "buildkit" and lab.hosts and lab.registry is None:
        message = "a BuildKit daemon keeps no image, it pushes each, and the lab has no registry"
        yield Problem(("builder", "engine"), "no-registry", message, "write registry: {address: …}")


def _registry(lab: LabArgs) -> Iterator[Problem]:
    by_daemon = lab.builder.engine == "daemon"
    remote = sorted(name for name, host in lab.hosts.items() if host.address != lab.builder.daemon)
    if lab.registry is None and remote and by_daemon:
        message = f"images cannot reach {', '.join(remote)}: the builder is another daemon and the lab has no registry"
        yield Problem(("builder",), "no-registry", message, "write registry: {address: …}")
    far = sorted(name for name, host in lab.hosts.items() if host.remote) or ([] if lab.hosts else ["the cluster"])
    far += [] if by_daemon or lab.builder.near else ["the builder"]
    if lab.registry and _LOOPBACK.match(lab.registry.address) and far:
        message = f"{lab.registry.address} is another machine when seen from {', '.join(far)}"
        yield Problem(("registry", "address"), "loopback-registry", message, "give an address that all hosts reach")
    if lab.registry and bool(lab.registry.username) != bool(lab.registry.password):
        yield Problem(
            ("registry",), "registry-login", "username and password go together", "password: {from: registry-password}"
        )


def _people(lab: LabArgs) -> Iterator[Problem]:
    for name, person in lab.people.items():
        if person.group and person.group not in lab.groups:
            hint = suggestion(person.group, lab.groups)
            yield Problem(("people", name, "group"), "unknown-group", f'no group "{person.group}"', hint)
    owners: list[tuple[Location, str]] = [(("projects", key, "owner"), one.owner) for key, one in lab.projects.items()]
    for section in ("volumes", "retired"):
        owners += [
            ((section, key, "owner"), one.owner)
            for key, one in getattr(lab, section).items()
            if isinstance(one, (ManagedVolume, ClaimVolume))
        ]
    for location, owner in owners:
        if owner not in lab.people:
            yield Problem(location, "unknown-person", f'no person "{owner}"', suggestion(owner, lab.people))


def _volumes(lab: LabArgs) -> Iterator[Problem]:
    for section in ("volumes", "retired"):
        for key, volume in getattr(lab, section).items():
            yield from _volume_host((section, key), volume, lab)
            if isinstance(volume, Directory) and (host := lab.hosts.get(lab.host_of(key) or "")):
                yield from _directory((section, key, "path"), volume.path, host.host_paths)
            if isinstance(volume, ClaimVolume) and lab.hosts:
                yield Problem(
                    (section, key, "claim"),
                    "not-on-docker",
                    "a claim is a Kubernetes volume; on Docker write path or nfs",
                )
    for key in sorted(set(lab.volumes) & set(lab.retired)):
        yield Problem(("retired", key), "twice", f"{key} stands under volumes too", "keep one of them")


def _volume_host(location: Location, volume: object, lab: LabArgs) -> Iterator[Problem]:
    if not isinstance(volume, (ManagedVolume, Directory)) or not lab.hosts:
        return
    if volume.host and volume.host not in lab.hosts:
        hint = suggestion(volume.host, lab.hosts)
        yield Problem((*location, "host"), "unknown-host", f'no host "{volume.host}"', hint)
    elif volume.host is None and len(lab.hosts) > 1:
        yield Problem(location, "which-host", "the lab has several hosts", f"write host: {min(lab.hosts)}")


def _directory(location: Location, path: str, roots: tuple[str, ...]) -> Iterator[Problem]:
    if not any(path == root or path.startswith(f"{root.rstrip('/')}/") for root in roots):
        hint = f"allowed below: {', '.join(roots)}" if roots else "the host has no host_paths"
        yield Problem(location, "host-path", f"{path} may not be mounted", hint)


def _mounts(lab: LabArgs) -> Iterator[Problem]:
    for name, project in lab.projects.items():
        at: Location = ("projects", name, "mounts")
        places = {lab.host_of(key) for key in project.mounts}
        if project.host and project.host not in lab.hosts and lab.hosts:
            hint = suggestion(project.host, lab.hosts)
            yield Problem(("projects", name, "host"), "unknown-host", f'no host "{project.host}"', hint)
        elif lab.hosts and not allowed_hosts(lab, name) and places <= {*lab.hosts, None}:
            on = ", ".join(f"{key} on {host}" for key in project.mounts if (host := lab.host_of(key)))
            pin = f"; host: {project.host}" if project.host else ""
            yield Problem(at, "apart", f"its volumes are not on one host: {on}{pin}")
        for key, mount in project.mounted().items():
            if key not in lab.volumes:
                yield Problem((*at, key), "unknown-volume", f'no volume "{key}"', suggestion(key, lab.volumes))
            if mount.path == "/" or any(mount.path == one or mount.path.startswith(f"{one}/") for one in _SYSTEM_PATHS):
                yield Problem(
                    (*at, key), "mount-path", f"{mount.path} belongs to the image", f"for example {HOME} or /workspace"
                )
        yield from _nested(at, {key: mount.path for key, mount in project.mounted().items()})


def _nested(at: Location, paths: Mapping[str, str]) -> Iterator[Problem]:
    for key, path in paths.items():
        for other, above in paths.items():
            if key != other and (path.startswith(f"{above}/") or (path == above and key > other)):
                within = "" if path == above else f"within {above}, "
                yield Problem((*at, key), "nested-mount", f"{path} is {within}where {other} is mounted")


def _variables(lab: LabArgs) -> Iterator[Problem]:
    for name, base in lab.bases.items():
        yield from _in_image(("bases", name, "environment"), base.environment)
    for name, project in lab.projects.items():
        own = CODE_SERVER_VARIABLES if isinstance(project.service, CodeServer) else frozenset()
        for key in sorted({*project.env, *project.secrets} & (RESERVED_VARIABLES | own)):
            section = "env" if key in project.env else "secrets"
            said = f"{key} is {'a setting of code-server' if key in own else 'set by labform'}"
            yield Problem(("projects", name, section, key), "reserved", said)
        for key in sorted(set(project.env) & set(project.secrets)):
            yield Problem(
                ("projects", name, "secrets", key), "twice", f"{key} stands under env too", "keep one of them"
            )
        yield from _in_image(("projects", name, "environment"), project.environment)
        for key in sorted(key for key, value in project.env.items() if looks_like_token(value)):
            hint = f"write secrets: {{{key}: {{from: …}}}} and `pulumi config set --secret`"
            yield Problem(("projects", name, "env", key), "secret-in-clear", "looks like a token", hint)


def _in_image(at: Location, environment: object) -> Iterator[Problem]:
    """What an environment writes into its image and must not: variables that labform sets, and tokens."""
    for key in sorted(RESERVED_VARIABLES & getattr(environment, "env", {}).keys()):
        yield Problem((*at, "env", key), "reserved", f"{key} is set by labform")
    for field in ("args", "env"):
        for key, value in sorted(getattr(environment, field, {}).items()):
            if looks_like_token(value):
                message, hint = (
                    "looks like a token, which the image would show",
                    "write it under the project's secrets:",
                )
                yield Problem((*at, field, key), "secret-in-clear", message, hint)


def _resources(lab: LabArgs) -> Iterator[Problem]:
    for name in lab.projects:
        limits = lab.limits(name)
        if limits.shared_memory > limits.memory:
            shared, memory = lab.resource(name, "shared_memory"), lab.resource(name, "memory")
            message = (
                f"shared memory {size_text(shared.value)} (from {shared.source}) is part of memory, "
                f"which is {size_text(memory.value)} (from {memory.source})"
            )
            hint = f"write resources: {{memory: {size_text(shared.value)}}} or more, or less shared_memory"
            yield Problem(("projects", name, "resources"), "shared-memory", message, hint)
        if lab.hosts and Decimal(cpus_text(limits.cpus)) != limits.cpus:
            message = f"the Docker provider cannot keep {limits.cpus:f} CPUs"
            near = max(round(limits.cpus, 1), Decimal("0.1"))
            yield Problem(("projects", name, "resources", "cpus"), "cpus", message, f"for example {near:f}")
