"""What runs on a lab's hosts, asked once per host and of all at the same time; and what of it is not the plan."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from labform import naming
from labform.backends.docker.daemon import check_ssh, connected
from labform.backends.docker.devices import devices_of, whose
from labform.backends.live import Difference
from labform.hosts import Host
from labform.lockfile import Lock
from labform.naming import LAB_LABEL, PROJECT_LABEL
from labform.problems import LabformError
from labform.stack_file import LabArgs
from labform.units import Placement

if TYPE_CHECKING:
    from docker import DockerClient

Answer = TypeVar("Answer")
Containers = Mapping[str, Mapping[str, Any]]
"""What `docker inspect` says of a host's containers, by their names."""
_WELL = re.compile(r"Up [^()]+?( \(healthy\))?")
"""The `STATUS` of `docker ps` for a container that runs, and passes its check if it has one."""


def containers_on(
    hosts: Mapping[str, Host], *, lab: str | None = None, timeout: int = 10, whole: Collection[str] | None = None
) -> dict[str, Containers | LabformError]:
    """The containers of each host, running or not, or why it cannot be asked; with `lab`, only those of one lab.

    `timeout` is in seconds and holds for each request. With `whole`, all that run, are well and are not named there are
    asked for in one request, which tells name, image, labels and state.
    """
    wanted = [f"{LAB_LABEL}={lab}"] if lab else []

    def containers(name: str, client: "DockerClient") -> Containers:
        """One host's containers, by name."""
        if whole is not None and hosts[name].engine == "docker":
            return _briefly(client, wanted, whole)
        return named(client.containers.list(all=True, ignore_removed=True, filters={"label": wanted}))

    return ask_all(hosts, containers, timeout=timeout)


def _briefly(client: "DockerClient", wanted: list[str], whole: Collection[str]) -> Containers:
    from docker.errors import NotFound

    found: dict[str, Mapping[str, Any]] = {}
    for one in client.api.containers(all=True, filters={"label": wanted}):
        name = one["Names"][0].lstrip("/")
        if (well := _WELL.fullmatch(one["Status"])) and name not in whole:
            state = {"Status": "running", **({"Health": {"Status": "healthy"}} if well[1] else {})}
            found[name] = {"Name": name, "Config": {"Image": one["Image"], "Labels": one["Labels"]}, "State": state}
        else:
            with suppress(NotFound):
                found[name] = client.api.inspect_container(one["Id"])
    return found


def ask_all(
    hosts: Mapping[str, Host], question: "Callable[[str, DockerClient], Answer]", *, timeout: int = 10
) -> "dict[str, Answer | LabformError]":
    """What `question` finds out of each host and its daemon, all asked at the same time; or why one cannot be asked.

    `timeout` is in seconds and holds for each request.
    """

    def ask(name: str) -> "Answer | LabformError":
        """One host."""
        address = hosts[name].address
        try:
            check_ssh(name, address, timeout=timeout)
            with connected(name, address, timeout=timeout) as client:
                return question(name, client)
        except LabformError as error:
            return error

    names = sorted(hosts)
    with ThreadPoolExecutor(max_workers=max(len(names), 1)) as pool:
        return dict(zip(names, pool.map(ask, names), strict=True))


def named(listed: Iterable[Any]) -> Containers:
    """Containers by their names."""
    return {one.attrs["Name"].lstrip("/"): one.attrs for one in listed}


def labels_in(container: Mapping[str, Any]) -> Mapping[str, str]:
    """A container's labels."""
    return container["Config"].get("Labels") or {}


def project_of(lab: str, name: str, container: Mapping[str, Any]) -> str | None:
    """The project of this lab that a container is made for; None for anybody else's."""
    project = labels_in(container).get(PROJECT_LABEL, "")
    ours = labels_in(container).get(LAB_LABEL) == lab and name == naming.container(lab, project)
    return project if ours else None


def users_of_gpus(host: Host, containers: Containers) -> dict[str, list[str]]:
    """By the id of a GPU or MIG instance, the names of the containers that run with it."""
    users: dict[str, list[str]] = {}
    for name in sorted(containers):
        if containers[name]["State"]["Running"]:
            for device in devices_of(containers[name], host):
                users.setdefault(device, []).append(name)
    return users


def gpu_differences(args: LabArgs, lock: Lock, name: str, containers: Containers) -> Iterator[Difference]:
    """Where the GPUs of a host are not used as planned: by others, by too many, by none."""
    there = lock.placements_at(args.hosts, name)
    placed = {project: place for project, place in there.items() if place.host == name}
    users = users_of_gpus(args.hosts[name], containers)
    for one in sorted({user for names in users.values() for user in names}):
        has = {device for device, names in users.items() if one in names}
        project = project_of(args.lab, one, containers[one])
        if project is None:
            yield _foreign(name, one, containers[one], has, {key: place.gpus for key, place in placed.items()})
        elif project not in there:
            yield Difference(name, one, f"has {_list(has)}, and {unplanned(one)}")
        elif project in placed and (said := other_gpus(has, placed[project])):
            yield Difference(name, one, said)
    for project, place in sorted(placed.items()):
        one = naming.container(args.lab, project)
        if place.gpus and one not in {user for names in users.values() for user in names}:
            yield from _unused(args, name, project, containers.get(one))


def other_gpus(has: AbstractSet[str], place: Placement) -> str:
    """What to say of a container that has other GPUs than its project; nothing of one that has the same."""
    return "" if has == {*place.gpus} else f"has {_list(has)}, planned: {_list(place.gpus)}; run `pulumi up`"


def unplanned(container: str) -> str:
    """What to do about a container of this lab that the lock gives no place."""
    return f"no project of the lock is it; run `pulumi up`, and `docker rm -f {container}` if it is there still"


def _foreign(
    host: str, name: str, container: Mapping[str, Any], has: set[str], planned: Mapping[str, tuple[str, ...]]
) -> Difference:
    hit = [f"{device} is planned for {key}" for key, ids in sorted(planned.items()) for device in ids if device in has]
    consequence = f": {', '.join(hit)}" if hit else ""
    return Difference(host, name, f"{whose(labels_in(container)).strip()} has {_list(has)}{consequence}")


def _unused(args: LabArgs, host: str, project: str, container: Mapping[str, Any] | None) -> Iterator[Difference]:
    """A project whose GPUs wait for it; one that is done, or that may be stopped, is as planned."""
    name, declared = naming.container(args.lab, project), args.projects[project]
    if container is None:
        yield Difference(host, name, "is missing; run `pulumi up`")
        return
    state = container["State"]
    if state["Running"]:
        yield Difference(host, name, "runs without the GPUs that are planned for it; run `pulumi up`")
    elif (declared.run and state["ExitCode"]) or (declared.service and declared.must_run):
        yield Difference(host, name, f"holds GPUs and is {state['Status']}; see `docker logs {name}`")


def _list(devices: Collection[str]) -> str:
    return ", ".join(sorted(devices)) or "none"
