"""Image: a recipe, built by a Docker daemon and pushed. What others get of it is a reference by digest, never a tag."""

import tempfile
from pathlib import Path

import pulumi
import pulumi_docker as docker

from labform.environments import Recipe
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
        staging: Path = STAGING,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Lay the context out and register the build.

        `repository` is the image's name without a tag; `username` and `password` are for pushing to its registry;
        `network` is the build's network (`host`), by default the builder's own.
        """
        super().__init__("labform:index:Image", name, {"recipe": recipe.hash, "repository": repository}, opts)
        context = stage(recipe, staging / f"{name}-{recipe.hash}")
        built = docker.Image(
            name,
            image_name=f"{repository}:{recipe.hash}",
            build=docker.DockerBuildArgs(
                context=str(context),
                dockerfile=str(context / recipe.dockerfile_name),
                platform=recipe.platform,
                args=dict(recipe.args) or None,
                network=network,
            ),
            registry=_login(repository, username, password) if push else None,
            skip_push=not push,
            build_on_preview=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.reference = built.repo_digest
        self.register_outputs({"reference": self.reference, "contextSize": recipe.context_size})


def _login(
    repository: str, username: str | None, password: pulumi.Input[str] | None
) -> docker.RegistryArgs | None:
    if username is None or password is None:
        return docker.RegistryArgs(server=repository.split("/")[0])
    return docker.RegistryArgs(server=repository.split("/")[0], username=username, password=pulumi.Output.secret(password))


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
        _write_text(recipe.dockerfile, fresh / recipe.dockerfile_name)
        for one in (fresh, *(path for path in fresh.rglob("*") if path.is_dir())):
            one.chmod(0o755)
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
