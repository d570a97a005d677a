"""`python -m sandbox up | env | status | down | remove`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from . import Sandbox, SandboxError, default_root, start, stop
from . import remove as remove_sandbox
from . import status as status_of

Root = Annotated[Path | None, typer.Option(help="The sandbox's folder; default: the dev lab's, in your data home.")]
Name = Annotated[str, typer.Option(help="A name for messages.")]

app = typer.Typer(help="A private Docker daemon, registry and base image.", add_completion=False)


@app.command()
def up(root: Root = None, name: Name = "dev") -> None:
    """Start the sandbox, or check that it runs."""
    box = start(root or default_root(), name=name, progress=typer.echo)
    typer.echo(f"password of the registry: in {box.registry_password_file}")
    typer.echo("\n".join(_exports(box)))


@app.command()
def env(root: Root = None, name: Name = "dev") -> None:
    """Start it if need be, and print what a shell evaluates: eval "$(python -m sandbox env)"."""
    box = start(root or default_root(), name=name, progress=lambda line: typer.echo(line, err=True))
    typer.echo("\n".join(_exports(box)))


@app.command()
def status(root: Root = None) -> None:
    """Say what runs; exit 1 if it is not all of it."""
    found = status_of(root or default_root())
    words = {True: "runs", False: "does not run"}
    typer.echo(
        f"{found.root}: daemon {words[found.daemon]}, registry {words[found.registry]}, processes {found.processes}"
    )
    raise typer.Exit(0 if found.running else 1)


@app.command()
def down(root: Root = None) -> None:
    """End containers, daemon and registry; their data stays."""
    stop(root or default_root())


@app.command()
def remove(root: Root = None) -> None:
    """End everything and delete images, volumes and the registry's content."""
    remove_sandbox(root or default_root())


def _exports(box: Sandbox) -> list[str]:
    return [f"export {key}={shlex.quote(value)}" for key, value in box.env.items()]


def main() -> None:
    """Run the command; what goes wrong is one line, without a traceback."""
    try:
        app()
    except (SandboxError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
