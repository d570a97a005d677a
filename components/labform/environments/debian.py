"""Debian packages of an environment: named in a stack file, at the versions that the lock holds.

The packages that are named are locked, not what they need in turn: a Debian mirror keeps one version of a package, and
a lock of everything would be out of date with every security update of a library that nobody named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

PACKAGE_NAME = r"[a-z0-9][a-z0-9+.-]+"
PACKAGE_VERSION = r"[A-Za-z0-9.+:~-]+"
"""Debian Policy, 5.6.1 and 5.6.12."""
AptPackage = Annotated[str, Field(pattern=rf"^{PACKAGE_NAME}(={PACKAGE_VERSION})?$", examples=["libgl1"])]
"""A Debian package, `name` or `name=version`."""
_FAILED = (
    "error: apt: if a version is not found, the mirror has dropped it; run: labform lock STACK_FILE --upgrade PROJECT"
)


@dataclass(frozen=True)
class AptNeed:
    """The Debian packages whose versions the lock has to hold for an environment."""

    image: str
    """The image whose package sources give the versions, as far as the stack file tells it."""
    packages: frozenset[str]
    """The packages that are named without a version."""


def unversioned(packages: Iterable[str]) -> frozenset[str]:
    """The packages of a declaration that say no version themselves."""
    return frozenset(one for one in packages if "=" not in one)


def apt_layer(packages: Sequence[str], locked: Mapping[str, str]) -> str:
    """The instruction that installs Debian packages at their locked versions; nothing for none.

    Lists and archives stay in the builder's caches, where the next build finds them. It is one line, because a
    Dockerfile may have another sign than a backslash for a line that goes on.
    """
    if not packages:
        return ""
    words = " ".join(f"{one}={locked[one]}" if one in locked else one for one in sorted(set(packages)))
    return (
        "RUN --mount=type=cache,id=labform-apt,target=/var/cache/apt,sharing=locked"
        " --mount=type=cache,id=labform-apt-lists,target=/var/lib/apt,sharing=locked"
        " rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && DEBIAN_FRONTEND=noninteractive"
        f" apt-get -o APT::Keep-Downloaded-Packages=true install -y --no-install-recommends {words}"
        f" || {{ echo '{_FAILED}'; exit 100; }}\n"
    )
