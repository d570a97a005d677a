"""The versions that a Debian image's own package sources have now, asked in a container of it."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from labform.problems import LabformError, brief

if TYPE_CHECKING:
    from docker import DockerClient

_ASK = """\
command -v apt-get >/dev/null || { echo 'it has no apt-get: apt: is for Debian and Ubuntu' >&2; exit 1; }
apt-get update >/dev/null && exec apt-cache policy "$@"
"""
_CANDIDATE = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9+.-]*):\n  Installed: .*\n  Candidate: (?P<version>\S+)$", re.MULTILINE
)
"""A stanza of `apt-cache policy`, in the C locale."""
_NONE = "(none)"


def debian_versions(
    client: "DockerClient", image: str, packages: Collection[str], *, network: str | None = None
) -> dict[str, str]:
    """The version of each package that `apt-get install` would take in an image now, as far as there is one.

    The image is pulled if need be. Raises LabformError with what the daemon or apt says.
    """
    from docker.errors import APIError, ContainerError

    try:
        said = client.containers.run(
            image, sorted(packages), entrypoint=["sh", "-c", _ASK, "sh"], user="0", network_mode=network, remove=True,
            environment={"LC_ALL": "C"},
        )  # fmt: skip
    except ContainerError as error:
        lines = bytes(error.stderr or b"").decode(errors="replace").strip().splitlines()  # type: ignore[arg-type]
        raise LabformError(f"{image}: {brief(lines[-1]) if lines else 'apt-get update failed'}") from None
    except APIError as error:
        raise LabformError(f"{image}: {brief(str(error.explanation))}") from error
    return candidates(said.decode(errors="replace"))


def candidates(policy: str) -> dict[str, str]:
    """The packages of `apt-cache policy` that have a version to install."""
    found = {one["name"]: one["version"] for one in _CANDIDATE.finditer(policy)}
    return {name: version for name, version in found.items() if version != _NONE}
