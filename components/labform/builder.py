"""Where images are built, and by what: a Docker daemon's own builder, or a BuildKit daemon."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from labform.declaration import BuildSecretId, Declaration
from labform.environments.recipe import PLATFORM
from labform.hosts import DOCKER_ADDRESS, LOCAL
from labform.problems import Problem
from labform.project import SecretReference

BUILDKIT_LOCAL = "unix:///run/buildkit/buildkitd.sock"
"""Where BuildKit's daemon listens by itself (BuildKit's documentation, buildkitd.toml)."""
_BUILDKIT_ONLY = r"^(docker-container|kube-pod)://[A-Za-z0-9][^\s/]*$"
"""Ways of buildx's `remote` driver to a BuildKit daemon in a container or a pod (buildx 0.35, driver/remote/util)."""
_NEAR = re.compile(r"^(unix|docker-container)://|^tcp://(localhost|127\.\d+\.\d+\.\d+)(:|$)")

Platform = Annotated[str, Field(pattern=r"^linux/(386|amd64|arm64|ppc64le|riscv64|s390x)$", examples=["linux/arm64"])]
"""A platform that the builder plugin and Linux images know (pulumi-docker-build 0.0.22, `Platform`)."""


class Builder(Declaration):
    """Where images are built."""

    address: Annotated[
        str, Field(pattern=rf"^local$|{DOCKER_ADDRESS}|{_BUILDKIT_ONLY}", examples=["ssh://ci@builder"])
    ] = "local"
    """`local`: the daemon beside `pulumi`; else the address of a Docker host, or of a BuildKit daemon.
    A BuildKit daemon may be at `docker-container://NAME` or `kube-pod://NAME` too. Default: local."""
    engine: Literal["daemon", "buildkit"] = "daemon"
    """`daemon`: the Docker daemon's own BuildKit. `buildkit`: a BuildKit daemon, which pushes to the lab's registry
    by itself; it needs `pip install 'labform[buildkit]'`. Default: daemon."""
    network: Literal["default", "host"] = "default"
    """`host` where only the host's network reaches the package indexes. Default: the builder's own."""
    platforms: tuple[Platform, ...] = ()
    """What images are built for: a system and an architecture each; two or more give an index.
    Others than linux/amd64 need `engine: buildkit`, and environments that are images or Dockerfiles. Default:
    linux/amd64."""
    cache: Literal["none", "read", "write"] = "none"
    """`read`: steps that another builder has done are taken from the registry, where each image's are beside it under
    the tag `cache`. `write`: and this builder's are left there. It needs `engine: buildkit`. Default: none."""
    secrets: Mapping[BuildSecretId, SecretReference] = {}
    """Secrets of builds by their ids, which no image has; they need `engine: buildkit`.
    `netrc`, the logins for package indexes, is used by uv, pip, conda and pixi; the RUN of a Dockerfile mounts any by
    its id, as `--mount=type=secret,id=…`. Default: none."""

    @property
    def daemon(self) -> str:
        """The address of the building daemon."""
        local = LOCAL if self.engine == "daemon" else BUILDKIT_LOCAL
        return local if self.address == "local" else self.address

    @property
    def near(self) -> bool:
        """Whether it is on this machine, so that a loopback address is the same there and here."""
        return bool(_NEAR.match(self.daemon))

    @property
    def built_for(self) -> tuple[str, ...]:
        """The platforms of every image, sorted."""
        return tuple(sorted(set(self.platforms))) or (PLATFORM,)


def beyond_a_daemon(builder: Builder) -> Iterator[Problem]:
    """A problem for each field that asks a Docker daemon's own builder for what only a BuildKit daemon can do."""
    if builder.engine == "buildkit":
        return
    asked = {
        "address": ("cannot be at such an address", bool(re.match(_BUILDKIT_ONLY, builder.address))),
        "platforms": (f"builds for {PLATFORM} alone", builder.built_for != (PLATFORM,)),
        "cache": ("keeps its cache to itself", builder.cache != "none"),
        "secrets": ("has no build secrets", bool(builder.secrets)),
    }
    for field, (why, wanted) in asked.items():
        if wanted:
            hint = f"write engine: buildkit, or leave {field} out"
            yield Problem(("builder", field), "not-by-daemon", f"a Docker daemon's builder {why}", hint)
