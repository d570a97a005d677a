"""Requirements files as pip reads them (pip documentation, "Requirements File Format"), with everything they include.

Pure. Comments, continuations, byte order marks and Windows newlines are settled here, so that what a build reads is the
same for two files that mean the same.
"""

import argparse
import codecs
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from labform.problems import LabformError, Problem, brief

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""The only form of a variable that pip fills in."""
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar\.gz|tgz|tar\.bz2)$", re.IGNORECASE)
_EXTRAS = re.compile(r"^(?P<path>[^\[\];]+?)(?P<extras>\[[^\]]*\])?$")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:#|$)")
_ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
"""PowerShell writes UTF-16 where `pip freeze > requirements.txt` is run."""


class _Options(argparse.ArgumentParser):
    """The options of one line; an error is raised, never printed."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise LabformError(message)


def _options() -> _Options:
    parser = _Options(add_help=False, allow_abbrev=False)
    for names in (("-r", "--requirement"), ("-c", "--constraint"), ("-e", "--editable")):
        parser.add_argument(*names, dest=names[1].strip("-"), action="append", default=[])
    parser.add_argument("-i", "--index-url", "--pypi-url", dest="index")
    parser.add_argument("-f", "--find-links", dest="links")
    parser.add_argument("--extra-index-url", dest="extra_index")
    for name in ("--no-binary", "--only-binary", "--trusted-host", "--use-feature", "--config-settings"):
        parser.add_argument(name)
    for name in ("--no-index", "--require-hashes", "--pre", "--prefer-binary"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--hash", action="append", default=[])
    return parser


_PARSER = _options()


@dataclass(frozen=True)
class Asked:
    """One requirement, with the place it stands at."""

    file: str
    line: int
    text: str
    """In one spelling, without hashes; of a local package, its path."""
    name: str = ""
    """The normalised name; empty where only a build tells it."""
    pin: str = ""
    """The exact version, where there is one."""
    local: bool = False
    editable: bool = False
    fixed: bool = False
    """Whether it is the same tomorrow: an exact version, a commit, bytes of the lab."""
    hashes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass
class Requirements:
    """All that a requirements file and its includes say."""

    asked: list[Asked] = field(default_factory=list)
    constraints: list[Asked] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    """Options for the whole installation, in the spelling of a requirements file, without local paths."""
    addresses: list[tuple[str, str]] = field(default_factory=list)
    """Indexes and repositories, by the place they stand at."""
    words: list[str] = field(default_factory=list)
    """Options that uv knows on its command line only."""
    links: list[str] = field(default_factory=list)
    """Folders of the project with archives."""
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def hashed(self) -> bool:
        """Whether pip would ask every requirement for a hash."""
        return "--require-hashes" in self.options or any(one.hashes for one in self.asked)

    def wrong(self, code: str, message: str, hint: str = "") -> None:
        """Note a fault."""
        self.problems.append(Problem(("requirements",), code, message, hint))


def read_requirements(folder: Path, name: str) -> Requirements:
    """A file of a folder with its includes; what is wrong with them stands in `problems`."""
    found = Requirements()
    _read(found, folder, name, (), constraint=False)
    return found


def _read(found: Requirements, folder: Path, name: str, above: tuple[str, ...], *, constraint: bool) -> None:
    if name in above:
        found.wrong("circular", f"{' -> '.join([*above, name])} includes itself")
        return
    path = folder / name
    if not path.is_file():
        by = f", included by {above[-1]}" if above else ""
        found.wrong("no-file", f'no file "{name}" in {folder.name}/{by}')
        return
    found.files[name] = path
    for number, line in _logical(_decoded(path.read_bytes())):
        try:
            _line(found, folder, name, above, number, line, constraint=constraint)
        except LabformError as error:
            found.wrong("requirement", f"{name}:{number}: {brief(str(error))}")


def encoding_of(data: bytes) -> tuple[bytes, str]:
    """The mark that a file begins with, which is no part of its text, and the encoding of the rest."""
    return next((one for one in _ENCODINGS if data.startswith(one[0])), (b"", "utf-8"))


def _decoded(data: bytes) -> str:
    mark, encoding = encoding_of(data)
    return data[len(mark) :].decode(encoding, errors="replace")


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those they go on in, numbered by the first, without comments; empty ones are left out."""
    parts: list[str] = []
    start = 1
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        start = start if parts else number
        goes_on = line.endswith("\\") and not line.lstrip().startswith("#")
        parts.append(line[:-1] if goes_on else line)
        if not goes_on:
            whole = _COMMENT.sub("", " ".join(parts)).strip()
            parts = []
            if whole:
                yield start, whole
    if rest := _COMMENT.sub("", " ".join(parts)).strip():
        yield start, rest


def _line(
    found: Requirements, folder: Path, file: str, above: tuple[str, ...], number: int, line: str, *, constraint: bool
) -> None:
    place = f"{file}:{number}"
    if variables := _VARIABLE.findall(line):
        hint = "write the address without it, and builder: {engine: buildkit, secrets: {netrc: {from: …}}}"
        found.wrong("variable", f"{place}: asks for the variable {variables[0]} when the image is built", hint)
        return
    head, options = _split(line)
    given = _given(options)
    asked = [*filter(None, [head]), *given.editable]
    included = [*given.requirement, *given.constraint]
    if len([*asked, *included]) > 1:
        raise LabformError("asks for two things; write each on a line of its own")
    if asked and given.config_settings:
        raise LabformError("--config-settings is not followed; leave it out")
    target = found.constraints if constraint else found.asked
    if included:
        inner = _included(folder, file, included[0])
        if inner is None:
            found.wrong("path-escapes", f"{place}: includes a file outside of {folder.name}/")
            return
        _read(found, folder, inner, (*above, file), constraint=constraint or bool(given.constraint))
    elif asked:
        target.append(_asked(found, file, number, asked[0], bool(given.editable), tuple(given.hash)))
    else:
        _settings(found, place, given)


def _split(line: str) -> tuple[str, list[str]]:
    """A line's requirement and, from the first word that begins with a dash on, its options."""
    match = re.search(r"(?:^|\s)-", line)
    if match is None:
        return line, []
    try:
        return line[: match.start()].strip(), shlex.split(line[match.start() :])
    except ValueError as error:
        raise LabformError(f"its quotes do not match: {error}") from None


def _given(options: list[str]) -> argparse.Namespace:
    given, unknown = _PARSER.parse_known_args(options)
    if unknown:
        raise LabformError(f"unknown option {unknown[0].partition('=')[0]}")
    return given


def _included(folder: Path, by: str, name: str) -> str | None:
    """An included file as a name below the project's folder; None for one that is outside."""
    inner = (folder / by).parent.joinpath(name).resolve()
    root = folder.resolve()
    return inner.relative_to(root).as_posix() if inner.is_relative_to(root) else None


def _settings(found: Requirements, place: str, given: argparse.Namespace) -> None:
    for option, value in (("--index-url", given.index), ("--extra-index-url", given.extra_index)):
        if value:
            found.addresses.append((place, value))
            found.options.append(f"{option} {value}")
    if given.links and "://" in given.links:
        found.addresses.append((place, given.links))
        found.options.append(f"--find-links {given.links}")
    elif given.links:
        found.links.append(posixpath.normpath(given.links))
    for name in ("no_binary", "only_binary"):
        if value := getattr(given, name):
            found.options.append(f"--{name.replace('_', '-')} {value}")
    for name in ("prefer_binary", "use_feature", "config_settings"):
        if getattr(given, name):
            raise LabformError(f"--{name.replace('_', '-')} is not followed; leave it out")
    found.words += ["--prerelease=allow"] if given.pre else []
    found.words += [f"--allow-insecure-host={shlex.quote(given.trusted_host)}"] if given.trusted_host else []
    # pip takes the best version that any index has; uv would take the first index that knows the name.
    found.words += ["--index-strategy=unsafe-best-match"] if given.extra_index else []
    flags = ("no_index", "require_hashes")
    found.options += [f"--{name.replace('_', '-')}" for name in flags if getattr(given, name)]


def _asked(found: Requirements, file: str, line: int, text: str, editable: bool, hashes: tuple[str, ...]) -> Asked:
    bare = text.strip()
    if editable and re.match(r"(?:git|hg|svn|bzr)\+", bare):
        raise LabformError("uv installs no repository as editable; leave out -e")
    if _is_path(bare):
        path = posixpath.normpath(bare.removeprefix("file:")) if bare.startswith("file:.") else bare
        return Asked(file, line, path, local=True, editable=editable, fixed=True, hashes=hashes)
    if re.match(r"(?:git|hg|svn|bzr)\+|https?://|file:", bare) and " @ " not in bare:
        found.addresses.append((f"{file}:{line}", bare))
        egg = re.search(r"#(?:.*&)?egg=([A-Za-z0-9._-]+)", bare)
        name = canonicalize_name(egg[1]) if egg else ""
        fixed = bool(_COMMIT.search(bare) or hashes)
        return Asked(file, line, bare, name, editable=editable, fixed=fixed, hashes=hashes)
    try:
        one = Requirement(bare)
    except InvalidRequirement:
        raise LabformError(f'"{brief(bare)}" is no requirement; write name==version') from None
    if one.url:
        found.addresses.append((f"{file}:{line}", one.url))
    exact = [spec for spec in one.specifier if spec.operator in ("==", "===") and not spec.version.endswith(".*")]
    pin = exact[0].version if exact and not one.url else ""
    fixed = bool(pin or hashes or (one.url and (_COMMIT.search(one.url) or "#sha256=" in one.url)))
    return Asked(file, line, str(one), canonicalize_name(one.name), pin, fixed=fixed, hashes=tuple(sorted(hashes)))


def _is_path(text: str) -> bool:
    if "://" in text or " @ " in text or re.match(r"(?:git|hg|svn|bzr)\+", text):
        return False
    match = _EXTRAS.match(text)
    path = match["path"] if match else text
    return path.startswith((".", "/", "file:.")) or "/" in path or bool(_ARCHIVE.search(path))


def extras_of(path: str) -> tuple[str, str]:
    """A local package's path and the extras that are asked of it: `./lib[fast]`."""
    match = _EXTRAS.match(path)
    return (match["path"].strip(), match["extras"] or "") if match else (path, "")


def pins(requirements: Requirements) -> Mapping[str, str]:
    """The exact versions that constraints give."""
    return {one.name: one.pin for one in requirements.constraints if one.pin and ";" not in one.text}
