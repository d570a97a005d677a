"""The digest of a build context: names, modes and contents of what is sent to the builder."""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

_LETTERS = {"l": "L", "b": "D", "c": "Dc", "p": "p", "s": "S"}
"""Types of files as Go's `fs.FileMode` writes them, by the letters of `ls`."""

_SPECIAL = ((stat.S_ISUID, "u"), (stat.S_ISGID, "g"), (stat.S_ISVTX, "t"))
"""Mode bits that Go writes in front."""

Rule = tuple[re.Pattern[str], bool]
"""A line of an ignore file, and whether it takes files back in."""


def context_digest(context: str, dockerfile: str) -> str:
    """Return the digest that decides whether an image is built again.

    A dangling link hides the rest of its folder, as it does in the official plugin.
    """
    digest = hashlib.sha256(_entry("Dockerfile", "-" * 10, Path(dockerfile).read_bytes()))
    _add_folder(digest, Path(context), "", ignore_rules(context, dockerfile))
    return digest.hexdigest()


def ignore_rules(context: str, dockerfile: str) -> list[Rule]:
    """Read `DOCKERFILE.dockerignore`, else the context's `.dockerignore`, if there is one."""
    for path in (Path(f"{dockerfile}.dockerignore"), Path(context, ".dockerignore")):
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            return [_rule(line.strip()) for line in lines if line.strip() and line[0] != "#"]
    return []


def is_ignored(name: str, rules: list[Rule]) -> bool:
    """Tell whether a file is left out: the last rule that matches it or a folder above decides."""
    parts = name.split("/")
    paths = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for pattern, back_in in rules:
        if any(pattern.fullmatch(path) for path in paths):
            ignored = not back_in
    return ignored


def _rule(line: str) -> Rule:
    """Translate one pattern: `**` is any number of folders, `*` and `?` stay inside one.

    The rest of a pattern with a wildcard is a regular expression, which nobody asked for.
    """
    back_in = line.startswith("!")
    pattern = os.path.normpath(line.removeprefix("!").strip()).lstrip("/")
    if not re.search(r"[*?\[\]\\]", pattern):
        return re.compile(re.escape(pattern)), back_in
    wild = {"*": "[^/]*", "?": "[^/]", ".": r"\.", "$": r"\$", "[": r"["}
    pieces = re.findall(r"\*\*/?|\\.|.", pattern, re.DOTALL)
    text = "".join("(?:.*/)?" if p[:2] == "**" else wild.get(p, p) for p in pieces)
    if pieces[-1][:2] == "**":
        text = text.removesuffix("(?:.*/)?") + ".*"
    return re.compile(text, re.DOTALL), back_in


def _add_folder(digest: Any, folder: Path, below: str, rules: list[Rule]) -> None:
    """Add all files below a folder, in the order of their names."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        name = below + path.name
        if path.is_dir() and not path.is_symlink():
            _add_folder(digest, path, f"{name}/", rules)
        elif not is_ignored(name, rules):
            try:
                digest.update(_entry(name, _mode(path.lstat().st_mode), _content(path)))
            except (FileNotFoundError, NotADirectoryError):
                return


def _entry(name: str, mode: str, content: bytes) -> bytes:
    """Return what one file adds to the digest."""
    return name.encode() + mode.encode() + hashlib.sha256(content).digest() + b"\0"


def _content(path: Path) -> bytes:
    """Return the bytes of a file; of a link where it leads, of anything else nothing."""
    if path.is_symlink():
        return _link_target(path).encode()
    return path.read_bytes() if path.is_file() else b""


def _link_target(path: Path, left: int = 255) -> str:
    """Resolve a link and keep the path relative, as Go's `filepath.EvalSymlinks` does."""
    if not left:
        raise OSError(errno.ELOOP, "too many links", str(path))
    for head in reversed([path, *path.parents]):
        if head.is_symlink():
            leads_to = head.parent / head.readlink() / path.relative_to(head)
            return _link_target(leads_to, left - 1)
    path.stat()
    return os.path.normpath(path)


def _mode(mode: int) -> str:
    """Write a file mode as Go does: `-rw-r--r--`, `Lrwxrwxrwx`."""
    text = stat.filemode(mode & ~0o7000)
    front = _LETTERS.get(text[0], "") + "".join(letter for bit, letter in _SPECIAL if mode & bit)
    return (front or "-") + text[1:]
