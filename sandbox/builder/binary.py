"""BuildKit's daemon, built from its published Go modules."""

import shutil
from pathlib import Path

from toolchain.go_build import GoProgram

MODULE = Path(__file__).with_name("buildkitd")
PACKAGE = "github.com/moby/buildkit/cmd/buildkitd"


def binary() -> Path:
    """The installed `buildkitd`, else the built one; ToolchainError if there is no Go or the build fails."""
    if found := shutil.which("buildkitd"):
        return Path(found)
    # Without debug information the build takes two thirds of the time.
    flags = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", "-s -w")
    return GoProgram(
        MODULE,
        PACKAGE,
        "buildkitd",
        "buildkitd",
        "BuildKit's daemon",
        flags,
        "there is no `buildkitd` on PATH, and to build it",
        "install Go, or BuildKit",
    ).binary()
