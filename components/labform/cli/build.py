"""`labform build`: the images of a lab, built and pushed without a deployment, so that `up` finds them there."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from labform.builder import Builder
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, typer_app
from labform.environments import Recipe
from labform.loading import load
from labform.problems import LabformError, Problem, brief


@typer_app.command()
def build(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    push: Annotated[bool, typer.Option("--push", help="Push them; what the registry has is not built.")] = False,
) -> None:
    """Build the image of every running project by `docker`, and push it under its recipe's hash; a line for each.

    Log in with `docker login` first.

    Example: labform build --push stacks/dev.yaml
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    registry = stack.lab.registry
    if push and registry is None:
        raise LabformError(f"{stack_file}: error[no-registry] the lab has no registry to push to")
    if stack.lab.builder.engine == "buildkit":
        hint = "run `pulumi up`"
        problem = "a BuildKit daemon's images are built by `pulumi up`, with the secrets that it holds"
        stack.refuse([Problem(("builder", "engine"), "no-build", problem, hint)])
    failed = []
    for name, recipe in sorted(stack.recipes.items()):
        tag = f"{registry.address if registry else stack.lab.lab}/{name}:{recipe.hash}"
        said = _build(tag, recipe, stack.lab.builder, push=push)
        print(f"{name}: {tag}: {said or 'failed'}")
        failed += [] if said else [name]
    if failed:
        raise LabformError(f"{stack_file}: error[build] failed: {', '.join(failed)}")


def _build(tag: str, recipe: Recipe, builder: Builder, *, push: bool) -> str:
    """What became of an image; empty if it could not be made, and then what docker said has been printed."""
    if push and _docker(builder, "manifest", "inspect", tag, quiet=True):
        return "is in the registry"
    # The SDK that `image` loads is not needed to refuse a lab.
    from labform.image import stage

    with TemporaryDirectory(prefix="labform-") as folder:
        context = stage(recipe, Path(folder) / "context")
        arguments = [word for key, value in sorted(recipe.args.items()) for word in ("--build-arg", f"{key}={value}")]
        network = ["--network", "host"] if builder.network == "host" else []
        words = ["--platform", recipe.platforms[0], "--file", str(context / recipe.dockerfile_name), "--tag", tag]
        if not _docker(builder, "build", *words, *arguments, *network, str(context)):
            return ""
    if push and not _docker(builder, "push", tag):
        return ""
    return "pushed" if push else "built"


def _docker(builder: Builder, *words: str, quiet: bool = False) -> bool:
    """Whether a docker command succeeds; what it said is printed if not, its last lines."""
    command = ["docker", "--host", builder.daemon, *words]
    try:
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabformError("error[docker] there is no docker on PATH; install Docker's command line") from None
    if done.returncode and not quiet:
        print("\n".join(f"  {brief(line)}" for line in (done.stdout + done.stderr).splitlines()[-20:]))
    return done.returncode == 0


def _environment() -> Mapping[str, str]:

    return {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
