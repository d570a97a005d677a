"""A conda channel of a few bytes, the same bytes every time: packages that only hold a script or need each other."""

import bz2
import hashlib
import io
import json
import tarfile
from pathlib import Path

PLACE = "/srv/channel"
"""Where the cases' base image has it."""
PYTHON = ("python", "3.11.2", ())
"""The base's own Python as a package: a virtual environment, so that pip's packages go beside those of conda."""
VENV = {"pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n"}
PYTHON_LINKS = {"bin/python": "/usr/bin/python3", "bin/python3": "python"}
PACKAGES = (("hello", "1.0", ()), ("hello", "2.0", ()), ("greeter", "1.0", ("hello >=1.0",)), PYTHON)
"""Name, version and what each depends on."""


def package(name: str, version: str, depends: tuple[str, ...]) -> bytes:
    """A `.tar.bz2` package; its one program prints its name and version, if it is not Python."""
    own = {f"bin/{name}": f"#!/bin/sh\necho {name} {version}\n"}
    own, links = (VENV, PYTHON_LINKS) if name == PYTHON[0] else (own, {})
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": list(depends)}
    index |= {"arch": None, "platform": None, "noarch": "generic", "subdir": "noarch", "timestamp": 1_700_000_000_000}
    paths = [_path(path, text, "hardlink") for path, text in own.items()]
    paths += [_path(path, "", "softlink") for path in links]
    texts = {
        "info/index.json": json.dumps(index),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
        "info/files": "".join(f"{path}\n" for path in (*own, *links)),
        **own,
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, text in texts.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text), 0o755 if path.startswith("bin") else 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
        for path, target in links.items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return bz2.compress(plain.getvalue())


def _path(path: str, text: str, kind: str) -> dict[str, object]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"_path": path, "path_type": kind, "sha256": digest, "size_in_bytes": len(text)}


def write(folder: Path) -> Path:
    """The channel in a folder."""
    records = {}
    for name, version, depends in PACKAGES:
        content, file = package(name, version, depends), f"{name}-{version}-0.tar.bz2"
        (folder / "noarch").mkdir(parents=True, exist_ok=True)
        (folder / "noarch" / file).write_bytes(content)
        records[file] = {
            "name": name, "version": version, "build": "0", "build_number": 0, "depends": list(depends),
            "noarch": "generic", "subdir": "noarch", "size": len(content), "timestamp": 1_700_000_000_000,
            "sha256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content).hexdigest(),
        }  # fmt: skip
    for subdir, packages in (("noarch", records), ("linux-64", {})):
        (folder / subdir).mkdir(exist_ok=True)
        data = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
        (folder / subdir / "repodata.json").write_text(json.dumps(data))
    return folder
