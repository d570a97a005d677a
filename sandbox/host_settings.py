"""How this machine reaches package registries, as files and variables for an image. Read at run time only.

Covers pip, uv, apt, proxies and the CA bundle. Folders of the host (pip's find-links) are left out:
an image has none of them.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .commands import run
from .errors import SandboxError

if TYPE_CHECKING:
    from .debian import Repository

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
LOCAL_CAS = Path("/usr/local/share/ca-certificates")

PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "find-links", "default-timeout", "timeout", "retries")
UV_NAMES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT")
PROXY_NAMES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CA_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class HostSettings:
    """Files (absolute path to content) and variables that an image gets."""

    files: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def read(repositories: list[Repository]) -> HostSettings:
    """The settings of this host, now."""
    pip = _pip()
    files = {"/etc/apt/sources.list": _apt_sources(repositories), **_apt_settings()}
    files |= {"/etc/pip.conf": _pip_file(pip), **_uv_file(), **_certificates(pip)}
    environment = {name: os.environ[name] for name in (*UV_NAMES, *PROXY_NAMES) if os.environ.get(name)}
    if index := pip.get("index-url"):
        environment.setdefault("UV_DEFAULT_INDEX", index)
        environment.setdefault("UV_INDEX_URL", index)
    trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), CA_BUNDLE)
    return HostSettings({path: text for path, text in files.items() if text}, {**environment, **trust})


def fingerprint() -> str:
    """Changes when the settings may have: for a quick look on every start, without asking pip or apt."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    folders = [config / "pip", config / "uv", Path("/etc/uv"), Path("/etc/apt/sources.list.d"), LOCAL_CAS]
    files = [Path.home() / ".pip/pip.conf", Path("/etc/pip.conf"), Path("/etc/apt/sources.list"), Path(CA_BUNDLE)]
    files += [path for folder in folders for path in sorted(folder.glob("**/*"))]
    pip_names = [f"PIP_{key.replace('-', '_').upper()}" for key in (*PIP_KEYS, "cert")]
    variables = [(name, os.environ.get(name)) for name in (*pip_names, *UV_NAMES, *PROXY_NAMES, *CA_NAMES)]
    digest = hashlib.sha256(repr(variables).encode())
    for path in files:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _pip() -> dict[str, str]:
    """`pip config list`, later sources over earlier ones: files, then PIP_* variables."""
    pip = [sys.executable, "-m", "pip"]
    try:
        listing = run([*pip, "config", "list"], doing="pip config list")
    except SandboxError:
        if not (other := shutil.which("pip3") or shutil.which("pip")):
            return {}
        listing = run([other, "config", "list"], doing="pip config list")
    rows = [line.partition("=") for line in listing.splitlines() if "=" in line]
    ordered = sorted(rows, key=lambda row: row[0].startswith(":env:"))
    return {name.rpartition(".")[2]: str(ast.literal_eval(value)) for name, _, value in ordered}


def _pip_file(pip: dict[str, str]) -> bytes:
    kept = {key: pip[key] for key in PIP_KEYS if key in pip}
    links = [word for word in kept.pop("find-links", "").split() if "://" in word and not word.startswith("file:")]
    if links:
        kept["find-links"] = " ".join(links)
    lines = [f"{key} = {' '.join(value.split())}" for key, value in kept.items()]
    lines += [f"cert = {CA_BUNDLE}", "disable-pip-version-check = true"]
    return "\n".join(["[global]", *lines, ""]).encode()


def _uv_file() -> dict[str, bytes]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (os.environ.get("UV_CONFIG_FILE"), home / "uv/uv.toml", "/etc/uv/uv.toml"):
        if path and Path(path).is_file():
            return {"/etc/uv/uv.toml": Path(path).read_bytes()}
    return {}


def _certificates(pip: dict[str, str]) -> dict[str, bytes]:
    """The host's bundle in the image's usual place; its own CAs too, for `update-ca-certificates`."""
    named = [os.environ.get(name) for name in CA_NAMES]
    bundle = next((Path(path) for path in [*named, pip.get("cert"), CA_BUNDLE] if path and Path(path).is_file()), None)
    files = {str(path): path.read_bytes() for path in sorted(LOCAL_CAS.glob("**/*.crt"))}
    return {**files, CA_BUNDLE: bundle.read_bytes()} if bundle else files


def _apt_sources(repositories: list[Repository]) -> bytes:
    lines = [f"deb {entry.address} {entry.suite} {entry.component}" for entry in repositories]
    return "\n".join([*lines, ""]).encode()


def _apt_settings() -> dict[str, bytes]:
    listing = run(["apt-config", "dump", "Acquire"], doing="read apt's settings")
    wanted = ("Acquire::http::", "Acquire::https::")
    lines = [line for line in listing.splitlines() if line.startswith(wanted)]
    return {"/etc/apt/apt.conf.d/90labform": "\n".join([*lines, ""]).encode()} if lines else {}
