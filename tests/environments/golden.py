"""Cases of environments: a folder each, with `environment.yaml`, the project's files and `Dockerfile.expected`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from labform.environments import Environment, Recipe, RecipeError, Site
from labform.yaml_tree import parse
from pydantic import TypeAdapter

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
MOUNTS = ("/results", "/home/lab", "/data/image net")
"""Where the cases' volumes are mounted: one the image has, one it does not, one that a shell would split."""
APT = {"labtool": "1.0", "curl-other": "1"}
"""The versions that the cases' lock holds: not the newest, and one of a package that nobody names."""


def pinned(image: str) -> str:
    """The digest that the cases' lock has for a tag: made from the tag, so that each is another one."""
    if "@sha256:" in image:
        return image
    name, _, _ = image.rpartition(":")
    return f"{name or image}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def site(folder: Path) -> Site:
    """A lab in a folder, with three bases."""
    bases = {"python": "python:3.12-slim", "debian": "debian:12", "torch": "registry.example.org/bases/torch:2.9"}
    return Site(folder, folder, bases, default_base="python", pin=pinned, mount_points=MOUNTS, apt=APT)


def environment(folder: Path) -> Environment:
    """The declaration of a case, as a stack file would hold it."""
    declared = parse((folder / "environment.yaml").read_text(encoding="utf-8")).value
    return declare(**declared)


def declare(**declared: object) -> Environment:
    """An environment from the words of a stack file."""
    listed = {key: tuple(value) if isinstance(value, list) else value for key, value in declared.items()}
    return TypeAdapter(Environment).validate_python(listed)


def recipe(folder: Path) -> Recipe:
    """The recipe of a case."""
    return environment(folder).recipe(site(folder))


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def refused(error: RecipeError) -> list[str]:
    """The lines of an error."""
    return str(error).splitlines()
