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
    """An index at `address`/simple/ and a channel at `address`/conda; `served` are the paths that were given to who had the login, `refused` how many had none."""

    address: str
    served: list[str] = field(default_factory=list)
    refused: int = 0

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

    def do_HEAD(self) -> None:  # noqa: N802  the protocol's name
        """Answer as to GET; a client that asks this way reads no more."""
        self.do_GET()

    def do_GET(self) -> None:
        """Give the file, or ask for the login."""
        index = self.server.index  # type: ignore[attr-defined]
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            index.refused += 1
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        index.served.append(self.path)
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
