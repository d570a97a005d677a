"""A lab on Docker hosts as it is now: its containers, and ways into them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from labform import naming
from labform.backends.docker.daemon import connected, found, volumes_of
from labform.backends.docker.data import url_of
from labform.backends.docker.live import containers_on, gpu_differences, users_of_gpus
from labform.backends.docker.status import lab_status
from labform.backends.live import Difference, Row, Way, check_running
from labform.hosts import Host
from labform.lockfile import Lock
from labform.problems import LabformError
from labform.stack_file import LabArgs
from labform.units import Placement


class OnHosts:
    """The containers of a lab."""

    def __init__(self, args: LabArgs, lock: Lock) -> None:
        """Nothing is asked yet."""
        self._args, self._lock = args, lock

    def status(self) -> list[Row]:
        """A row for each project, and for each container that is none."""
        return lab_status(self._args, self._lock)

    @contextmanager
    def logs(self, project: str, *, follow: bool, tail: int) -> Iterator[Iterator[bytes]]:
        """What a project's container has said."""
        with container_of(self._args, self._lock, project) as container:
            yield container.logs(stream=True, follow=follow, tail=tail)

    def shell(self, project: str, words: Sequence[str], *, terminal: bool) -> int:
        """Run a command in a project's container, by the `docker` command."""
        place, host = placed(self._args, self._lock, project)
        if not (docker := shutil.which("docker")):
            raise LabformError("labform shell needs the docker command on PATH")
        with container_of(self._args, self._lock, project) as container:
            if container.status != "running":
                raise LabformError(
                    f"{container.name} on {place.host} does not run: {container.status}; see `labform logs`"
                )
        tty = ["--tty"] if terminal else []
        name = naming.container(self._args.lab, project)
        command = [docker, "--host", host.address, "exec", "--interactive", *tty, name, *words]
        return subprocess.run(command, check=False).returncode

    @contextmanager
    def way(self, project: str) -> Iterator[Way]:
        """The published port; where the host is remote, through ssh."""
        place, host = placed(self._args, self._lock, project)
        if not place.port:
            raise LabformError(f"{project} serves nothing on a port")
        listen = urlsplit(url_of(self._args.projects[project], place)).hostname or ""
        seen = "127.0.0.1" if host.remote or listen == "0.0.0.0" else listen  # noqa: S104  what is declared, read here
        url = f"http://{seen}:{place.port}/"
        if not host.remote:
            yield Way(url)
            return
        with _tunnel(host, listen, place.port) as tunnel:
            yield Way(url, "ssh", tunnel.wait)

    def gpus(self, rows: Sequence[Row]) -> tuple[list[Difference], list[str]]:
        """Who runs with each device, by its id."""
        differences: list[Difference] = []
        users: dict[str, dict[str, list[str]]] = {}
        silent = []
        for host, here in containers_on(self._args.hosts).items():
            if isinstance(here, LabformError):
                silent.append(str(here))
                continue
            users[host] = users_of_gpus(self._args.hosts[host], here)
            differences += gpu_differences(self._args, self._lock, host, here)
        for row in rows:
            row["live"] = users[row["host"]].get(row["gpu"], []) if row["host"] in users else None
        return differences, silent

    def volumes(self) -> tuple[Mapping[str, str], list[str]]:
        """Docker volumes that exist; Docker knows no size of theirs."""
        there: dict[str, str] = {}
        silent = []
        for name, host in sorted(self._args.hosts.items()):
            try:
                with connected(name, host.address, timeout=10) as client:
                    here = volumes_of(client, self._args.lab)
            except LabformError as error:
                silent.append(str(error))
                continue
            # One of the same id on another host is not the one that was declared.
            there |= {key: f"on {name}" for key in here if self._lock.host_of(self._args, key) == name}
        return there, silent


def placed(args: LabArgs, lock: Lock, project: str) -> tuple[Placement, Host]:
    """Where a running project is; LabformError for one that is unknown or retired."""
    check_running(args, project)
    place = lock.placements()[project]
    return place, args.hosts[place.host]


@contextmanager
def container_of(args: LabArgs, lock: Lock, project: str) -> Iterator[Any]:
    """A project's container on its host; LabformError if it has none."""
    place, host = placed(args, lock, project)
    with connected(place.host, host.address) as client:
        container = found(client.containers, naming.container(args.lab, project))
        if container is None:
            raise LabformError(f"{project} has no container on {place.host}; run `pulumi up`")
        yield container


@contextmanager
def _tunnel(host: Host, listen: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A tunnel to a port of a remote host."""
    where = urlsplit(host.address)
    target = f"{where.username}@{where.hostname}" if where.username else str(where.hostname)
    at = ["-p", str(where.port)] if where.port else []
    forward = ["-o", "ExitOnForwardFailure=yes", "-N", "-L", f"127.0.0.1:{port}:{listen}:{port}"]
    with subprocess.Popen(["ssh", *at, *forward, target], stdin=subprocess.DEVNULL) as tunnel:
        try:
            yield tunnel
        except KeyboardInterrupt:
            pass
        finally:
            tunnel.terminate()
