"""`labform logs`, `shell`, `open`: what people do with one running container."""

import json
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from labform import naming
from labform.backends.docker.daemon import connected, found
from labform.backends.docker.data import url_of
from labform.cli import (
    AddressesOption,
    LockOption,
    ProjectArgument,
    StackFileArgument,
    TokensOption,
    parsed,
    refuse_cluster,
    typer_app,
)
from labform.hosts import Host
from labform.loading import StackFile, load
from labform.problems import LabformError, suggestion
from labform.project import CodeServer, Jupyter
from labform.units import Placement


@typer_app.command()
def logs(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the container ends.")] = False,
    tail: Annotated[int, typer.Option("--tail", min=0, help="Begin with the last lines.")] = 100,
) -> None:
    """Print what a project's container has said.

    Example: labform logs stacks/dev.yaml notebook --tail 20
    """
    with container_of(load(stack_file, lock=lock, addresses=parsed(addresses)), project) as container:
        said = container.logs(stream=True, follow=follow, tail=tail)
        for chunk in said:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


@typer_app.command()
def shell(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    command: Annotated[list[str] | None, typer.Argument(help="What to run. Default: a shell.")] = None,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
) -> None:
    """Open a shell in a project's container, or run a command there; the exit code is its own.

    Example: labform shell stacks/dev.yaml notebook -- python --version
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    place, host = placed(stack, project)
    if not (docker := shutil.which("docker")):
        raise LabformError("labform shell needs the docker command on PATH")
    with container_of(stack, project) as container:
        if container.status != "running":
            raise LabformError(f"{container.name} on {place.host} does not run: {container.status}")
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    name = naming.container(stack.lab.lab, project)
    words = command or ["/bin/sh", "-lc", "command -v bash >/dev/null && exec bash -l; exec sh -l"]
    done = subprocess.run(
        [docker, "--host", host.address, "exec", "--interactive", *terminal, name, *words], check=False
    )
    raise typer.Exit(done.returncode)


@typer_app.command("open")
def open_command(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    tokens: TokensOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Keep the tunnel open until Ctrl-C.")] = True,
) -> None:
    """Open a project's service in the browser; where its host is remote, through a tunnel by ssh.

    The token is asked of the Pulumi stack of the file's name, unless --tokens gives it.

    Example: labform open stacks/dev.yaml notebook
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    place, host = placed(stack, project)
    if not place.port:
        raise LabformError(f"{project} serves nothing on a port")
    known = json.load(tokens) if tokens else _tokens(stack_file)
    listen = urlsplit(url_of(stack.lab.projects[project], place)).hostname or ""
    seen = "127.0.0.1" if host.remote or listen == "0.0.0.0" else listen  # noqa: S104  what is declared, read here
    url, token = f"http://{seen}:{place.port}", known.get(project)
    service = stack.lab.projects[project].service
    with _tunnel(host, listen, place.port) as tunnel:
        print(f"{project}: {url}/" + (" through ssh; Ctrl-C closes it" if tunnel else ""))
        if token and isinstance(service, CodeServer) and sys.stdout.isatty():
            print(f"password: {token}")
        webbrowser.open(f"{url}/?token={token}" if token and isinstance(service, Jupyter) else f"{url}/")
        if tunnel and wait:
            tunnel.wait()


def _tokens(stack_file: Path) -> dict[str, str]:
    """The services' tokens as the stack of the file's name has them; none, with a note, where it cannot be asked."""
    command = ["pulumi", "stack", "output", "tokens", "--show-secrets", "--json", "--stack", stack_file.stem]
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"note: no token: `pulumi stack output` does not answer for stack {stack_file.stem}", file=sys.stderr)
        return {}
    return dict(json.loads(done.stdout))


@contextmanager
def _tunnel(host: Host, listen: str, port: int) -> Iterator["subprocess.Popen[bytes] | None"]:
    """A tunnel to a port of a remote host; None where the host is this machine."""
    if not host.remote:
        yield None
        return
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


def placed(stack: StackFile, project: str) -> tuple[Placement, Host]:
    """Where a running project is; LabformError for one that is unknown, retired, or in a cluster."""
    refuse_cluster(stack.lab, "kubectl logs, exec or port-forward")
    place = stack.lock.placement(project)
    if place is None:
        raise LabformError(
            f'error[unknown-project] no running project "{project}"; {suggestion(project, stack.lock.projects)}'
        )
    return place, stack.lab.hosts[place.host]


@contextmanager
def container_of(stack: StackFile, project: str) -> Iterator[Any]:
    """A project's container on its host; LabformError if it has none."""
    place, host = placed(stack, project)
    with connected(place.host, host.address) as client:
        container = found(client.containers, naming.container(stack.lab.lab, project))
        if container is None:
            raise LabformError(f"{project} has no container on {place.host}; run `pulumi up`")
        yield container
