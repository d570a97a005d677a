"""The example lab on this machine: `python -m sandbox.dev up | preview | down | clean`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import yaml

import toolchain

from . import builder
from .deployment import Deployment
from .errors import SandboxError
from .layout import default_root
from .lifecycle import remove, start

PROJECT = Path(__file__).resolve().parent.parent
STACK = "dev"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def main() -> None:
    """Run a command; what cannot be done is one line and exit code 1."""
    try:
        app()
    except (SandboxError, toolchain.ToolchainError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def up() -> None:
    """Bring the lab up: tools, daemon, registry, base image, locks, then `pulumi up`; then say how each project is."""
    lab = _deployment()
    lab.prepare()
    lab.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", "--suppress-permalink=true")
    lab.update_lock()
    _status(lab)


@app.command()
def preview() -> None:
    """Show what `up` would change."""
    lab = _deployment()
    lab.prepare()
    lab.pulumi("preview", "--suppress-permalink=true")


@app.command()
def down() -> None:
    """Remove containers and networks; volumes stay, and where they are is said."""
    lab = _deployment()
    lab.prepare()
    lab.pulumi(
        "destroy", "--yes", "--skip-preview", "--exclude-protected", "--suppress-outputs", "--suppress-permalink=true"
    )
    kept = _volumes(lab)
    print(
        f"data stays in {len(kept)} Docker volumes below {default_root()}:", *(f"  {name}" for name in kept), sep="\n"
    )


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def pulumi(context: typer.Context) -> None:
    """Run any pulumi command on the lab's stack: `python -m sandbox.dev pulumi stack export`."""
    sys.exit(_deployment().pulumi(*context.args, check=False).returncode)


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the lab with its data, after asking."""
    root, data = default_root(), default_root().parent / STACK
    if not yes and not typer.confirm(f"Delete the lab and all of its data below {root.parent}?"):
        raise SandboxError("nothing was deleted")
    remove(root)
    builder.remove(builder.default_root())
    shutil.rmtree(data, ignore_errors=True)
    print(f"{root} and {data} are gone; downloads and builds stay in the cache")


def _deployment() -> Deployment:
    stack_file = f"stacks/{STACK}.yaml"
    declared = yaml.safe_load((PROJECT / stack_file).read_text()) or {}
    by_buildkit = (declared.get("builder") or {}).get("engine") == "buildkit"
    tools = toolchain.prepare(("docker-build",) if by_buildkit else ())
    box = start(default_root(), name=STACK, progress=_say)
    _say("; ".join(tools.report))
    lock_projects(PROJECT / "projects")
    lab = Deployment(PROJECT, STACK, default_root().parent / STACK, box, tools.env, stack_file)
    if by_buildkit:
        made = builder.start(builder.default_root(), registry=box.registry_address, progress=_say)
        lab = replace(lab, builder=made.address)
    for line in lab.release_dead_locks():
        _say(line)
    return lab


def lock_projects(folder: Path) -> None:
    """Bring the uv.lock of each uv project up to date; `exclude-newer` makes it the same every time."""
    uv = Path(sys.executable).with_name("uv")
    for project in sorted(folder.glob("*/pyproject.toml")):
        command = [uv, "lock", "--quiet", "--directory", project.parent]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        if done.returncode:
            raise SandboxError(f"uv lock in {project.parent}: {done.stderr.strip()}")


def _status(lab: Deployment) -> None:
    tokens = lab.pulumi("stack", "output", "tokens", "--show-secrets", "--json", capture=True).stdout
    lab.labform("status", "--addresses", json.dumps(lab.addresses), "--tokens", "-", input=tokens)


def _volumes(lab: Deployment) -> list[str]:
    listed = [str(lab.box.docker_cli), "volume", "ls", "--quiet", "--filter", f"label=labform.lab={STACK}"]
    return subprocess.run(listed, env=lab.env, text=True, capture_output=True, check=True).stdout.split()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
