"""`labform logs`, `shell`, `open`: what people do with one project that runs."""

import json
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from labform.backends.live import live
from labform.cli import (
    AddressesOption,
    LockOption,
    ProjectArgument,
    StackFileArgument,
    TokensOption,
    parsed,
    typer_app,
)
from labform.loading import load
from labform.project import CodeServer, Jupyter


@typer_app.command()
def logs(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    tail: Annotated[int, typer.Option("--tail", metavar="LINES", min=0, help="Begin with the last lines.")] = 100,
) -> None:
    """Print what a project has said.

    Example: labform logs stacks/dev.yaml notebook --tail 20
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    with live(stack.lab, stack.lock).logs(project, follow=follow, tail=tail) as said:
        for chunk in said:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


@typer_app.command()
def shell(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND]", help="What to run. Default: a shell.")
    ] = None,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
) -> None:
    """Open a shell where a project runs, or run a command there; the exit code is its own.

    Example: labform shell stacks/dev.yaml notebook -- python --version
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    words = command or ["/bin/sh", "-lc", "command -v bash >/dev/null && exec bash -l; exec sh -l"]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    raise typer.Exit(live(stack.lab, stack.lock).shell(project, words, terminal=terminal))


@typer_app.command("open")
def open_command(
    stack_file: StackFileArgument,
    project: ProjectArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    tokens: TokensOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Keep the tunnel open until Ctrl-C.")] = True,
) -> None:
    """Open a project's service in the browser, through a tunnel where it is not reached by itself.

    The tunnel is ssh's to a remote host, a port-forward into a cluster without an ingress. The token is asked of the
    Pulumi stack of the file's name, unless --tokens gives it.

    Example: labform open stacks/dev.yaml notebook
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    with live(stack.lab, stack.lock).way(project) as way:
        known = json.load(tokens) if tokens else _tokens(stack_file)
        token, service = known.get(project), stack.lab.projects[project].service
        print(f"{project}: {way.url}" + (f" through {way.tunnel}; Ctrl-C closes it" if way.tunnel else ""), flush=True)
        if token and isinstance(service, CodeServer) and sys.stdout.isatty():
            print(f"password: {token}")
        webbrowser.open(f"{way.url}?token={token}" if token and isinstance(service, Jupyter) else way.url)
        if way.tunnel and wait:
            way.wait()


def _tokens(stack_file: Path) -> dict[str, str]:
    """The services' tokens as the stack of the file's name has them; none, with a note, where it cannot be asked."""
    command = ["pulumi", "stack", "output", "tokens", "--show-secrets", "--json", "--stack", stack_file.stem]
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"note: no token: `pulumi stack output` does not answer for stack {stack_file.stem}", file=sys.stderr)
        return {}
    return dict(json.loads(done.stdout))
