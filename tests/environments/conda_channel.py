"""A conda channel of a few bytes, the same bytes every time: packages that only hold a script or need each other."""

import bz2
import hashlib
import io
import json
import tarfile
from pathlib import Path

PLACE = "/srv/channel"
"""Where the cases' base image has it."""
PACKAGES = (("hello", "1.0", ()), ("hello", "2.0", ()), ("greeter", "1.0", ("hello >=1.0",)))
"""Name, version and what each depends on."""


def package(name: str, version: str, depends: tuple[str, ...]) -> bytes:
    """A `.tar.bz2` package whose one program prints its name and version."""
    script = f"#!/bin/sh\necho {name} {version}\n".encode()
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": list(depends)}
    index |= {"arch": None, "platform": None, "noarch": "generic", "subdir": "noarch", "timestamp": 1_700_000_000_000}
    digest = hashlib.sha256(script).hexdigest()
    entry = {"_path": f"bin/{name}", "path_type": "hardlink", "sha256": digest, "size_in_bytes": len(script)}
    files = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths": [entry], "paths_version": 1}).encode(),
        "info/files": f"bin/{name}\n".encode(),
        f"bin/{name}": script,
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755 if path.startswith("bin") else 0o644
            archive.addfile(info, io.BytesIO(content))
    return bz2.compress(plain.getvalue())


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
