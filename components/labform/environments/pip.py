"""Environments described by a `requirements.txt` or a `pylock.toml`."""

import posixpath
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from packaging.pylock import Pylock, PylockValidationError, is_valid_pylock_path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labform.declaration import RelativePath
from labform.environments.indexes import login_problems
from labform.environments.layer_files import stages
from labform.environments.local_sources import archive, installed_place, source_folder
from labform.environments.locked import LockedPackage, archived, bucket, file_name
from labform.environments.python_image import Packages, PythonEnvironment, Stage
from labform.environments.recipe import ContextFile, Recipe, RecipeError, Site, project_folder
from labform.environments.requirements import Asked, Requirements, extras_of, pins, read_requirements
from labform.problems import LabformError, Location, Problem, brief

_AT: Location = ("requirements",)
_BUCKETS = 8
"""Layers of exact requirements, whose sizes no requirements file tells."""
_KEPT = ("name", "version", "marker", "index", "vcs", "directory", "archive", "sdist")


class Pip(PythonEnvironment):
    """A requirements file, with what it includes by `-r` and `-c`, or a `pylock.toml`."""

    kind: Literal["pip"]
    """requirements.txt or pylock.toml."""
    requirements: RelativePath = "requirements.txt"
    """The file, relative to the project's folder; `pylock.toml` or `pylock.NAME.toml` is read as a lock (PEP 751)."""

    def recipe(self, site: Site) -> Recipe:
        """The image of the required packages; RecipeError with every fault of the file and of those it includes."""
        folder = project_folder(self.directory, site)
        self._base_python(site)
        if is_valid_pylock_path(Path(self.requirements)):
            return self._recipe(site, self._locked(folder, site))
        found = read_requirements(folder, self.requirements)
        problems = [*found.problems, *_logins(found, site), *_hashes(found), *_twice(found)]
        packages = _packages(found, folder, site, problems)
        if problems:
            raise RecipeError(problems)
        return self._recipe(site, packages)

    def _locked(self, folder: Path, site: Site) -> Packages:
        path = folder / self.requirements
        if not path.is_file():
            raise RecipeError([Problem(_AT, "no-file", f'no file "{self.requirements}" in {folder.name}/')])
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            Pylock.from_dict(document)
            packages = [_package(one) for one in document["packages"]]
        except tomllib.TOMLDecodeError as error:
            raise _broken(self.requirements, f"is cut short or is not TOML: {error}") from None
        except (PylockValidationError, LabformError) as error:
            raise _broken(self.requirements, brief(str(error))) from None
        made = stages(packages, path, site, "requirements")
        return replace(made, declared={self.requirements: path})


def _broken(name: str, message: str) -> RecipeError:
    return RecipeError([Problem(_AT, "lock", f"{name}: {message}", "write it anew, for example with `pip lock`")])


def _package(entry: dict[str, Any]) -> LockedPackage:
    name = canonicalize_name(entry["name"])
    table = {key: entry[key] for key in _KEPT if key in entry}
    if "directory" in entry:
        return LockedPackage(name, table, "local")
    if "vcs" in entry:
        return LockedPackage(name, table, "source")
    if "archive" in entry:
        given = file_name(entry["archive"])
        kind: Literal["wheel", "source"] = "wheel" if given.endswith(".whl") else "source"
        return LockedPackage(name, table, kind, entry["archive"].get("size"), given.endswith("-any.whl"))
    wheels = [{key: one[key] for key in one if key != "upload-time"} for one in entry.get("wheels", [])]
    if locked := archived(name, table, wheels):
        return locked
    raise LabformError(f"has neither a wheel of {name} for linux/amd64 nor its source")


def _logins(found: Requirements, site: Site) -> Iterator[Problem]:
    for place, address in found.addresses:
        yield from login_problems(_AT, place, [(address, False)], site)


def _hashes(found: Requirements) -> Iterator[Problem]:
    """pip: where one requirement has a hash, each must have one and an exact version."""
    for one in found.asked if found.hashed else ():
        lacks = "hash" if not one.hashes else "" if one.pin or "://" in one.text or one.local else "exact version"
        if lacks:
            hint = "run `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`"
            yield Problem(_AT, "hashed", f"{one.place}: {brief(one.text)} has no {lacks}, and others have", hint)


def _twice(found: Requirements) -> Iterator[Problem]:
    seen: dict[str, Asked] = {}
    for one in (one for one in found.asked if one.pin and ";" not in one.text):
        other = seen.setdefault(one.name, one)
        if other.pin != one.pin:
            message = f"{one.place}: {one.name} is {one.pin} here and {other.pin} in {other.place}"
            yield Problem(_AT, "twice", message, "keep one of them")


