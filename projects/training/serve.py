"""Answer with what this project has: its devices, its user, what is mounted below /data."""

import http.server
import json
import os
from pathlib import Path


class Answer(http.server.BaseHTTPRequestHandler):
    """GET /health says that the server runs; GET / says what the project has."""

    def do_GET(self) -> None:
        """Answer a request."""
        devices = os.environ.get("NVIDIA_VISIBLE_DEVICES", "not said")
        data = sorted(str(one) for one in Path("/data").rglob("*")) if Path("/data").is_dir() else []
        found = {"devices": devices, "user": os.getuid(), "data": data}
        body = json.dumps({} if self.path == "/health" else found).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
