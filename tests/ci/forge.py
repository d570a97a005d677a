"""A stand-in for what comments need of a forge: it lists, posts and changes them as GitHub and GitLab document."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Forge:
    """A running one: its comments, and every request that it got."""

    address: str = ""
    author: str = "github-actions[bot]"
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    fail: int = 0

    def add(self, login: str, body: str) -> None:
        """A comment of somebody."""
        known = {"login": login, "username": login}
        self.comments.append({"id": len(self.comments) + 1, "user": known, "author": known, "body": body})


@contextmanager
def serving() -> Iterator[Forge]:
    """Serve one on this machine."""
    forge = Forge()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(forge))
    forge.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for the forge."""

        def _answer(self, code: int, data: Any) -> None:
            body = json.dumps(data).encode()
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://127.0.0.1:1/stolen")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _given(self) -> dict[str, Any]:
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            forge.requests.append((self.command, self.path, token))
            return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

        def do_GET(self) -> None:
            self._given()
            page = int(self.path.rpartition("page=")[2])
            self._answer(forge.fail or 200, forge.comments[(page - 1) * 100 : page * 100])

        def do_POST(self) -> None:
            forge.add(forge.author, self._given()["body"])
            self._answer(201, forge.comments[-1])

        def do_PATCH(self) -> None:
            number = int(self.path.rpartition("/")[2])
            forge.comments[number - 1]["body"] = self._given()["body"]
            self._answer(200, forge.comments[number - 1])

        do_PUT = do_PATCH  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
