"""The files of a folder that Docker would send to a builder: all of them, less what `.dockerignore` says.

The rules are those of Docker's own reader (the Go module github.com/moby/patternmatcher and its ignorefile package):
`*`, `?`, `**`, `[a-z]`, `!` for an exception, the last line that fits decides. Left out, as git leaves them out: empty
folders, which no clone has.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labform.declaration import size_text
from labform.environments.recipe import ContextFile, RecipeError, Site, context_file, secrets
from labform.problems import Problem


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file: a pattern, and whether it brings back what earlier lines took out."""

    pattern: str
    exception: bool
    regex: re.Pattern[str]

    def fits(self, name: str) -> bool:
        """Whether the pattern names this path or one of the folders it is in."""
        parts = name.split("/")
        return any(self.regex.fullmatch("/".join(parts[:end])) for end in range(1, len(parts) + 1))


def rules(text: str, name: str) -> tuple[Rule, ...]:
    """The rules of an ignore file; RecipeError names each line that is none."""
    found: list[Rule] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.startswith("#") or not line.strip():
            continue
        exception = line.strip().startswith("!")
        bare = line.strip().removeprefix("!").strip()
        pattern = posixpath.normpath(bare).replace("//", "/") if bare else ""
        pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        try:
            found.append(Rule(pattern, exception, _compiled(pattern)))
        except (re.error, ValueError):
            message = f'{name}:{number}: "{line.strip()}" is not a pattern'
            hint = r"write \[ for a bracket" if "[" in line else "write a path"
            problems.append(Problem(("directory",), "dockerignore", message, hint))
    if problems:
        raise RecipeError(problems)
    return tuple(found)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as the regular expression that Docker makes of it; ValueError or re.error if it is none."""
    if not pattern:
        raise ValueError("an exception without a pattern")
    parts = re.finditer(r"(\*\*/?)|(\*)|(\?)|(\\.)|(\[[^\]]*\])|(.)", pattern, re.DOTALL)
    return re.compile("".join(_piece(part, last=part.end() == len(pattern)) for part in parts), re.DOTALL)


def _piece(part: re.Match[str], *, last: bool) -> str:
    deep, star, one, escaped, class_, plain = part.groups()
    if deep:
        return ".*" if last else "(?:.*/)?"
    if star or one:
        return "[^/]*" if star else "[^/]"
    if escaped:
        return re.escape(escaped[1])
    if class_:
        if class_ in {"[]", "[^]"}:
            raise ValueError("an empty class")
        return class_.replace("[[", r"[\[")
    if plain in "[\\":
        raise ValueError("an open class or a lone backslash")
    return re.escape(plain)


def ignored(name: str, ignore: Iterable[Rule]) -> bool:
    """Whether a path is left out of the context: the last rule that fits it, or a folder it is in, decides."""
    out = False
    for rule in ignore:
        if rule.exception == out and rule.fits(name):
            out = not rule.exception
    return out


def ignore_file(folder: Path, dockerfile: str) -> str | None:
    """The ignore file that counts: the Dockerfile's own, `<Dockerfile>.dockerignore`, else `.dockerignore`."""
    names = (f"{dockerfile}.dockerignore", ".dockerignore")
    return next((name for name in names if (folder / name).is_file()), None)


def context(folder: Path, dockerfile: str, limit: int, site: Site) -> tuple[ContextFile, ...]:
    """The folder's files as Docker would send them, the Dockerfile aside.

    RecipeError where they are more than `limit` bytes, hold keys or lead out of the lab's folder.
    """
    ignore = ignore_file(folder, dockerfile)
    text = _ignore_text(folder, ignore, site) if ignore else ""
    kept = sorted(name for name in _walked(folder, "", rules(text, ignore or "")) if name != dockerfile)
    problems = [*_leaks(folder, kept, site), *_too_large(folder, kept, limit)]
    if problems:
        raise RecipeError(problems)
    # The builder applies the rules once more: they may leave out the Dockerfile and the ignore file themselves.
    return tuple(context_file(folder / name, name) for name in sorted({*kept, *([ignore] if ignore else [])}))


def _ignore_text(folder: Path, name: str, site: Site) -> str:
    if not (folder / name).resolve().is_relative_to(site.root.resolve()):
        raise RecipeError(
            [Problem(("directory",), "path-escapes", f'link "{name}" points outside of the lab\'s folder')]
        )
    return (folder / name).read_text(encoding="utf-8")


def _walked(folder: Path, prefix: str, ignore: Sequence[Rule]) -> Iterator[str]:
    """The files and links below a folder that are not ignored; folders that are, and hold no exception, stay shut."""
    for entry in os.scandir(folder / prefix):
        name = f"{prefix}{entry.name}"
        out = ignored(name, ignore)
        if entry.is_dir(follow_symlinks=False):
            if not out or any(rule.exception for rule in ignore):
                yield from _walked(folder, f"{name}/", ignore)
        elif not out and (entry.is_symlink() or entry.is_file()):
            yield name


def _leaks(folder: Path, names: list[str], site: Site) -> Iterator[Problem]:
    for name in secrets(names):
        yield Problem(
            ("directory",), "secret-in-context", f"{name} would be sent to the builder", f"add {name} to .dockerignore"
        )
    for name in names:
        path = folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(site.root.resolve()):
            yield Problem(("directory",), "path-escapes", f'link "{name}" points outside of the lab\'s folder')


def _too_large(folder: Path, names: list[str], limit: int) -> Iterator[Problem]:
    sizes = {name: (folder / name).lstat().st_size for name in names}
    total = sum(sizes.values())
    if total > limit:
        largest = max(sizes, key=sizes.__getitem__)
        message = f"the build context has {total / 1024**2:.0f} MiB, limit {size_text(limit)}; largest: {largest}"
        yield Problem(("directory",), "context-too-large", message, "add it to .dockerignore or raise context_limit")
