"""The official docker-build plugin, built from its published Go modules: the fallback where it can't be downloaded.

`docker_build/` pins the modules and their checksums. Two code generators that the plugin only names are not published
as modules: `dotnet` and `java` there hold the types that it fills.
"""

from pathlib import Path

from toolchain.go_build import GoProgram

MODULE = Path(__file__).with_name("docker_build")
PACKAGE = "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build"


def version() -> str:
    """Return the pinned version, such as `0.0.22`."""
    return _program().pinned(r"pulumi-docker-build v([\d.]+)")


def plugin() -> Path:
    """Return the built plugin."""
    stamp = f"github.com/pulumi/pulumi-docker-build/provider.Version={version()}"
    # Without debug information the build takes two thirds of the time.
    return _program("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w -X {stamp}").binary()


def _program(*flags: str) -> GoProgram:
    return GoProgram(
        MODULE,
        PACKAGE,
        "pulumi-resource-docker-build",
        "docker-build",
        "the docker-build plugin",
        flags,
        "the docker-build plugin can't be downloaded, and to build it",
        "install Go, or the plugin",
        minutes=4,
    )
