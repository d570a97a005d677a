"""`python -m sandbox.cluster build | up | env | kubectl | down | remove`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sandbox.errors import SandboxError
from toolchain import ToolchainError

from . import Cluster, binary, default_root, start, stop
from . import remove as remove_cluster

Root = Annotated[Path | None, typer.Option(help="The cluster's folder; default: in your data home.")]

app = typer.Typer(help="A private Kubernetes cluster whose nodes run nothing.", add_completion=False)


@app.command()
def build() -> None:
    """Build the control plane's program, unless it is cached, and say where it is."""
    typer.echo(binary())


@app.command()
def up(root: Root = None) -> None:
    """Start the cluster, or check that it runs."""
    cluster = start(root or default_root(), progress=typer.echo)
    typer.echo(_exports(cluster))


@app.command()
def env(root: Root = None) -> None:
    """Start it if need be, and print what a shell evaluates: eval "$(python -m sandbox.cluster env)"."""
    typer.echo(_exports(start(root or default_root())))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def kubectl(context: typer.Context, root: Root = None) -> None:
    """Run kubectl on the cluster, which is started if need be."""
    command = [*start(root or default_root()).kubectl, *context.args]
    os.execv(command[0], command)


@app.command()
def down(root: Root = None) -> None:
    """End the cluster; what it holds stays."""
    stop(root or default_root())


@app.command()
def remove(root: Root = None) -> None:
    """End it and delete all that it holds."""
    remove_cluster(root or default_root())


def _exports(cluster: Cluster) -> str:
    return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in cluster.env.items())


def main() -> None:
    """Run the command; what goes wrong is one line, without a traceback."""
    try:
        app()
    except (SandboxError, ToolchainError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
