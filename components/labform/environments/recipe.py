"""The contract between an environment's declaration and the image that is built from it.

A recipe is deterministic: the same declaration and the same bytes in the files it reads give the same Dockerfile,
the same context and the same hash, on any machine, checkout path, umask or date.
"""

import errno
import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from labform.naming import HOME, MOUNT_POINTS
from labform.problems import LabformError, Location, Problem, suggestion

PLATFORM = "linux/amd64"
"""The platform that images are built for where a builder names no other."""
RECIPE_LABEL = "labform.recipe"
"""The image label that holds the recipe's hash."""
ANY_USER = "1000:1000"
"""The user of an image that is run by hand; a deployment always names its own."""
_SECRET_NAMES = re.compile(r"(^|/)(\.env|\.git|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.pem|\.netrc|\.pypirc)(/|$)")


@dataclass(frozen=True)
class ContextFile:
    """One file of a build context: its name there, where its bytes come from, and the one mode bit that counts."""

    name: str
    source: Path
    """The file, or the one that `text` was made from."""
    executable: bool = False
    link: str | None = None
    text: str | None = None
    """The content of a file that no project has as it is: a part of its lock."""

    def content(self) -> bytes:
        """The bytes that a build reads; of a link, where it points."""
        given = self.link if self.link is not None else self.text
        return given.encode() if given is not None else self.source.read_bytes()


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile's text and the files it reads: all that decides an image."""

    dockerfile: str
    files: tuple[ContextFile, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = (PLATFORM,)
    dockerfile_name: str = "Dockerfile"
    declared: Mapping[str, Path] = field(default_factory=dict)
    """The project's own files that name its packages, by their names there. No part of the hash by themselves."""
    bases: Mapping[str, "Recipe"] = field(default_factory=dict)
    """The bases that have to be built before it, by name; its Dockerfile has an ARG for each."""
    bound: str = ""
    """Why it cannot be built for another platform than PLATFORM; empty where it can."""
    notes: tuple[Problem, ...] = ()
    """What is not as it should be and yet gives an image; code `unpinned` is an error in a lab that is `strict`."""

    @property
    def text(self) -> str:
        """The Dockerfile as it is built: with the recipe's hash as a label, which the hash itself leaves out."""
        return f"{self.dockerfile}LABEL {RECIPE_LABEL}={self.hash}\n"

    @cached_property
    def hash(self) -> str:
        """The first 16 hex digits of a SHA-256 over everything that decides the image."""
        digest = hashlib.sha256()
        for part in (
            ",".join(self.platforms),
            self.dockerfile_name,
            self.dockerfile,
            *(f"{key}={value}" for key, value in sorted(self.args.items())),
        ):
            digest.update(f"{len(part)}:{part}".encode())
        for file in sorted(self.files, key=lambda one: one.name):
            content = hashlib.sha256(file.content()).hexdigest()
            digest.update(f"{file.name}\0{file.executable}\0{file.link is not None}\0{content}\0".encode())
        return digest.hexdigest()[:16]

    def requiring(self, program: str) -> "Recipe":
        """A recipe whose build says so, and fails, where the image has no such program on PATH."""
        said = f"this image has no {program} on PATH, and its project is of that kind of service"
        check = f"command -v {program} >/dev/null || {{ echo {shlex.quote(said)} >&2; exit 1; }}"
        return replace(self, dockerfile=f"{self.dockerfile}RUN {json.dumps(['/bin/sh', '-c', check])}\n")

    def built_for(self, platforms: tuple[str, ...]) -> "Recipe":
        """The recipe for some platforms; RecipeError if it cannot be."""
        if self.bound and platforms != (PLATFORM,):
            message = f"builder.platforms asks for {', '.join(platforms)}, and {self.bound}"
            hint = f"describe it by a Dockerfile, or write platforms: [{PLATFORM}]"
            raise RecipeError([Problem((), "platform", message, hint)])
        return replace(self, platforms=platforms)

    @property
    def unpinned(self) -> tuple[Problem, ...]:
        """The notes for which another day may give another image."""
        return tuple(one for one in self.notes if one.code == "unpinned")

    @property
    def context_size(self) -> int:
        """Bytes that are sent to the builder, the Dockerfile aside."""
        return sum(len(file.content()) for file in self.files)


@dataclass(frozen=True)
class Site:
    """What a recipe may know beyond its own declaration."""

    folder: Path
    """Where relative paths start: the folder of the stack file."""
    root: Path
    """Nothing outside of it is read."""
    bases: Mapping[str, str]
    """Named bases and the image each stands for."""
    default_base: str | None
    """The base of an environment that names none."""
    pin: Callable[[str], str]
    """`python:3.12-slim` -> `python@sha256:…`, by the lock."""
    secrets: frozenset[str] = frozenset()
    """The ids of the build secrets that the builder has."""
    mount_points: tuple[str, ...] = ()
    """Where the project mounts volumes, so that any uid may write to a new one."""
    apt: Mapping[str, str] = field(default_factory=dict)
    """The Debian packages of the environment, and the version that the lock has for each."""

    @classmethod
    def alone(cls, *, folder: Path = Path(), base: str | None = None, pin: Mapping[str, str] | None = None) -> "Site":
        """A site for a program without a stack file: paths start in `folder`, `base` is the image to build on."""
        pins = pin or {}
        bases = {"base": base} if base else {}
        return cls(folder.resolve(), folder.resolve(), bases, "base" if base else None, lambda tag: pins.get(tag, tag))


class RecipeError(LabformError):
    """Every reason for which an environment has no recipe, located from the environment on."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems; the caller knows which file and project they belong to."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def writable(mount_points: Iterable[str]) -> str:
    """The instruction that makes the home and every mount point usable by any uid.

    An empty Docker volume takes owner and mode of the image's directory, so mode 1777 is what lets its owner write.
    """
    places = " ".join(shlex.quote(place) for place in sorted({*MOUNT_POINTS, *mount_points}))
    return f"RUN mkdir -p {places} && chmod 1777 {places}\nENV HOME={HOME}\n"


def base_image(name: str | None, site: Site) -> str:
    """The image that a named base, or else the lab's default one, stands for; RecipeError if there is none."""
    name = name or site.default_base
    if name is None:
        raise RecipeError([Problem(("base",), "no-base", "names no base, and the lab has no defaults.base")])
    if name not in site.bases:
        raise RecipeError([Problem(("base",), "unknown-base", f'no base "{name}"', suggestion(name, site.bases))])
    return site.bases[name]


def project_folder(directory: str, site: Site) -> Path:
    """The folder of a project as an absolute path; RecipeError if it is missing or leaves the lab's root."""
    folder = (site.folder / directory).resolve()
    if not folder.is_relative_to(site.root.resolve()):
        raise RecipeError([Problem(("directory",), "path-escapes", f'"{directory}" is outside of the lab\'s folder')])
    if not folder.is_dir():
        raise RecipeError(
            [Problem(("directory",), "no-directory", f'no directory "{directory}" beside the stack file')]
        )
    return folder


def read_files(folder: Path, names: Iterable[str], site: Site, *, into: str) -> tuple[ContextFile, ...]:
    """The named files, and all below the named folders, as context files under `into`; RecipeError names the missing.

    A link is read as the file it leads to, which is no part of the context otherwise.
    """
    found: list[ContextFile] = []
    problems: list[Problem] = []
    for place, name in enumerate(names):
        at: Location = ("files", place) if into == "project" else ("directory",)
        path = folder / name
        files = [path] if path.is_file() else [*files_below(path, site, lambda one: one.name == "__pycache__")]
        if not files:
            problems.append(Problem(at, "no-file", f'no file "{name}" in {folder.name}/'))
        inner = {str(one.relative_to(folder)): one for one in files}
        problems += (problem for key, one in inner.items() for problem in astray(one, key, site, at))
        problems += (
            Problem(at, "secret-in-context", f"{key} would be sent to the builder", "name the files that are needed")
            for key in secrets(inner)
        )
        found += (context_file(one.resolve(), f"{into}/{key}") for key, one in inner.items() if not problems)
    if problems:
        raise RecipeError(problems)
    return tuple(found)


def files_below(
    folder: Path, site: Site, left_out: Callable[[Path], bool], above: frozenset[Path] = frozenset()
) -> Iterator[Path]:
    """The files below a folder, also behind links to folders of the lab; any other link is one of them itself."""
    above |= {folder.resolve()}
    if not folder.resolve().is_relative_to(site.root.resolve()):
        yield folder
        return
    for one in sorted(folder.iterdir()) if folder.is_dir() else ():
        # Emacs links the name of an open file to its user.
        if left_out(one) or one.name.startswith(".#"):
            continue
        if one.is_dir() and one.resolve() not in above:
            yield from files_below(one, site, left_out, above)
        elif one.is_file() or one.is_symlink():
            yield one


def astray(path: Path, name: str, site: Site, at: Location) -> Iterator[Problem]:
    """A problem for a file that cannot be sent because of where it leads."""
    if not path.resolve().is_relative_to(site.root.resolve()):
        yield Problem(at, "path-escapes", f'"{name}" leads out of the lab\'s folder')
    elif not path.is_file():
        yield Problem(at, "no-file", f'link "{name}" leads nowhere, or back to a folder that it is in')


def secrets(names: Iterable[str]) -> list[str]:
    """The files and folders among the names that hold keys and passwords by convention."""
    return sorted({name[: match.end()].strip("/") for name in names if (match := _SECRET_NAMES.search(name))})


def context_file(path: Path, name: str) -> ContextFile:
    """A file on disk as part of a context, its mode reduced to whether it can be run; OSError if it cannot be read."""
    link = str(path.readlink()) if path.is_symlink() else None
    if link is None and not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, "permission denied", str(path))
    return ContextFile(name, path, executable=link is None and bool(path.stat().st_mode & 0o100), link=link)
