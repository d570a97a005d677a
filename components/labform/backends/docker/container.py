"""What a project becomes on Docker: one container's arguments, part by part. Values only, nothing is registered."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from labform import workload
from labform.backends.docker.devices import cdi_name
from labform.declaration import mebibytes
from labform.hosts import cpus_text
from labform.naming import SECRETS
from labform.people import Person
from labform.project import ProjectArgs
from labform.resources import Limits
from labform.units import Placement
from labform.volumes import Directory, Volume

_DEADLINE = """\
end=/tmp/.labform-deadline
[ -f "$end" ] || echo $(($(date +%s) + $1)) > "$end"
left=$(($(cat "$end") - $(date +%s)))
[ "$left" -gt 0 ] || { echo "deadline of $1 s has passed" >&2; exit 124; }
shift
exec timeout --kill-after=30 "$left" "$@"
"""
"""All tries of a run share one deadline, which its first try writes into the container's own layer."""


def process(args: ProjectArgs, engine: str) -> dict[str, Any]:
    """What runs, and what Docker does when it ends."""
    grace = {"stop_timeout": args.stop_grace, "destroy_grace_seconds": args.stop_grace, "init": True}
    if args.run:
        command = workload.command(args)
        if args.run.deadline:
            command = ["/bin/sh", "-c", _DEADLINE, "deadline", str(args.run.deadline), *command]
        retry = (
            {"restart": "on-failure", "max_retry_count": args.run.retries} if args.run.retries else {"restart": "no"}
        )
        return {"command": command, "must_run": False, "wait": False, **retry, **grace}
    return {
        "command": workload.command(args),
        "must_run": args.must_run,
        "restart": "unless-stopped",
        **_health(args, engine),
        **grace,
    }


def _health(args: ProjectArgs, engine: str) -> dict[str, Any]:
    service, tests = args.service, workload.health(args)
    if not tests or service is None:
        # Said in full: to the provider a check that is left out is one that stays, the image's own too.
        none = docker.ContainerHealthcheckArgs(tests=["NONE"])
        if engine == "podman":
            # These it reports for a check that it does not have.
            none = docker.ContainerHealthcheckArgs(tests=["NONE"], interval="30s", timeout="30s", retries=3)
        return {"healthcheck": none, "wait": False}
    # Podman takes a command apart at its spaces, and leaves a shell's as it is.
    command = ["CMD-SHELL", shlex.join(tests)] if engine == "podman" else ["CMD", *tests]
    check = docker.ContainerHealthcheckArgs(
        tests=command, interval="5s", timeout="5s", retries=3, start_period=_go_duration(service.startup)
    )
    return {"healthcheck": check, "wait": True, "wait_timeout": service.startup}


def limits(given: Limits) -> dict[str, Any]:
    """CPU and memory; swap is the same figure, which means none: without it the provider sees a change for ever."""
    memory = mebibytes(given.memory)
    return {
        "cpus": cpus_text(given.cpus),
        "memory": memory,
        "memory_swap": memory,
        "shm_size": mebibytes(given.shared_memory),
    }


