"""An image as a registry keeps it: layers, configuration and manifest, with no clock in any of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import SandboxError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import requests

    from .registry import Registry

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CREATED = "2023-11-14T22:13:20Z"


@dataclass(frozen=True)
class Layer:
    """A compressed layer on disk; `diff_id` is the digest of its uncompressed tar."""

    blob: Path
    digest: str
    diff_id: str
    labels: Mapping[str, str]

    @classmethod
    def read(cls, directory: Path) -> Layer:
        """The layer that `pack` wrote there."""
        facts = json.loads((directory / "layer.json").read_text())
        return cls(directory / "layer.tar.gz", facts["digest"], facts["diff_id"], facts["labels"])


def pack(tar: subprocess.Popen[bytes], directory: Path, *, labels: Mapping[str, str]) -> None:
    """Compress what `tar` prints into a layer in `directory`, and note its digests."""
    plain, blob = hashlib.sha256(), directory / "layer.tar.gz"
    assert tar.stdout is not None
    with tar, blob.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as compressed:
        while chunk := tar.stdout.read(1 << 20):
            plain.update(chunk)
            compressed.write(chunk)
    if tar.returncode:
        raise SandboxError("tar failed while packing the base image: is the disk full?")
    with blob.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
    facts = {"digest": f"sha256:{digest}", "diff_id": f"sha256:{plain.hexdigest()}", "labels": dict(labels)}
    (directory / "layer.json").write_text(json.dumps(facts))


def layer_of_files(files: Mapping[str, bytes], directory: Path) -> Layer:
    """A layer that only lays down these files, owned by root and readable by all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 1700000000
            tar.addfile(entry, io.BytesIO(content))
    blob = directory / "settings.tar.gz"
    blob.write_bytes(gzip.compress(buffer.getvalue(), 6, mtime=0))
    return Layer(blob, _digest(blob.read_bytes()), _digest(buffer.getvalue()), {})


def push(registry: Registry, repository: str, tag: str, layers: Iterable[Layer], config: Mapping[str, Any]) -> str:
    """Push an image made of these layers and return its digest; what is there already is not sent."""
    layers = list(layers)
    body = _image_config(layers, config)
    with registry.session as session:
        for layer in layers:
            with layer.blob.open("rb") as content:
                _push_blob(session, registry, repository, layer.digest, content)
        _push_blob(session, registry, repository, _digest(body), io.BytesIO(body))
        manifest = _manifest(layers, body)
        target = registry.url(f"{repository}/manifests/{tag}")
        _checked(session.put(target, data=manifest, headers={"Content-Type": MANIFEST}, timeout=60))
    return _digest(manifest)


def _push_blob(session: requests.Session, registry: Registry, repository: str, digest: str, content: BinaryIO) -> None:
    if session.head(registry.url(f"{repository}/blobs/{digest}"), timeout=30).ok:
        return
    begun = _checked(session.post(registry.url(f"{repository}/blobs/uploads/"), timeout=30))
    place = begun.headers["Location"]
    headers = {"Content-Type": "application/octet-stream"}
    _checked(session.put(place, params={"digest": digest}, data=content, headers=headers, timeout=600))


def _image_config(layers: list[Layer], config: Mapping[str, Any]) -> bytes:
    image = {
        "architecture": config["architecture"],
        "os": "linux",
        "created": CREATED,
        "config": {"Env": config["env"], "Cmd": config["command"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": "labform sandbox"} for _ in layers],
    }
    return json.dumps(image, sort_keys=True).encode()


def _manifest(layers: list[Layer], config: bytes) -> bytes:
    blobs = [{"mediaType": LAYER, "size": layer.blob.stat().st_size, "digest": layer.digest} for layer in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": blobs,
    }
    return json.dumps(manifest, indent=3).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _checked(response: requests.Response) -> requests.Response:
    if not response.ok:
        raise SandboxError(f"the registry refused {response.request.method}: {response.status_code} {response.text}")
    return response
