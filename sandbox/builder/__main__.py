"""`python -m sandbox.builder build | down | remove`."""

from __future__ import annotations

import typer

import toolchain
from sandbox.errors import SandboxError

from . import default_root, stop
from . import remove as remove_builder
from .binary import binary

app = typer.Typer(help="A private BuildKit daemon, for labs with `engine: buildkit`.", add_completion=False)


@app.command()
def build() -> None:
    """Build the daemon and the provider plugin that speaks to it, unless they are there, and say where they are."""
    typer.echo(binary())
    typer.echo("\n".join(line for line in toolchain.prepare(["docker-build"]).report if "docker-build" in line))


@app.command()
def down() -> None:
    """End the daemon of the dev lab; its cache stays."""
    stop(default_root())


@app.command()
def remove() -> None:
    """End it and delete its cache."""
    remove_builder(default_root())


def main() -> None:
    """Run the command; what goes wrong is one line, without a traceback."""
    try:
        app()
    except (SandboxError, toolchain.ToolchainError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
