"""A private Docker daemon, a registry and a base image, for machines that reach package registries only.

Usage:
    box = sandbox.start(Path("/tmp/box"), name="ci")
    subprocess.run([box.docker_cli, "ps"], env={**os.environ, **box.env})
    sandbox.stop(Path("/tmp/box"))

A Docker daemon that answers is used as it is; then only the registry and the base image are ours.
"""

from .errors import SandboxError
from .layout import default_root
from .lifecycle import Sandbox, Status, remove, start, status, stop

__all__ = ["Sandbox", "SandboxError", "Status", "default_root", "remove", "start", "status", "stop"]
