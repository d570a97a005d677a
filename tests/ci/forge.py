"""A stand-in for what comments need of a forge: it lists, posts and changes them as GitHub and GitLab document."""

import json
import re
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
    """Method, path and token of each."""
    fail: int = 0

    def add(self, login: str, body: str) -> None:
        """A comment of somebody."""
        known = {"login": login, "username": login}
        self.comments.append({"id": len(self.comments) + 1, "user": known, "author": known, "body": body})

    def answer(self, method: str, path: str, token: str, sent: dict[str, Any]) -> tuple[int, Any]:
        """Status and body for a request; 401 without a token, 404 where neither forge has such an address."""
        self.requests.append((method, path, token))
        if self.fail or not token or not re.fullmatch(_ROUTES[method], path):
            return self.fail or (404 if token else 401), []
        if path == "/user":
            return 200, {"id": 1, "username": self.author}
        if method == "GET":
            page = int(path.rpartition("page=")[2])
            newest_first = path.startswith("/projects/")
            return 200, self.comments[:: -1 if newest_first else 1][(page - 1) * 100 : page * 100]
        if method == "POST":
            self.add(self.author, sent["body"])
            return 201, self.comments[-1]
        changed = self.comments[int(path.rpartition("/")[2]) - 1]
        changed["body"] = sent["body"]
        return 200, changed


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


_GITHUB, _GITLAB = r"/repos/[^/]+/[^/]+/issues", r"/projects/[^/]+/merge_requests/\d+/notes"
_ROUTES = {
    "GET": rf"/user|(?:{_GITHUB}/\d+/comments|{_GITLAB})\?per_page=100&page=\d+",
    "POST": rf"{_GITHUB}/\d+/comments|{_GITLAB}",
    "PATCH": rf"{_GITHUB}/comments/\d+",
    "PUT": rf"{_GITLAB}/\d+",
}
"""GitHub's REST API, "issue comments", and GitLab's, "notes" and "users"."""


def _handler(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for the forge."""

        def do_GET(self) -> None:
            token = self.headers.get("Authorization" if self.path.startswith("/repos/") else "PRIVATE-TOKEN") or ""
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            code, data = forge.answer(self.command, self.path, token, sent)
            body = json.dumps(data).encode()
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://127.0.0.1:1/stolen")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
