"""`labform build`: the images of a lab, built and pushed without a deployment, so that `up` finds them there."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from labform.bases import all_bases, argument, in_lock, lock_key
from labform.builder import Builder
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, typer_app
from labform.environments import Recipe
from labform.loading import StackFile, load
from labform.problems import LabformError, Problem, brief


@typer_app.command()
def build(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    push: Annotated[bool, typer.Option("--push", help="Push them; what the registry has is not built.")] = False,
) -> None:
    """Build the image of every running project by `docker`, and push it under its recipe's hash; a line for each.

    Built bases come first. A pinned project is left out: it runs the image that the lock has. Log in with
    `docker login` first.

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
    failed, bases = [], dict[str, str]()
    for name, recipe in _in_order(stack).items():
        tag = f"{stack.lab.repository(name)}:{recipe.hash}"
        said = _build(tag, recipe, stack.lab.builder, bases, push=push)
        print(f"{name}: {tag}: {said or 'failed'}")
        failed += [] if said else [name]
        if key := in_lock(name):
            bases[key] = tag
    if failed:
        raise LabformError(f"{stack_file}: error[build] failed: {', '.join(failed)}")


def _in_order(stack: StackFile) -> dict[str, Recipe]:
    """What is built, by its name below the registry: bases before what stands on them, nothing for who is pinned."""
    wanted = {name: one for name, one in sorted(stack.recipes.items()) if not stack.lab.projects[name].pinned}
    bases = {lock_key(name): base for one in wanted.values() for name, base in all_bases(one).items()}
    return {**bases, **wanted}


def _build(tag: str, recipe: Recipe, builder: Builder, bases: Mapping[str, str], *, push: bool) -> str:
    """What became of an image; empty if it could not be made, and then what docker said has been printed."""
    if push and _docker(builder, "manifest", "inspect", tag, quiet=True):
        return "is in the registry"
    # The SDK that `image` loads is not needed to refuse a lab.
    from labform.image import stage

    with TemporaryDirectory(prefix="labform-") as folder:
        context = stage(recipe, Path(folder) / "context")
        args = {**recipe.args, **{argument(key): bases[key] for key in recipe.bases}}
        arguments = [word for key, value in sorted(args.items()) for word in ("--build-arg", f"{key}={value}")]
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
