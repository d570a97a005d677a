"""The image that `conda` and `pixi` environments share: packages at /opt/env, put there by py-rattler.

py-rattler is pixi's own solver and installer as a Python package, so a build gets it from the index it gets uv from;
micromamba and pixi themselves are no packages of an index that serves Python.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from labform.declaration import EnvironmentVariable, Name, RelativePath
from labform.environments.conda_lock import Locked
from labform.environments.debian import AptNeed, AptPackage, apt_layer, unversioned
from labform.environments.folder import Folder
from labform.environments.image_layer import PythonVersion, VariableText, variables
from labform.environments.indexes import login_mount, login_variable
from labform.environments.python_image import UV, tool_environment
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
from labform.problems import Problem

RATTLER = "0.28.0"
"""The version of py-rattler that installs packages; it is part of the recipe, not of the image."""
_INSTALLER = Path(__file__).with_name("install_conda.py")
_VARIABLES = """\
ENV CONDA_PREFIX=/opt/env UV_SYSTEM_PYTHON=1 PATH=/opt/env/bin:$PATH PYTHONNOUSERSITE=1 PIP_USER=0 \\
    PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \\
    JUPYTER_PREFER_ENV_PATH=1 JUPYTER_RUNTIME_DIR=/tmp/jupyter
"""


class CondaEnvironment(Folder):
    """What every environment of conda packages has."""

    base: Name | None = None
    """The named base to build on; it needs python3 and pip for the build. Default: the lab's `defaults.base`."""
    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Default: none."""
    env: Mapping[EnvironmentVariable, VariableText] = {}
    """Variables of the image. They are public: the image shows them. Default: none."""
    python: PythonVersion | None = None
    """The version of Python that the packages must hold. Default: the one they hold, or none."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders of the project to copy to /opt/project, where commands then start. Default: none."""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        return (base_image(self.base, site),)

    def apt_need(self, site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        return AptNeed(base_image(self.base, site), unversioned(self.apt))

    def _recipe(
        self,
        site: Site,
        inputs: Sequence[ContextFile],
        install: str,
        *,
        given: Mapping[str, str],
        declared: Sequence[Path],
        notes: Sequence[Problem] = (),
    ) -> Recipe:
        base = site.pin(base_image(self.base, site))
        files = read_files(project_folder(self.directory, site), self.files, site, into="project")
        tools = tool_environment(f"py-rattler=={RATTLER} uv=={UV}", site)
        text = (
            f"FROM {base} AS tools\nUSER 0\n{tools}"
            f"\nFROM {base}\nUSER 0\n{apt_layer(self.apt, site.apt)}"
            "RUN printf 'export PATH=/opt/env/bin:$PATH\\n' > /etc/profile.d/labform.sh\n"
            f"RUN {login_mount(site)}--mount=type=cache,id=labform-conda,target=/root/.cache/rattler \\\n"
            "    --mount=type=cache,id=labform-uv,target=/root/.cache/uv \\\n"
            "    --mount=type=bind,from=tools,source=/opt/tools,target=/opt/tools \\\n"
            "    --mount=type=bind,source=environment,target=/tmp/environment \\\n"
            f"    {login_variable(site)}umask 000 && cd /tmp/environment"
            f" && /opt/tools/bin/python install_conda.py {install} \\\n"
            f"{self._pip(inputs)}{self._check()}"
            "    && find /opt/env ! -type l ! -perm -a+w -exec chmod a+w {} +\n"
            f"{_VARIABLES}{variables({**given, **self.env})}\n"
            f"{'COPY project/ /opt/project/' if self.files else ''}\n"
            f"WORKDIR {'/opt/project' if self.files else HOME}\n\n{writable(site.mount_points)}USER {ANY_USER}\n"
        ).replace("\n\n\n", "\n\n")
        installer = ContextFile("environment/install_conda.py", _INSTALLER, text=_INSTALLER.read_text(encoding="utf-8"))
        bound = "its conda packages are for linux-64"
        named = {path.name: path for path in declared}
        return Recipe(text, (installer, *inputs, *files), bound=bound, declared=named, notes=tuple(notes))

    def _pip(self, inputs: Sequence[ContextFile]) -> str:
        if not any(one.name == "environment/pypi.txt" for one in inputs):
            return ""
        return (
            "    && UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never /opt/tools/bin/uv pip install"
            " --python /opt/env/bin/python -r pypi.txt \\\n"
        )

    def _check(self) -> str:
        if self.python is None:
            return ""
        wanted = f"Python {self.python}"
        say = f"echo 'the packages have another Python than python: {self.python}'; exit 1;"
        return f'    && {{ case "$(/opt/env/bin/python -V)." in {shlex.quote(wanted)}.*) ;; *) {say} esac; }} \\\n'


def locked_files(locked: Locked, source: Path) -> list[ContextFile]:
    """The files that tell a build which packages to install, made from a lock."""
    files = [ContextFile("environment/explicit.txt", source, text=locked.explicit())]
    if locked.pypi:
        text = "".join(f"{line}\n" for line in locked.pypi)
        files.append(ContextFile("environment/pypi.txt", source, text=text))
    return files


def solved_file(channels: Sequence[str], specs: Sequence[str], source: Path) -> ContextFile:
    """The file that tells a build what to solve."""
    text = json.dumps({"channels": channels, "specs": specs}, indent=1) + "\n"
    return ContextFile("environment/specs.json", source, text=text)