def _packages(found: Requirements, folder: Path, site: Site, problems: list[Problem]) -> Packages:
    """Exact requirements in layers by their names, each alone; then one look at all, which adds what they left out."""
    lines, files, sources = _local(found, folder, site, problems)
    exact = {} if found.links else _exact(found)
    head = [*dict.fromkeys(found.options), *(f"--find-links /tmp/environment/{_links(one)}" for one in found.links)]
    every = [*head, *lines]
    rest = [_text("rest", "requirements.txt", every), *files]
    install = "--requirements /tmp/environment/requirements.txt"
    words = [*dict.fromkeys(found.words), *(["--require-hashes"] if found.hashed else [])]
    install = " ".join([*words, install])
    own = [
        Stage(
            name,
            f"--no-deps {install}",
            (_text(name, "requirements.txt", [*head, *sorted(_line(one) for one in asked)]),),
            on_system=True,
        )
        for name, asked in sorted(exact.items())
    ]
    if found.constraints:
        rest.append(_text("rest", "constraints.txt", sorted({one.text for one in found.constraints})))
        install += " --constraints /tmp/environment/constraints.txt"
    late = Stage("rest", install, tuple(rest), on_packages=True, sources="local" if sources else "")
    editable = any(one.editable for one in found.asked)
    names = frozenset(one.name for one in found.asked)
    made = (*own, late) if every else ()
    return Packages(made, names, sources, editable, found.files, tuple(_unpinned(found)))


def _exact(found: Requirements) -> dict[str, list[Asked]]:
    known = pins(found)
    layers: dict[str, list[Asked]] = {}
    for one in found.asked:
        pin = one.pin or ("" if "@" in one.text else known.get(one.name, ""))
        if one.name and pin:
            asked = one if one.pin else replace(one, text=_pinned(one.text, pin), pin=pin)
            layers.setdefault(f"exact-{bucket(one.name, _BUCKETS)}", []).append(asked)
    return layers


def _pinned(text: str, pin: str) -> str:
    one = Requirement(text)
    one.specifier &= f"=={pin}"
    return str(one)


def _line(one: Asked) -> str:
    words = [f"-e {one.text}" if one.editable else one.text, *(f"--hash={value}" for value in one.hashes)]
    return " ".join(words)


def _local(
    found: Requirements, folder: Path, site: Site, problems: list[Problem]
) -> tuple[list[str], list[ContextFile], tuple[ContextFile, ...]]:
    """The lines with the paths they have in the build, the archives beside them, and the sources of local packages."""
    lines: list[str] = []
    files: list[ContextFile] = []
    sources: list[ContextFile] = []
    for one in found.asked:
        if not one.local:
            lines.append(_line(one))
            continue
        path, extras = extras_of(one.text)
        try:
            if (folder / path).is_dir():
                sources += source_folder(posixpath.normpath(path), folder, site, _AT)
                place = installed_place(path)
            else:
                files.append(archive(posixpath.normpath(path), folder, site, "rest", _AT))
                place = f"/tmp/environment/{posixpath.basename(path)}"  # noqa: S108  a mount of the build
            lines.append(_line(replace(one, text=f"{place}{extras}")))
        except RecipeError as error:
            problems += [replace(fault, message=f"{one.place}: {fault.message}") for fault in error.problems]
    for link in found.links:
        files += _linked(link, folder, site, problems)
    return lines, files, tuple({one.name: one for one in sources}.values())


def _linked(link: str, folder: Path, site: Site, problems: list[Problem]) -> list[ContextFile]:
    """The archives of a folder that `--find-links` names."""
    place = (folder / link).resolve()
    if not place.is_relative_to(site.root.resolve()):
        problems.append(Problem(_AT, "path-escapes", f'--find-links "{link}" leads out of the lab\'s folder'))
        return []
    names = sorted(one.name for one in place.glob("*") if re.search(r"\.(whl|zip|tar\.gz)$", one.name))
    if not names:
        problems.append(Problem(_AT, "no-file", f'no wheel in "{link}", which --find-links names'))
    found = [archive(f"{link}/{name}", folder, site, "rest", _AT) for name in names]
    return [replace(one, name=f"environment/rest/{_links(link)}/{one.source.name}") for one in found]


def _links(link: str) -> str:
    return f"links/{link.replace('../', 'above/').strip('/')}"


def _text(stage: str, name: str, lines: list[str]) -> ContextFile:
    return ContextFile(f"environment/{stage}/{name}", Path(name), text="".join(f"{line}\n" for line in lines))


def _unpinned(found: Requirements) -> Iterator[Problem]:
    known = pins(found)
    loose = [one for one in found.asked if not one.fixed and one.name not in known]
    if loose:
        shown = ", ".join(f"{one.place} {one.text}" for one in loose)
        hint = "write name==version, for example what `labform freeze` or `pip freeze` says"
        yield Problem(_AT, "unpinned", f"another day gives another image: {shown}", hint)