def _go_duration(seconds: int) -> str:
    """Seconds as Go writes a duration, which is what the provider reads back: 5400 is `1h30m0s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def hardening(args: ProjectArgs, engine: str) -> dict[str, Any]:
    """No capability, no new privileges, and logs that cannot fill the disk.

    Podman limits logs by its own settings: what a container is told of them it does not report.
    """
    # As each engine reports them: in other words, a refresh makes every container one to replace.
    option = "no-new-privileges" if engine == "podman" else "no-new-privileges:true"
    added = sorted(f"CAP_{one}" for one in args.capabilities)
    made: dict[str, Any] = {
        "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"], adds=added or None),
        "security_opts": [option],
    }
    if engine == "docker":
        made |= {"log_driver": "json-file", "log_opts": {"max-size": "10m", "max-file": "3"}}
    return made


def devices(placement: Placement, form: str) -> dict[str, Any]:
    """The GPUs by id: as the NVIDIA hook or as CDI names takes them; never a count, which would mean the first ones."""
    if not placement.gpus:
        return {}
    ids = sorted(placement.gpus)
    if form == "cdi":
        request = docker.ContainerDeviceRequestArgs(driver="cdi", device_ids=[cdi_name(one) for one in ids])
    else:
        request = docker.ContainerDeviceRequestArgs(driver="nvidia", device_ids=ids, capabilities=["gpu"])
    return {"device_requests": [request]}


def process_limits(args: ProjectArgs, placement: Placement, engine: str) -> dict[str, Any]:
    """Memory shared with no other container, and the rlimits that GPU programs need.

    Podman gives each container its own shared memory too, and calls that mode another name.

    The stack is what NVIDIA's containers ask for (`--ulimit stack=67108864`). Their `memlock=-1` is for memory that
    InfiniBand adapters register (Open MPI #6468, UCX #7930), which no container here is given: CUDA pins memory through
    its driver. A daemon without CAP_SYS_RESOURCE refuses it, so it comes with the capability IPC_LOCK only, which
    without it means nothing to a user who is not root.
    """
    stack = [("stack", 64 * 1024**2)] if placement.gpus else []
    locked = [("memlock", -1)] if "IPC_LOCK" in args.capabilities else []
    ulimits = [docker.ContainerUlimitArgs(name=name, soft=value, hard=value) for name, value in [*locked, *stack]]
    return {"ipc_mode": None if engine == "podman" else "private", "ulimits": ulimits or None}


def environment(
    args: ProjectArgs, placement: Placement, form: str, secrets: Mapping[str, pulumi.Input[str]]
) -> list[pulumi.Input[str]]:
    """The variables, sorted, the secret ones last. A request to NVIDIA's hook sets `NVIDIA_VISIBLE_DEVICES` itself.

    CDI names come beside what an image says in it, so there it is said that there are no others.
    """
    plain = workload.variables(args, gpus=bool(placement.gpus) and form != "cdi")
    given: list[pulumi.Input[str]] = [f"{key}={value}" for key, value in plain.items()]
    chosen = [key for key in sorted(args.secrets) if args.secrets[key].form == "env"]
    return given + [pulumi.Output.concat(f"{key}=", pulumi.Output.secret(secrets[key])) for key in chosen]


def files(
    args: ProjectArgs,
    person: Person,
    lab: str,
    secrets: Mapping[str, pulumi.Input[str]],
    token: pulumi.Input[str] | None,
) -> list[docker.ContainerUploadArgs]:
    """Files that make the owner known to `whoami`, git and ssh, and the project's secret files."""
    plain = workload.owner_files(args, person, lab)
    hidden = {f"{SECRETS}/{key}": secrets[key] for key in sorted(args.secrets) if args.secrets[key].form == "file"}
    if token is not None and (key := workload.token_key(args)):
        before, after = workload.around_token(args)
        hidden[f"{SECRETS}/{key}"] = pulumi.Output.concat(before, token, after)
    made = [docker.ContainerUploadArgs(file=path, content=text, permissions="0644") for path, text in plain.items()]
    return made + [
        docker.ContainerUploadArgs(file=path, content=pulumi.Output.secret(text), permissions="0444")
        for path, text in hidden.items()
    ]


def data(
    args: ProjectArgs, volumes: Mapping[str, Volume], sources: Mapping[str, pulumi.Input[str]], engine: str
) -> dict[str, Any]:
    """The project's volumes by where they appear; a directory is a bind, everything else a Docker volume.

    Podman does not report mounts as such: a refresh would forget them, where it leaves `volumes` alone.
    """
    if engine == "podman":
        return {"volumes": _volumes(args, volumes, sources) or None}
    made = []
    for key, mount in args.mounted().items():
        volume = volumes[key]
        read_only = mount.read_only or getattr(volume, "read_only", False)
        kind = "bind" if isinstance(volume, Directory) else "volume"
        made.append(
            docker.ContainerMountArgs(type=kind, source=sources[key], target=mount.path, read_only=read_only or None)
        )
    return {"mounts": made or None}


def _volumes(
    args: ProjectArgs, volumes: Mapping[str, Volume], sources: Mapping[str, pulumi.Input[str]]
) -> list[docker.ContainerVolumeArgs]:
    made = []
    for key, mount in args.mounted().items():
        directory = isinstance(volumes[key], Directory)
        made.append(
            docker.ContainerVolumeArgs(
                host_path=sources[key] if directory else None,
                volume_name=None if directory else sources[key],
                container_path=mount.path,
                read_only=mount.read_only or getattr(volumes[key], "read_only", False) or None,
            )
        )
    return made


def ports(args: ProjectArgs, placement: Placement) -> list[docker.ContainerPortArgs] | None:
    """The published port, on the host's own address unless declared otherwise."""
    if args.container_port is None or args.service is None:
        return None
    return [
        docker.ContainerPortArgs(
            internal=args.container_port, external=placement.port, ip=args.service.listen, protocol="tcp"
        )
    ]


def labels(lab: str, name: str, args: ProjectArgs) -> list[docker.ContainerLabelArgs]:
    """What the container belongs to."""
    given = workload.labels(lab, name, args)
    return [docker.ContainerLabelArgs(label=key, value=value) for key, value in given.items()]


def replaced_by(placement: Placement, form: str) -> Sequence[str]:
    """Fields whose edit the provider would only record; with the NVIDIA hook a memory update may drop the GPU."""
    never_applied = ["mounts", "healthcheck", "tmpfs", "init"]
    return never_applied + (["memory", "memorySwap"] if placement.gpus and form == "nvidia" else [])


def unreported(engine: str) -> list[str] | None:
    """Fields of one value for all containers that Podman reports as another: `ALL` as the list of what that was."""
    return ["capabilities"] if engine == "podman" else None
