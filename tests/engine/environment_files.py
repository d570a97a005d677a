"""What the environments of `every_field` read."""

from pathlib import Path

FILES = {
    "own/Dockerfile": "ARG WORD=none\nFROM python:3.12-slim AS first\nARG WORD\nRUN echo $WORD > /word\nRUN echo first"
    " > /stage\nFROM first AS second\nRUN echo first > /stage\n",
    "own/sub/Other": "FROM python:3.12-slim\nRUN echo another > /stage\n",
    "own2/Dockerfile": "FROM python:3.12-slim\nRUN echo moved > /stage\n",
    "jupyter/Dockerfile": "FROM python:3.12-slim\nCOPY --chmod=755 jupyter /usr/local/bin/\n"
    "RUN ln -sf $(command -v python3) /usr/local/bin/python\n",
    "jupyter/jupyter": "#!/usr/bin/env python3\n"
    "from http.server import BaseHTTPRequestHandler, HTTPServer\n\n\n"
    "class Api(BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n\n\n"
    "HTTPServer(('0.0.0.0', 8888), Api).serve_forever()\n",
    "code/Dockerfile": "FROM python:3.12-slim\nCOPY --chmod=755 code-server /usr/local/bin/\n",
    "code/code-server": "#!/usr/bin/env python3\n"
    "from http.server import BaseHTTPRequestHandler, HTTPServer\n\n\n"
    "class Page(BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n\n\n"
    "HTTPServer(('0.0.0.0', 8080), Page).serve_forever()\n",
    "pip/less.txt": "iniconfig==2.0.0\n",
    "pip/a.txt": "a\n",
    "pip2/more.txt": "iniconfig==2.0.0\nsix==1.17.0\n",
    "pip2/a.txt": "a2\n",
    "pip2/b/c.txt": "c\n",
    "on/Dockerfile": "ARG BASE\nFROM $BASE\nRUN echo on > /on\n",
    "on2/Dockerfile": "ARG BASE\nFROM $BASE\nRUN echo on2 > /on\n",
    "found/requirements.txt": "iniconfig==2.0.0\n",
    "found/a.txt": "a\n",
    "found/b/c.txt": "c\n",
    "dev/.devcontainer/devcontainer.json": '{"image": "python:3.12-slim", "containerEnv": {"B": "first"}}\n',
    "dev2/other.json": '{"build": {"dockerfile": "Dockerfile"}, "containerEnv": {"B": "said"}, "runArgs": ["--rm"]}\n',
    "dev2/Dockerfile": "FROM python:3.12-slim\nRUN echo developed > /stage\n",
    "uv/a.txt": "a\n",
    "uv2/a.txt": "a2\n",
    "uv2/b/c.txt": "c\n",
}
"""What environments read; of JupyterLab and code-server only that they answer."""

PYPROJECT = """\
[project]
name = "thesis"
version = "1"
requires-python = ">=3.11"
[project.optional-dependencies]
most = ["iniconfig"]
[dependency-groups]
more = ["six"]
"""


def lay_out(root: Path) -> None:
    """Write the environments' files; the uv projects still need their locks."""
    for name, text in {**FILES, "uv/pyproject.toml": PYPROJECT, "uv2/pyproject.toml": PYPROJECT}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
