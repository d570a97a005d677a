"""Editors complete and explain a stack file by its first line: asked of the YAML language server that VS Code has."""

import json
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests import npm

pytestmark = [pytest.mark.sandbox, npm.NEEDS_NPM]
STACK = Path(__file__).parents[2] / "stacks" / "dev.yaml"


class LanguageServer:
    """A client of one server: requests, one after the other, and what the server tells by itself."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Introduce the client as an editor without options."""
        self.process, self.numbers = process, count(1)
        self.told: list[dict[str, Any]] = []
        self.ask("initialize", {"processId": None, "rootUri": STACK.parent.as_uri(), "capabilities": {}})
        self._send({"method": "initialized", "params": {}})

    def open(self, path: Path, text: str) -> dict[str, str]:
        """Show the server a text as if it stood in a file."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return {"uri": path.as_uri()}

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request; questions of the server get no answer of substance."""
        number = next(self.numbers)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self.next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def next(self) -> dict[str, Any]:
        """The next message; a question is answered, and what is told is kept."""
        output = self.process.stdout
        assert output is not None
        length = 0
        while (line := output.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(output.read(length))
        if "method" in message and "id" in message:
            items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": [{} for _ in items] if items is not None else None})
        elif "method" in message:
            self.told.append(message)
        return message

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    """The server."""
    program = npm.program("yaml-language-server", "1.25.0", "yaml-language-server", folder="yaml-language-server")
    with subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield LanguageServer(process)
        finally:
            process.terminate()


def at(text: str, words: str) -> dict[str, int]:
    """The place in a text behind these words."""
    before = text[: text.index(words) + len(words)]
    return {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stop_gr", "How long it may take to save its work"),
        ("shared_mem", "Shared memory, part of memory"),
        ("kind: jup", "JupyterLab"),
    ],
)
def test_hover_explains_a_field(server: LanguageServer, words: str, said: str) -> None:
    """In the words of its declaration."""
    text = STACK.read_text().replace(
        "    service: {kind: jupyter}\n", "    service: {kind: jupyter}\n    stop_grace: 60s\n"
    )
    document = server.open(STACK.with_name("hover.yaml"), text)
    found = server.ask("textDocument/hover", {"textDocument": document, "position": at(text, words)})
    assert said in json.dumps(found)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("    re", {"resources", "requires"}),
        ("    service: {kind: ", {"jupyter", "code-server", "command"}),
        ("    state: ", {"running", "retired"}),
    ],
)
def test_completion_offers_what_may_stand_there(server: LanguageServer, line: str, offered: set[str]) -> None:
    """Fields of a project, kinds of a service, words of a state."""
    whole = line + ("}" if "{" in line else "")
    text = f"{STACK.read_text()}\n  more:\n    owner: anna\n{whole}\n"
    document = server.open(STACK.with_name(f"more-{len(line)}.yaml"), text)
    position = {"line": text.count("\n") - 1, "character": len(line)}
    found = server.ask("textDocument/completion", {"textDocument": document, "position": position})
    assert offered <= {one["label"] for one in found["items"]}


def test_the_example_lab_is_well(server: LanguageServer) -> None:
    """The server tells no fault of it, and one of a word that nobody knows."""
    document = server.open(STACK, STACK.read_text())
    assert faults(server, document) == []
    wrong = server.open(STACK.with_name("wrong.yaml"), STACK.read_text().replace("owner: anna", "ownr: anna"))
    assert any("ownr" in one for one in faults(server, wrong))


def faults(server: LanguageServer, document: dict[str, str]) -> list[str]:
    """What the server says is wrong with a document."""
    while True:
        for one in server.told:
            if one["method"] == "textDocument/publishDiagnostics" and one["params"]["uri"] == document["uri"]:
                return [each["message"] for each in one["params"]["diagnostics"]]
        server.next()
