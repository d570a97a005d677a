"""The image that `uv` and `pip` environments share: a venv at /opt/env that is the interpreter everywhere.

The packages are installed in stages of their own, none of which sees another, and `COPY` puts what each leaves into
the image: base, Debian packages, the empty environment, its layers, the project's files. `COPY` keeps modes and times,
and copies to `/`, whose own time is in no layer: so a layer's digest depends on its packages alone, with every
BuildKit from Docker 20.10 on (`COPY --link` would need 23.0 or a frontend from the internet).

Sources of the choices, with what was tried: a venv because Debian's interpreter is externally managed; files that
any uid may write so that one can install at run time into the container's own layer; PYTHONNOUSERSITE because a
user site in the home would shadow the image in every later container.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from labform.declaration import EnvironmentVariable, Name, RelativePath
from labform.environments import install_layer
from labform.environments.debian import AptNeed, AptPackage, apt_layer, unversioned
from labform.environments.folder import Folder
from labform.environments.image_layer import VariableText, variables
from labform.environments.indexes import login_mount, login_variable
from labform.environments.recipe import (
    ANY_USER,
    ContextFile,
    Recipe,
    RecipeError,
    Site,
    base_image,
    project_folder,
    read_files,
    writable,
)
from labform.naming import HOME
from labform.problems import Problem

UV = "0.13.8"
"""The version of uv that installs packages; it is part of the recipe, not of the image."""
PROJECT = "/opt/project"
"""Where a project's own files are in its image."""
_SCRIPT = "environment/install_layer.py"
_INSTALL = "/tmp/install_layer.py"  # noqa: S108  a mount of the build
_RUN = f"PYTHONHASHSEED=0 python3 {_INSTALL}"
_TOOLS = "/opt/tools"
_TAGGED_PYTHON = re.compile(r"(?:^|/)python:(3\.\d+)")

PythonVersion = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$", examples=["3.12"])]
"""A minor version of Python."""

_ENVIRONMENT = f"""\
ENV VIRTUAL_ENV=/opt/env UV_PROJECT_ENVIRONMENT=/opt/env PATH=/opt/env/bin:$PATH \\
    PYTHONNOUSERSITE=1 PIP_USER=0 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \\
    JUPYTER_PREFER_ENV_PATH=1 JUPYTER_RUNTIME_DIR=/tmp/jupyter HOME={HOME}
"""


@dataclass(frozen=True)
class Stage:
    """A layer of packages: its name, the files it reads, and the words that uv installs them by."""

    name: str
    install: str
    """What follows `uv pip install`; the files are below /tmp/environment."""
    files: tuple[ContextFile, ...] = ()
    """Below `environment/<name>/` in the context."""
    on_system: bool = False
    """Whether it may need the Debian packages."""
    on_packages: bool = False
    """Whether it adds to all stages before it."""
    sources: str = ""
    """A folder of the context that it finds at /opt/project."""


@dataclass(frozen=True)
class Packages:
    """What an environment's own format says: the stages, and what else the image must know."""

    stages: tuple[Stage, ...]
    names: frozenset[str] = frozenset()
    """The normalised names of the packages, as far as they are known."""
    files: tuple[ContextFile, ...] = ()
    """Sources of local packages, below `local/` in the context."""
    keep_sources: bool = False
    """Whether the image needs them: an editable package is where its sources are."""
    declared: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()


