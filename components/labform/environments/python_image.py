"""The image that `uv` and `pip` environments share: a venv at /opt/env that is the interpreter everywhere.

The layers go from what changes least to what changes most: base, system packages, Python packages, the project's
files. Sources of the choices, with what was tried: a venv because Debian's interpreter is externally managed;
`umask 000` so that any uid can install at run time into the container's own layer; PYTHONNOUSERSITE because a
user site in the home would shadow the image in every later container.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from labform.declaration import Name, RelativePath
from labform.environments.folder import Folder
from labform.environments.recipe import (
    ANY_USER,
    ContextFile,
    Recipe,
    Site,
    base_image,
    project_folder,
    read_files,
    writable,
)
from labform.naming import HOME

UV = "0.13.8"
"""The version of uv that installs packages; it is part of the recipe, not of the image."""

AptPackage = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?$", examples=["libgl1"])]
"""A Debian package, `name` or `name=version`."""

_ENVIRONMENT = f"""\
ENV VIRTUAL_ENV=/opt/env UV_PROJECT_ENVIRONMENT=/opt/env PATH=/opt/env/bin:$PATH \\
    PYTHONNOUSERSITE=1 PIP_USER=0 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \\
    JUPYTER_PREFER_ENV_PATH=1 JUPYTER_RUNTIME_DIR=/tmp/jupyter HOME={HOME}
"""
_LOGIN_SHELLS = "RUN printf 'export PATH=/opt/env/bin:$PATH\\n' > /etc/profile.d/labform.sh\n"


class PythonEnvironment(Folder):
    """What every environment of Python packages has."""

    base: Name | None = None
    """The named base to build on. Default: the lab's `defaults.base`."""
    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Default: none."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders of the project to copy to /opt/project, where commands then start. Default: none."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        return (base_image(self.base, site),)

    def _recipe(self, site: Site, inputs: Sequence[str], install: str) -> Recipe:
        folder = project_folder(self.directory, site)
        files = read_files(folder, inputs, site, into="environment") + read_files(
            folder, self.files, site, into="project"
        )
        base = site.pin(base_image(self.base, site))
        text = "\n".join(
            [_tools(base), _packages(base, self.apt, install), _project(self.files), writable(site.mount_points)]
        )
        return Recipe(f"{text}USER {ANY_USER}\n", _unique(files))


def _unique(files: Sequence[ContextFile]) -> tuple[ContextFile, ...]:
    return tuple({file.name: file for file in files}.values())


def _tools(base: str) -> str:
    return (
        f"FROM {base} AS tools\nUSER 0\n"
        "RUN python3 -m venv /opt/tools"
        f" && /opt/tools/bin/pip install --no-cache-dir --disable-pip-version-check uv=={UV}\n"
    )


def _packages(base: str, apt: Sequence[str], install: str) -> str:
    system = (
        f"RUN apt-get update && apt-get install -y --no-install-recommends {' '.join(sorted(apt))}"
        " && rm -rf /var/lib/apt/lists/*\n"
        if apt
        else ""
    )
    return (
        f"FROM {base}\nUSER 0\n{system}{_LOGIN_SHELLS}"
        "RUN --mount=type=cache,id=labform-uv,target=/root/.cache/uv \\\n"
        "    --mount=type=bind,from=tools,source=/opt/tools,target=/opt/tools \\\n"
        "    --mount=type=bind,source=environment,target=/tmp/environment \\\n"
        "    umask 000 && cd /tmp/environment && python3 -m venv /opt/env \\\n"
        "    && export UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1"
        " UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/env \\\n"
        f"    && {install} \\\n"
        "    && find /opt/env ! -type l ! -perm -a+w -exec chmod a+w {} +\n"
        f"{_ENVIRONMENT}"
    )


def _project(files: Sequence[str]) -> str:
    return "COPY project/ /opt/project/\nWORKDIR /opt/project\n" if files else f"WORKDIR {HOME}\n"
