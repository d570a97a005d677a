"""The control plane as one program, built from published Go modules."""

from __future__ import annotations

from pathlib import Path

from toolchain.go_build import GoProgram

MODULE = Path(__file__).with_name("control_plane")

KUBERNETES = "v1.36.3"
"""The version that is built, and that the recorded traffic of the official plugin is from."""

VERSIONS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""Packages that hold a version; without it the server reports a literal format string."""


def binary() -> Path:
    """The built program; ToolchainError if there is no Go or the build fails."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamp = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamp |= {"gitCommit": "published", "buildDate": "1970-01-01T00:00:00Z"}
    stamps = [f"-X {package}.{name}={value}" for package in VERSIONS for name, value in stamp.items()]
    # Without debug information the build takes two thirds of the time.
    flags = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", " ".join(["-s -w", *stamps]))
    return GoProgram(
        MODULE,
        ".",
        "labform-cluster",
        "cluster",
        "the sandbox's Kubernetes control plane",
        flags,
        "to build the sandbox's Kubernetes control plane",
        minutes=5,
    ).binary()
