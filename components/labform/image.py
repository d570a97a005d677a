"""Image: a recipe, built and pushed. What others get of it is a reference by digest, never a tag."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_docker as docker

from labform.bases import argument
from labform.buildkit import BuildKit, pushed_by
from labform.environments import Recipe
from labform.environments.install_layer import EPOCH
from labform.environments.recipe import ContextFile

STAGING = Path(".labform/contexts")
"""Where build contexts are laid out, relative to the Pulumi project, so that another clone is no change."""


class Image(pulumi.ComponentResource):
    """A recipe's image in a registry, or in the builder's daemon where `repository` names no registry.

    `reference` is `name@sha256:…` of what was pushed, or the image's id without a registry.
    """

    reference: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        *,
        repository: str,
        push: bool = True,
        username: str | None = None,
        password: pulumi.Input[str] | None = None,
        network: str | None = None,
        bases: Mapping[str, pulumi.Input[str]] | None = None,
        buildkit: BuildKit | None = None,
        staging: Path = STAGING,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Lay the context out and register the build.

        `repository` is the image's name without a tag; `username` and `password` are for pushing to its registry;
        `network` is the build's network (`host`), by default the builder's own; `bases` are the references of the
        recipe's own bases, by name; `buildkit` is a BuildKit daemon, which builds and always pushes in Docker's place.
        """
        super().__init__("labform:index:Image", name, {"recipe": recipe.hash, "repository": repository}, opts)
        context = stage(recipe, staging / f"{name}-{recipe.hash}")
        args = {**recipe.args, **{argument(key): (bases or {})[key] for key in recipe.bases}}
        login = _login(username, password)
        explained = _explained(name, repository)
        if buildkit:
            self.reference = pushed_by(
                buildkit, name, recipe, context,
                repository=repository, login=login, args=args, network=network, parent=self, on_error=explained,
            )  # fmt: skip
        else:
            self.reference = docker.Image(
                name,
                image_name=f"{repository}:{recipe.hash}",
                build=docker.DockerBuildArgs(
                    context=str(context),
                    dockerfile=str(context / recipe.dockerfile_name),
                    platform=recipe.platforms[0],
                    args=args or None,
                    network=network,
                ),
                registry=docker.RegistryArgs(server=repository.split("/", maxsplit=1)[0], **login) if push else None,
                skip_push=not push,
                build_on_preview=False,
                opts=pulumi.ResourceOptions(parent=self, hooks=pulumi.ResourceHookBinding(on_error=[explained])),
            ).repo_digest
        self.register_outputs({"reference": self.reference, "contextSize": recipe.context_size})


_CAUSES = (
    (
        "unauthorized",
        "its registry refuses the login; correct the secret that holds the password: pulumi config set --secret",
    ),
    ("authorization failed", "its base needs a login; run: docker login, for the base's registry"),
    (
        "error: apt: ",
        "its Debian packages cannot be had; for a version that is not found: labform lock STACK_FILE --upgrade PROJECT",
    ),
    ("not found", "its base is not in its registry any more; run: labform lock --upgrade"),
    ("manifest unknown", "its base is not in its registry any more; run: labform lock --upgrade"),
    ("executor failed running", "a step of its Dockerfile fails; what the step printed stands above"),
    ("did not complete successfully", "a step of its Dockerfile fails; what the step printed stands above"),
    ("no space left", "the builder's disk is full"),
    ('exec: "/bin/sh"', "its image has no shell, which the last layer and people need; build on one that has /bin/sh"),
    ("connection refused", "its registry does not answer"),
)
"""Words of BuildKit's, the daemon's and the registry's errors, and what each means for whoever reads it."""


def _explained(name: str, repository: str) -> pulumi.ErrorHook:
    """A hook that adds to a failed build what to do about it, and never tries again."""

    def explain(args: pulumi.ErrorHookArgs) -> bool:
        """Say what the error means; False: do not try again."""
        said = " ".join(args.errors).lower()
        hint = next((hint for words, hint in _CAUSES if words in said), None)
        if hint:
            pulumi.log.error(f"image {repository}: {hint}")
        return False

    return pulumi.ErrorHook(f"{name}-image", explain)


def _login(username: str | None, password: pulumi.Input[str] | None) -> dict[str, pulumi.Input[str]]:
    """Who pushes, where that is known."""
    if username is None or password is None:
        return {}
    return {"username": username, "password": pulumi.Output.secret(password)}


def stage(recipe: Recipe, folder: Path) -> Path:
    """The recipe's files laid out in `folder`, with the same modes whatever the umask; a folder that is there is kept.

    The provider decides by contents, names and modes, so the folder's name carries the recipe's hash.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as beside:
        fresh = Path(beside) / "context"
        for file in recipe.files:
            _write(file, fresh / file.name)
        _write_text(recipe.text, fresh / recipe.dockerfile_name)
        for one in (fresh, *fresh.rglob("*")):
            if one.is_dir() and not one.is_symlink():
                one.chmod(0o755)
            # Layers that files are copied into keep their times: the same files are the same layer, whoever builds.
            os.utime(one, (EPOCH, EPOCH), follow_symlinks=False)
        try:
            fresh.rename(folder)
        except OSError:
            # Another preview of the same clone was first; what it laid out is the same.
            if not folder.is_dir():
                raise
    return folder


def _write(file: ContextFile, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.link is not None:
        place.symlink_to(file.link)
        return
    place.write_bytes(file.content())
    place.chmod(0o755 if file.executable else 0o644)


def _write_text(text: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_text(text)
    place.chmod(0o644)
