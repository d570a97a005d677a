"""The last layer, on an image that somebody else describes: what lets any uid work in it, and what a lab adds."""

import re
import shlex
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from labform.declaration import Declaration, EnvironmentVariable
from labform.environments.debian import AptNeed, AptPackage, apt_layer, unversioned
from labform.environments.recipe import ANY_USER, Site, writable

PythonVersion = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}(\.[0-9]{1,2})?$", examples=["3.12"])]
"""A version of Python, with or without its last number; in quotes, since 3.10 is a number."""

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VARIABLE_TEXT = re.compile(r"[^\r\n\x00]*")
"""A variable's value in an image: one line."""
VariableText = Annotated[str, Field(pattern=f"^{VARIABLE_TEXT.pattern}$")]
"""A variable's value: one line."""


class ImageEnvironment(Declaration):
    """What every environment may add to an image."""

    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Default: none."""
    env: Mapping[EnvironmentVariable, VariableText] = {}
    """Variables of the image. They are public: the image shows them. Default: none."""
    python: PythonVersion | None = None
    """The version of Python that the image must have; the build fails where it has another. Default: any or none."""

    def _last_layer(self, site: Site, user: str | None = None) -> str:
        """The instructions of the layer; it ends as `user`, by default nobody in particular."""
        parts = ["USER 0\n", apt_layer(self.apt, site.apt), variables(self.env), _python_check(self.python)]
        return "".join([*parts, writable(site.mount_points), f"USER {user or ANY_USER}\n"])

    def _apt_need(self, image: str) -> AptNeed:
        return AptNeed(image, unversioned(self.apt))


def variables(given: Mapping[str, str]) -> str:
    """The instructions that set variables to exactly these values."""
    return "".join(f"ENV {key}={shlex.quote(given[key])}\n" for key in sorted(given))


def _python_check(version: str | None) -> str:
    if version is None:
        return ""
    code = (
        f"import sys; have = '.'.join(map(str, sys.version_info[:{version.count('.') + 1}])); "
        f"have == '{version}' or sys.exit('the image has Python ' + have + ', python: {version} is declared')"
    )
    return f"RUN python3 -c {shlex.quote(code)}\n"
