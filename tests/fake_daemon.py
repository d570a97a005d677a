"""A Docker daemon that only says it is there: enough for what a program asks before it registers anything."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

_VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64"}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    headers_of_podman: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        """Answer every question with the daemon's version."""
        body = json.dumps(_VERSION).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in self.headers_of_podman.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        """A unix socket has no address."""
        return "unix"


class _Podman(_Answer):
    headers_of_podman: ClassVar[dict[str, str]] = {"Libpod-API-Version": "4.3.1", "Server": "Libpod/4.3.1 (linux)"}


class _Breaking(_Answer):
    def do_GET(self) -> None:
        """Say the version, and end the connection for every other question."""
        if self.path.endswith("/version"):
            super().do_GET()
        self.close_connection = True


class _Hanging(_Answer):
    def do_GET(self) -> None:
        """Say the version, and let every other question wait until the asker goes."""
        if self.path.endswith("/version"):
            super().do_GET()
        else:
            self.rfile.read(1)


_KINDS = {"docker": _Answer, "podman": _Podman, "breaking": _Breaking, "hanging": _Hanging}


@contextmanager
def fake_daemon(folder: Path, kind: str = "docker") -> Iterator[str]:
    """The address of a daemon that answers while the block runs: Docker, Podman, or one that only says its version."""
    path = folder / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), _KINDS[kind]) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()
