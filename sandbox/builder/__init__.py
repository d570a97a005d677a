"""A private BuildKit daemon: what a lab with `engine: buildkit` builds on, where nobody has one.

Usage:
    builder = sandbox.builder.start(Path("/tmp/builder"), registry=box.registry_address)
    ... a stack file with `builder: {engine: buildkit, address: <builder.address>}` ...
    sandbox.builder.remove(Path("/tmp/builder"))
"""

from .lifecycle import Builder, default_root, remove, start, stop

__all__ = ["Builder", "default_root", "remove", "start", "stop"]