class PythonEnvironment(Folder):
    """What every environment of Python packages has."""

    base: Name | None = None
    """The named base to build on. Default: the lab's `defaults.base`."""
    python: PythonVersion | None = None
    """The Python that the base must have. Default: whichever it has."""
    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Default: none."""
    env: Mapping[EnvironmentVariable, VariableText] = {}
    """Variables of the image. They are public: the image shows them. Default: none."""
    files: tuple[RelativePath, ...] = ()
    """Files and folders of the project to copy to /opt/project, where commands then start. Default: none."""

    def _base_python(self, site: Site) -> str:
        """The minor version that the base's tag promises; empty where it says none. RecipeError for another one."""
        match = _TAGGED_PYTHON.search(base_image(self.base, site))
        if match and self.python and match[1] != self.python:
            message = f"python {self.python} is wanted, and the base {base_image(self.base, site)} has {match[1]}"
            raise RecipeError([Problem(("python",), "python", message, "choose another base")])
        return match[1] if match else self.python or ""

    def images(self, site: Site) -> tuple[str, ...]:
        """The images that the lock has to know by digest."""
        return (base_image(self.base, site),)

    def apt_need(self, site: Site) -> AptNeed:
        """The Debian packages whose versions the lock has to know."""
        return AptNeed(base_image(self.base, site), unversioned(self.apt))

    def _recipe(self, site: Site, packages: Packages) -> Recipe:
        folder = project_folder(self.directory, site)
        own = read_files(folder, self.files, site, into="project")
        project = [replace(one, name=f"project{PROJECT}/{one.name.partition('/')[2]}") for one in own]
        script = ContextFile(_SCRIPT, Path(install_layer.__file__))
        files = [script, *(file for one in packages.stages for file in one.files), *packages.files, *project]
        base = site.pin(base_image(self.base, site))
        text = "\n".join(
            [
                *_stages(base, apt_layer(self.apt, site.apt), self.python or "", packages, site),
                f"{_ENVIRONMENT}{variables(self.env)}",
                writable(site.mount_points),
                _project(self.files, packages),
            ]
        )
        unique = tuple({file.name: file for file in files}.values())
        bound = "uv chooses its packages for linux/amd64"
        text = f"{text}USER {ANY_USER}\n"
        return Recipe(text, unique, declared=packages.declared, bound=bound, notes=packages.notes)


def _stages(base: str, debian: str, python: str, packages: Packages, site: Site) -> list[str]:
    """The Dockerfile up to the last package, a text for each stage."""
    own = [one for one in packages.stages if not one.on_packages]
    late = [one for one in packages.stages if one.on_packages]
    seed = "empty" if "pip" in packages.names else "seed"
    wanted = f"--python {python} " if python else ""
    tools = tool_environment(f"uv=={UV}", site)
    texts = [
        f"FROM {base} AS tools\nUSER 0\n{tools}",
        f"FROM {base} AS system\nUSER 0\n{debian}",
        f"FROM {base} AS venv\nUSER 0\nRUN {_mount(_SCRIPT, _INSTALL)}    {_RUN} {wanted}{seed}\n",
        *(_stage(one, "system" if one.on_system else base, site) for one in own),
    ]
    copies = "".join(f"COPY --from={name} /layer/ /\n" for name in ("venv", *(one.name for one in own)))
    if not late:
        return [*texts, f"FROM system\n{copies}"]
    added = "".join(f"COPY --from={one.name} /layer/ /\n" for one in late)
    stages = [_stage(one, "packages", site) for one in late]
    return [*texts, f"FROM system AS packages\n{copies}", *stages, f"FROM packages\n{added}"]


def tool_environment(packages: str, site: Site) -> str:
    """The instruction that installs a build's own tools at /opt/tools."""
    return (
        f"RUN {login_mount(site)}{login_variable(site)}python3 -m venv {_TOOLS}"
        f" && {_TOOLS}/bin/pip install --no-cache-dir --disable-pip-version-check {packages}\n"
    )


def _stage(stage: Stage, base: str, site: Site) -> str:
    copy = f"COPY {stage.sources}/ /\n" if stage.sources else ""
    mounts = [
        "--mount=type=cache,id=labform-uv,target=/root/.cache/uv \\\n",
        f"    --mount=type=bind,from=tools,source={_TOOLS},target={_TOOLS} \\\n    ",
        _mount(_SCRIPT, _INSTALL),
    ]
    if mount := login_mount(site):
        mounts.append("    " + mount.rstrip(" "))
    if stage.files:
        mounts.append("    " + _mount(f"environment/{stage.name}", "/tmp/environment"))  # noqa: S108
    run = f"{login_variable(site)}{_RUN}"
    return f"FROM {base} AS {stage.name}\nUSER 0\n{copy}RUN {''.join(mounts)}    {run} install {stage.install}\n"


def _mount(source: str, target: str) -> str:
    """A file or folder of the context, whose bytes alone decide whether the step is cached."""
    return f"--mount=type=bind,source={source},target={target} \\\n"


def _project(files: Sequence[str], packages: Packages) -> str:
    """The project's own files last: an edit of them rebuilds no package."""
    sources = "COPY local/ /\n" if packages.keep_sources and packages.files else ""
    own = "COPY project/ /\n" if files else ""
    return f"WORKDIR {PROJECT if sources or own else HOME}\n{sources}{own}"
