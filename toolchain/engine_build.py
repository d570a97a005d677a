"""The Pulumi command line, built from its published Go modules: the fallback where no `pulumi` is installed.

`engine/` pins the modules and their checksums.
"""

from pathlib import Path

from toolchain.go_build import GoProgram

MODULE = Path(__file__).with_name("engine")
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"


def version() -> str:
    """Return the pinned version, such as `v3.259.0`."""
    return _program().pinned(r"pulumi/pkg/v3 (v[\d.]+)")


def engine() -> Path:
    """Return the built `pulumi`."""
    stamp = f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version()}"
    return _program("-trimpath", "-ldflags", f"-s -w -X {stamp}").binary()


def _program(*flags: str) -> GoProgram:
    return GoProgram(
        MODULE,
        PACKAGE,
        "pulumi",
        "engine",
        "the Pulumi engine",
        flags,
        "there is no `pulumi` on PATH, and to build it",
        "install the Pulumi CLI or Go",
    )
