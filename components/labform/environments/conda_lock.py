"""What locks of conda packages hold: conda-lock's, pixi's and @EXPLICIT lists, each as URLs with their hashes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from labform.environments.recipe import RecipeError
from labform.problems import Problem

SUBDIR = "linux-64"
"""conda's name of the one platform that images are built for."""
_URL = re.compile(r"^(https?|file)://[^\s#'\"]+/(linux-64|noarch)/[^\s/#'\"]+-[^\s/#-]+-[^\s/#-]+(\.conda|\.tar\.bz2)$")
_HASH = re.compile(r"^(sha256:)?([0-9a-f]{64}|[0-9a-f]{32})$")
_SELECTED = re.compile(r"^[ \t]*- +(?!pip *:).*# *\[.*$", re.MULTILINE)
_WHEEL = re.compile(r"^(https?|file)://[^\s#'\";]+$")


@dataclass(frozen=True)
class Locked:
    """The packages of one platform: conda's as `URL#hash`, PyPI's as lines of a requirements file."""

    conda: tuple[str, ...]
    pypi: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of all packages, in PyPI's normal form."""
        conda = (line.partition("#")[0].rpartition("/")[2].rsplit("-", 2)[0] for line in self.conda)
        return frozenset(map(canonicalize_name, (*conda, *(line.partition(" @ ")[0] for line in self.pypi))))

    @property
    def conda_versions(self) -> dict[str, str]:
        """The versions of conda's packages, by the names that conda gives them."""
        named = (line.partition("#")[0].rpartition("/")[2].rsplit("-", 2) for line in self.conda)
        return {name.lower(): version for name, version, _ in named}

    @property
    def pypi_versions(self) -> dict[str, str]:
        """The versions of PyPI's packages, by their normalised names, as far as their files are named by them."""
        named = (line.partition(" --hash")[0].partition(" @ ")[::2] for line in self.pypi)
        return {canonicalize_name(name): version for name, url in named if (version := _version(url))}

    def explicit(self) -> str:
        """The conda packages as an @EXPLICIT list."""
        return "\n".join(["@EXPLICIT", *self.conda]) + "\n"


def _version(url: str) -> str:
    """The version in the name of a wheel or source archive; empty for another name."""
    name = url.partition("#")[0].rpartition("/")[2]
    try:
        return str((parse_wheel_filename if name.endswith(".whl") else parse_sdist_filename)(name)[1])
    except ValueError:
        return ""


def read_yaml(path: Path, *, here: bool = False) -> dict[str, Any]:
    """A file's data, every word as text; RecipeError where it is no mapping, for example because it was cut short.

    `here` leaves out the lines that conda-lock reads for some platforms only: `- pywin32  # [win]`.
    """
    # A hash of digits alone is no number.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(_SELECTED.sub("", text) if here else text, Loader=loader)  # noqa: S506  it makes text only
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise _broken(path.name, f"line {line} is not YAML") from None
    if not isinstance(data, dict):
        raise _broken(path.name, "it is not a mapping")
    return data


def explicit_list(path: Path) -> Locked:
    """An @EXPLICIT list, as `conda list --explicit` and `conda-lock --kind explicit` write it."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#") and line != "@EXPLICIT"]
    pairs = (line.partition("#")[::2] for line in wanted)
    return Locked(_checked(path.name, pairs))


def conda_lock(path: Path) -> Locked:
    """conda-lock's unified file, its `main` category."""
    data = read_yaml(path)
    platforms = (data.get("metadata") or {}).get("platforms") or []
    if SUBDIR not in platforms:
        raise _broken(path.name, f"it has no {SUBDIR}; its platforms: {', '.join(map(str, platforms)) or 'none'}")
    packages = _here(path.name, data.get("package"))
    _check_whole(path.name, packages)
    conda = ((one.get("url", ""), _digest(one.get("hash"))) for one in packages if one.get("manager") == "conda")
    pypi = (
        (one.get("name", ""), one.get("url", ""), _digest(one.get("hash")))
        for one in packages
        if one.get("manager") == "pip"
    )
    return Locked(_checked(path.name, conda), _wheels(path.name, pypi))


