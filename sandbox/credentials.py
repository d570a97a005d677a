"""The registry's one account: a random password, its bcrypt hash, and a docker config that knows it."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import json
import os
import secrets
import string
from typing import TYPE_CHECKING

from .errors import SandboxError

if TYPE_CHECKING:
    from pathlib import Path

USERNAME = "labform"


def password_at(path: Path) -> str:
    """The password kept in this file, made on first use; nobody else can read the file."""
    if path.exists():
        return path.read_text().strip()
    password = secrets.token_urlsafe(24)
    write_private(path, password + "\n")
    return password


def htpasswd(password: str) -> str:
    """A line as the registry wants it: bcrypt, marked `2y`, from the system's crypt library."""
    alphabet = "./" + string.ascii_letters + string.digits
    # The 22nd character holds two bits only; one of these four is valid everywhere.
    salt = "".join(secrets.choice(alphabet) for _ in range(21)) + secrets.choice(".Oeu")
    name = ctypes.util.find_library("crypt")
    if name is None:
        raise SandboxError("the registry's password needs the system's libcrypt: install libcrypt1")
    library = ctypes.CDLL(name)
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), f"$2y$05${salt}".encode())
    if not hashed or not hashed.startswith(b"$2y$"):
        raise SandboxError("the system's libcrypt has no bcrypt, which the registry's password needs")
    return f"{USERNAME}:{hashed.decode()}\n"


def docker_config(address: str, password: str) -> str:
    """The text that `docker login` would write for this registry."""
    token = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    return json.dumps({"auths": {address: {"auth": token}}}, indent=2)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whatever the umask is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
