"""A repository of Debian packages of a few bytes: two versions of a program that says which it is."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

PLACE = "/srv/apt"
"""Where an image has it."""
SOURCE = f"deb [trusted=yes] file:{PLACE} ./"
"""The line for apt's sources."""


def package(name: str, version: str) -> bytes:
    """A binary package (deb(5)) whose one program prints its name and version."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a\n"
    program = f"#!/bin/sh\necho {name} {version}\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _tar("./control", control, 0o644),
        "data.tar.gz": _tar(f"./usr/bin/{name}", program, 0o755),
    }
    head = "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n"
    members = (
        head.format(key, 0, 0, 0, 100644, len(one)).encode() + one + b"\n" * (len(one) % 2)
        for key, one in parts.items()
    )
    return b"!<arch>\n" + b"".join(members)


def _tar(name: str, text: str, mode: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text), mode
        archive.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


def files(versions: Sequence[str] = ("1.0", "2.0"), name: str = "labtool", prefix: str = "") -> dict[str, bytes]:
    """A flat repository with these versions of a package, by the names of its files."""
    found, stanzas = {}, []
    for version in versions:
        content, file = package(name, version), f"{name}_{version}_all.deb"
        found[f"{prefix}{file}"] = content
        stanzas.append(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: ./{file}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: a\n"
        )
    return {**found, f"{prefix}Packages": "\n".join(stanzas).encode()}


def write(folder: Path) -> None:
    """The repository in a folder."""
    folder.mkdir(parents=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)
