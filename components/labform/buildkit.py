"""Builds by a BuildKit daemon: the registration of the docker-build provider's image, and the builder it names.

The provider knows builders by the names that buildx keeps on the machine that runs `pulumi`. So a lab's builder has the
same name everywhere, and what it stands for is written down there before a deployment: another address is no change.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pulumi

from labform.atomic_file import write_whole
from labform.environments import Recipe

CACHE_TAG = "cache"
"""The tag, beside those of an image's recipes, under which the registry has the steps of its builds."""


@dataclass(frozen=True)
class BuildKit:
    """A BuildKit daemon that images are built by, and what its builds may use.

    Usage: `Image("thesis", recipe, repository="registry.example.org/thesis", buildkit=BuildKit("lab"))`, where
    `docker buildx create --name lab --driver remote unix:///run/buildkit/buildkitd.sock` has named the daemon.
    """

    builder: str
    """The name that buildx has for it."""
    cache: Literal["none", "read", "write"] = "none"
    """Whether steps are taken from, and left in, the registry, beside the image."""
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Build secrets by their ids."""


def builder_name(lab: str) -> str:
    """The name that buildx has for a lab's builder."""
    return f"labform-{lab}"


def remember(name: str, address: str) -> None:
    """Write down for buildx that a name stands for the BuildKit daemon at an address; OSError if that cannot be."""
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    folder = Path(os.environ.get("BUILDX_CONFIG") or docker / "buildx") / "instances"
    node = {
        "Name": f"{name}0",
        "Endpoint": address,
        "Platforms": None,
        "DriverOpts": None,
        "Flags": None,
        "Files": None,
    }
    text = json.dumps({"Name": name, "Driver": "remote", "Nodes": [node], "Dynamic": False})
    place = folder / name
    if place.is_file() and place.read_text() == text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(place, text.encode())


def provider(name: str, opts: pulumi.ResourceOptions) -> pulumi.ProviderResource:
    """The provider of a lab's builds; which Docker host the environment names is nothing to it."""
    made: pulumi.ProviderResource = _sdk().Provider(name, host="", opts=opts)
    return made


def pushed_by(
    engine: BuildKit,
    name: str,
    recipe: Recipe,
    context: Path,
    *,
    repository: str,
    login: Mapping[str, pulumi.Input[str]],
    args: Mapping[str, pulumi.Input[str]],
    network: str | None,
    parent: pulumi.Resource,
    on_error: pulumi.ErrorHook,
) -> pulumi.Output[str]:
    """Register a build that is pushed; returns `name@sha256:…` of what comes of it.

    `login` is the registry's `username` and `password`, where they are known.
    """
    sdk = _sdk()
    unknown = pulumi.ResourceHook(
        f"{name}-unknown", _says_unknown(repository), pulumi.ResourceHookOptions(on_dry_run=True)
    )
    hooks = pulumi.ResourceHookBinding(before_create=[unknown], before_update=[unknown], on_error=[on_error])
    built = sdk.Image(
        name,
        push=True,
        tags=[f"{repository}:{recipe.hash}"],
        builder=sdk.BuilderConfigArgs(name=engine.builder),
        context=sdk.BuildContextArgs(location=str(context)),
        dockerfile=sdk.DockerfileArgs(location=str(context / recipe.dockerfile_name)),
        build_args=args or None,
        platforms=[sdk.Platform(one) for one in recipe.platforms],
        network=sdk.NetworkMode(network) if network else None,
        registries=[sdk.RegistryArgs(address=repository.split("/", maxsplit=1)[0], **login)],
        **_cache(sdk, repository, engine.cache),
        secrets=engine.secrets or None,
        # A password that was renewed is no reason to build.
        ignore_secrets_in_diff_calculation=sorted(engine.secrets) or None,
        build_on_preview=False,
        # Its deletion would take from the registry what a lock may name.
        opts=pulumi.ResourceOptions(parent=parent, hooks=hooks, retain_on_delete=True),
    )
    # To the provider every output is secret where an input is.
    return pulumi.Output.unsecret(built.digest).apply(lambda digest: f"{repository}@{digest}")


def _cache(sdk: Any, repository: str, use: str) -> dict[str, Any]:
    if use == "none":
        return {}
    ref = f"{repository}:{CACHE_TAG}"
    taken = {"cache_from": [sdk.CacheFromArgs(registry=sdk.CacheFromRegistryArgs(ref=ref))]}
    if use == "read":
        return taken
    left = sdk.CacheToRegistryArgs(ref=ref, mode=sdk.CacheMode.MAX, image_manifest=True, oci_media_types=True)
    return {**taken, "cache_to": [sdk.CacheToArgs(registry=left)]}


def _says_unknown(repository: str) -> Callable[[pulumi.ResourceHookArgs], None]:
    def say(_args: pulumi.ResourceHookArgs) -> None:
        """Say what a preview cannot know; a deployment will."""
        if pulumi.runtime.is_dry_run():
            pulumi.log.info(
                f"image {repository}: BuildKit says its digest when it is built; what runs it is shown as changed"
            )

    return say


def _sdk() -> Any:
    """The provider's SDK, which only labs with such a builder need; RunError with what to install without it."""
    try:
        import pulumi_docker_build
    except ModuleNotFoundError as error:
        raise pulumi.RunError(f"{error}: `engine: buildkit` needs `pip install 'labform[buildkit]'`") from None
    return pulumi_docker_build