def _here(name: str, packages: Any) -> list[Mapping[str, Any]]:
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        raise _broken(name, "it has no list of packages")
    return [one for one in packages if one.get("platform") == SUBDIR and one.get("category", "main") == "main"]


def _check_whole(name: str, packages: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a list of conda packages that lacks what one of them needs: it was cut short, or edited."""
    conda = {one.get("name"): one for one in packages if one.get("manager") == "conda"}
    for package, one in conda.items():
        needs = one.get("dependencies")
        # Two underscores: what the machine has (conda's documentation, "Managing virtual packages").
        lacking = [word for word in needs or () if not word.startswith("__") and word not in conda]
        if lacking:
            raise _broken(name, f"{package} needs {lacking[0]}, which it lacks")


def pixi_lock(path: Path, environment: str) -> Locked:
    """One environment of pixi's lock."""
    data = read_yaml(path)
    environments = data.get("environments")
    if not isinstance(environments, dict) or environment not in environments:
        known = ", ".join(sorted(environments)) if isinstance(environments, dict) else "none"
        raise _broken(path.name, f'it has no environment "{environment}"; its environments: {known}')
    wanted = _table(_table(environments[environment]).get("packages")).get(SUBDIR)
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise _broken(path.name, f'environment "{environment}" has no {SUBDIR}')
    by_url = {
        (kind, one[kind]): one
        for one in data.get("packages") or []
        for kind in ("conda", "pypi")
        if isinstance(one, dict) and kind in one
    }
    chosen = [(kind, url, by_url.get((kind, url), {})) for one in wanted for kind, url in one.items()]
    conda = ((url, _digest(one)) for kind, url, one in chosen if kind == "conda")
    pypi = ((one.get("name", ""), url, _digest(one)) for kind, url, one in chosen if kind == "pypi")
    return Locked(_checked(path.name, conda), _wheels(path.name, pypi))


def _table(value: Any) -> Mapping[str, Any]:
    """A mapping as it is, and none where a file that was cut short has something else."""
    return value if isinstance(value, dict) else {}


def _digest(hashes: Any) -> str:
    given = _table(hashes)
    return f"sha256:{given['sha256']}" if given.get("sha256") else str(given.get("md5", ""))


def _checked(name: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    found = sorted(dict.fromkeys(pairs))
    for url, digest in found:
        if not isinstance(url, str) or not _URL.match(url):
            raise _broken(name, f"{url or 'an entry without url'} is not a conda package for {SUBDIR} or noarch")
        if not _HASH.match(digest):
            raise _broken(name, f"{url.rpartition('/')[2]} has no hash")
    if not found:
        raise _broken(name, "it names no conda package")
    return tuple(f"{url}#{digest}" for url, digest in found)


def _wheels(name: str, entries: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(sorted(_wheel(name, *one) for one in entries))


def _wheel(name: str, package: str, url: str, digest: str) -> str:
    if not _WHEEL.match(url):
        raise _broken(name, f"{package} comes from {url or 'nowhere'}, which no build reaches")
    if not digest.startswith("sha256:") or not _HASH.match(digest):
        raise _broken(name, f"{package} has no hash")
    return f"{package} @ {url} --hash={digest}"


def _broken(name: str, why: str) -> RecipeError:
    hint = "write it anew" if not name.startswith("pixi") else "run `pixi lock`"
    return RecipeError([Problem(("directory",), "conda-lock", f"{name}: {why}", hint)])


def dependencies(data: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What environment.yml asks for: each word, and whether pip is to install it; RecipeError for other shapes."""
    listed = data.get("dependencies") or []
    for one in listed if isinstance(listed, list) else [None]:
        if isinstance(one, str):
            yield one, False
        elif isinstance(one, dict) and set(one) == {"pip"} and isinstance(one["pip"], list):
            yield from ((str(word), True) for word in one["pip"])
        else:
            message = "environment.yml: a dependency is a word such as numpy=2.1, or pip: with a list"
            raise RecipeError([Problem(("directory",), "environment-yml", message)])
