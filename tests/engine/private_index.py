"""A package index on a port of this machine that wants a login, and remembers what it was asked for."""

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.environments import conda_channel
from tests.environments.wheels import write_wheel

USER, PASSWORD = "builder", "CANARY-7d1f0c"


@dataclass
class PrivateIndex:
    """An index at `address`/simple/ and a channel at `address`/conda."""

    address: str
    served: list[str] = field(default_factory=list)
    """The paths that were given."""

    @property
    def netrc(self) -> str:
        """Its login as a line of ~/.netrc."""
        return f"machine 127.0.0.1 login {USER} password {PASSWORD}"


@contextmanager
def private_index(folder: Path, *wheels: str) -> Iterator[PrivateIndex]:
    """Serve these wheels, `name version` each, and a conda channel, until the end of the block."""
    for wheel in wheels:
        path = write_wheel(folder / "simple" / wheel.split()[0], wheel)
        (path.parent / "index.html").write_text(f'<a href="{path.name}">{path.name}</a>')
    conda_channel.write(folder / "conda")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    server.index = PrivateIndex(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.index  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files for who has the login."""

    def do_HEAD(self) -> None:
        """Say what there is, or ask for the login."""
        if self._allowed():
            super().do_HEAD()

    def do_GET(self) -> None:
        """Give the file, or ask for the login."""
        if self._allowed():
            self.server.index.served.append(self.path)  # type: ignore[attr-defined]
            super().do_GET()

    def _allowed(self) -> bool:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
