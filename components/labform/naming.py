"""Names in the world, made from the names of a lab: always valid, never the same for two things.

Lab, project and volume names are DNS-1123 labels of at most 40 characters (`declaration.Name`), and a lab's things of
one kind share one separator, so `<lab>-<name>` could be read two ways only between labs: labels settle that.
"""

import hashlib
from collections.abc import Mapping

LAB_LABEL = "labform.lab"
"""The label by which labform knows what belongs to a lab; its value never changes."""
PROJECT_LABEL = "labform.project"
"""The label that names a container's project."""
VOLUME_LABEL = "labform.volume"
"""The label that names a volume's id in its lab."""
OWNER_LABEL = "labform.owner"
"""The label that names the person a container runs for."""

HOME = "/home/lab"
"""Where a person's home is in every image."""
MOUNT_POINTS = (HOME, "/workspace", "/data")
"""Directories that every image has, writable for any uid, so that a new volume mounted there is too."""
SECRETS = "/run/secrets"
"""Where a container finds its secret files."""


def container(lab: str, project: str) -> str:
    """The container of a project: `ds01-thesis`."""
    return f"{lab}-{project}"


def volume(lab: str, volume_id: str) -> str:
    """The Docker volume of a managed volume: `ds01-thesis-home`."""
    return f"{lab}-{volume_id}"


def export(lab: str, volume_id: str, options: Mapping[str, str]) -> str:
    """Docker's handle on an export; another export is another handle: `ds01-imagenet-5e174446`."""
    mark = hashlib.sha256(repr(sorted(options.items())).encode()).hexdigest()[:8]
    return f"{volume(lab, volume_id)}-{mark}"


def repository(lab: str, project: str, registry: str | None) -> str:
    """Where a project's images are kept: below the registry's address, else in the builder's daemon."""
    return f"{registry}/{project}" if registry else f"{lab}/{project}"


def network(lab: str, project: str | None = None) -> str:
    """The network of a lab on one host, or of one project: `labform-ds01`, `labform-ds01.thesis`."""
    return f"labform-{lab}.{project}" if project else f"labform-{lab}"


_LABEL_LENGTH = 63
"""The longest name of a namespace, Service or Job, and the longest label value: RFC 1123."""


def in_cluster(*parts: str) -> str:
    """A name of a cluster's object: its parts joined, and where that is too long, cut and marked by a hash."""
    whole = "-".join(parts)
    if len(whole) <= _LABEL_LENGTH:
        return whole
    mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: _LABEL_LENGTH - 9].rstrip('-')}-{mark}"


def service(lab: str, project: str) -> str:
    """The Service of a project; it has to begin with a letter: `ds01-thesis`, `s-3d-thesis`."""
    name = container(lab, project)
    return in_cluster(name if name[0].isalpha() else f"s-{name}")
