"""Runs inside a build, with py-rattler: puts conda packages into /opt/env. It is copied there; nothing imports it.

install_conda.py explicit FILE          the packages of an @EXPLICIT list, each by its hash
install_conda.py solve FILE             what a JSON file's `channels` and `specs` give today
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urldefrag

import rattler

PREFIX = "/opt/env"


def explicit(path: str) -> list[rattler.RepoDataRecord]:
    """The packages of a list: a URL and `#` and a hash on each line."""
    lines = Path(path).read_text(encoding="utf-8").split()
    return [_record(*urldefrag(line)) for line in lines if "://" in line]


def _record(url: str, digest: str) -> rattler.RepoDataRecord:
    directory, _, file_name = url.rpartition("/")
    channel, _, subdir = directory.rpartition("/")
    name, version, build = file_name.removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    kind, _, value = digest.rpartition(":")
    hashes = {"sha256" if kind == "sha256" or len(value) == 64 else "md5": bytes.fromhex(value)}
    package = rattler.PackageRecord(name, version, rattler.BuildString(build), 0, subdir, **hashes)
    return rattler.RepoDataRecord(package, file_name, url, channel)


def solve(path: str) -> list[rattler.RepoDataRecord]:
    """The packages that satisfy a file's specs."""
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    machine = rattler.VirtualPackage.detect()
    found = rattler.solve(
        wanted["channels"],
        wanted["specs"],
        gateway=rattler.Gateway(client=client()),
        platforms=["linux-64", "noarch"],
        virtual_packages=machine,
    )
    return list(asyncio.run(found))


def client() -> rattler.Client:
    """What speaks to channels: the library uses no logins, such as those that NETRC names, without being told to."""
    return rattler.Client.default_client()


def main() -> None:
    """Install what the arguments name; a failure is one line."""
    how, path = sys.argv[1:]
    records = explicit(path) if how == "explicit" else solve(path)
    cache = Path("/root/.cache/rattler")
    asyncio.run(rattler.install(records, PREFIX, cache_dir=cache, show_progress=False, client=client()))
    for one in sorted(record.url for record in records):
        print(one)


try:
    main()
    code = 0
except Exception as error:  # noqa: BLE001  what a build prints is read by people
    print(f"conda packages: {error}", file=sys.stderr)
    code = 1
sys.stdout.flush()
sys.stderr.flush()
# The library's threads outlive its work; Python, which waits for none of them, would abort now and then.
os._exit(code)
