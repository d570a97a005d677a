"""A client of JupyterLab as its web page is one: the REST interface, and a kernel's websocket."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
import websocket


@dataclass
class Execution:
    """What came of a cell: its printed text, its figures as PNG, and its error if it failed."""

    text: str = ""
    figures: list[bytes] = field(default_factory=list)
    error: str = ""

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Add a message of the kernel."""
        if kind == "stream":
            self.text += content["text"]
        elif kind == "error":
            self.error = "\n".join(content["traceback"])
        elif png := content.get("data", {}).get("image/png"):
            self.figures.append(base64.b64decode(png))


class JupyterClient:
    """A JupyterLab at `url` that is opened by `token`."""

    def __init__(self, url: str, token: str) -> None:
        """Nothing is asked yet."""
        self.url, self.token = url, token

    def ask(self, method: str, path: str, *, token: bool = True, **options: Any) -> requests.Response:
        """The answer to a request, by default with the token."""
        headers = {"Authorization": f"token {self.token}"} if token else {}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=60, **options)

    def save(self, name: str, text: str) -> None:
        """Save a notebook with one code cell through the contents interface, as the page does."""
        cell = {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{**cell, "id": "one"}]}
        body = {"type": "notebook", "format": "json", "content": notebook}
        self.ask("PUT", f"/api/contents/{name}", json=body).raise_for_status()

    def run(self, code: str) -> Execution:
        """Execute a cell in a new kernel."""
        started = self.ask("POST", "/api/kernels", json={})
        started.raise_for_status()
        kernel = started.json()["id"]
        address = f"{self.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
        channel = websocket.create_connection(address, header=[f"Authorization: token {self.token}"], timeout=120)
        try:
            return _executed(channel, code)
        finally:
            channel.close()
            self.ask("DELETE", f"/api/kernels/{kernel}")


def _executed(channel: websocket.WebSocket, code: str) -> Execution:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    message = {"channel": "shell", "header": {**header, "version": "5.3"}, "content": content}
    channel.send(json.dumps({**message, "parent_header": {}, "metadata": {}, "buffers": []}))
    done = Execution()
    while True:
        answer = json.loads(channel.recv())
        if answer["parent_header"].get("msg_id") != header["msg_id"] or answer["channel"] != "iopub":
            continue
        if answer["content"].get("execution_state") == "idle":
            return done
        done.take(answer["msg_type"], answer["content"])
