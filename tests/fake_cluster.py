"""An API server that holds a few objects in memory: enough for what labform asks a cluster by itself."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PATH = re.compile(r"/(?:api/v1|apis/[^/]+/v1)(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+))?")
Key = tuple[str, str, str]


class FakeCluster:
    """Objects by plural, namespace and name; one with finalizers is not deleted, only marked."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.objects: dict[Key, dict[str, Any]] = {}
        self.closed: set[tuple[str, str]] = set()
        """Plurals and namespaces that may not be listed; `""` is all namespaces at once."""
        self.broken = False

    def add(self, plural: str, place: str, labels: dict[str, str] | None = None, **body: Any) -> None:
        """Put an object at `namespace/name`, or at a name."""
        namespace, _, name = place.rpartition("/")
        metadata = {"name": name, "labels": labels or {}, **body.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        self.objects[plural, namespace, name] = {"metadata": metadata, **body}

    def answer(self, method: str, address: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a request."""
        if self.broken:
            return 500, {"kind": "Status", "message": "broken"}
        url = urlsplit(address)
        found = _PATH.fullmatch(url.path)
        assert found, address
        namespace, plural, name = (part or "" for part in found.groups())
        if not name and (plural, namespace) in self.closed:
            return 403, {"kind": "Status", "reason": "Forbidden", "message": f"{plural} is forbidden"}
        if not name:
            selectors = {key: values[0].split(",") for key, values in parse_qs(url.query).items()}
            return 200, {
                "items": [one for key, one in self.objects.items() if _chosen(key, one, plural, namespace, selectors)]
            }
        key = (plural, namespace, name)
        if key not in self.objects:
            return 404, {"kind": "Status", "reason": "NotFound"}
        if method == "DELETE":
            self._delete(key)
            return 200, {}
        return 200, self.objects[key]

    def _delete(self, key: Key) -> None:
        metadata = self.objects[key]["metadata"]
        if metadata.get("finalizers"):
            metadata["deletionTimestamp"] = "2027-01-01T00:00:00Z"
        else:
            del self.objects[key]


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A Secret in the table of an API server: name, type, how many keys, age."""
    cells = [one["metadata"]["name"], one.get("type", "Opaque"), len(one.get("data", {})), "1s"]
    return {"cells": cells, "object": {"metadata": one["metadata"]}}


def _chosen(key: Key, one: dict[str, Any], plural: str, namespace: str, selectors: dict[str, list[str]]) -> bool:
    fields = {f"involvedObject.{name}": value for name, value in one.get("involvedObject", {}).items()}
    fields["metadata.name"] = one["metadata"]["name"]
    here = key[0] == plural and namespace in ("", key[1])
    return here and all(
        _holds(selector, facts)
        for kind, facts in (("labelSelector", one["metadata"]["labels"]), ("fieldSelector", fields))
        for selector in selectors.get(kind, [])
    )


def _holds(selector: str, facts: dict[str, str]) -> bool:
    name, equals, value = selector.partition("=")
    return facts.get(name) == value if equals else name in facts


@contextmanager
def fake_cluster(folder: Path) -> Iterator[FakeCluster]:
    """A cluster that answers while the block runs, with the kubeconfig that leads to it."""
    cluster = FakeCluster(folder / "kubeconfig")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, found = cluster.answer(self.command, self.path)
            if "as=Table" in self.headers.get("Accept", "") and "items" in found:
                found = {"rows": [_row(one) for one in found["items"]]}
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET  # noqa: N815  the base class calls it so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster.kubeconfig.write_text(_kubeconfig(server.server_address[1]))
        try:
            yield cluster
        finally:
            server.shutdown()


def _kubeconfig(port: int) -> str:
    parts = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "lab",
    }
    return json.dumps(parts)
