"""Ways into a pod through the API server: a command in its container, and its ports on this machine."""

import json
import os
import select
import shutil
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from labform.problems import LabformError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_STDIN, _STDOUT, _STDERR, _STATUS, _SIZE = range(5)
"""Channels of Kubernetes' remote command protocol."""
_CHUNK = 64 * 1024
_PIECE = 4096


def run(client: "ApiClient", namespace: str, pod: str, words: Sequence[str], *, terminal: bool) -> int:
    """Run a command in a pod on this process's standard streams; its exit code."""
    from kubernetes.client import CoreV1Api
    from kubernetes.stream import stream

    way: Any = stream(
        CoreV1Api(client).connect_get_namespaced_pod_exec, pod, namespace, command=[*words],
        stdin=True, stdout=True, stderr=not terminal, tty=terminal, binary=True, _preload_content=False,
    )  # fmt: skip
    with _raw() if terminal else nullcontext(()) as sizes:
        _carry_streams(way, sizes)
    return _exit_code(way.read_channel(_STATUS))


def _carry_streams(way: Any, sizes: Sequence[os.terminal_size]) -> None:
    """Show what comes and send what is typed until the command ends; `sizes` is empty, or has the terminal's last.

    All in one thread, as TLS connections want it. What is typed is sent in small pieces when there is room, so that a
    command that waits for its output to be read is never waited for.
    """
    from websocket import WebSocketException

    typed, ended, told = b"", False, None
    try:
        while way.is_open():
            if sizes and sizes[-1] != told:
                told = sizes[-1]
                way.write_channel(_SIZE, json.dumps({"Width": told.columns, "Height": told.lines}).encode())
            keys, room = _ready(way.sock.sock, keys=not typed and not ended, room=bool(typed))
            way.update(timeout=0)
            _shown(way)
            if keys and not (typed := os.read(sys.stdin.fileno(), _CHUNK)):
                ended = True
                way.close_channel(_STDIN)
            elif room and way.is_open():
                way.write_channel(_STDIN, typed[:_PIECE])
                typed = typed[_PIECE:]
    except (WebSocketException, OSError):
        # A server that hangs up without waiting for an answer has said all there is.
        with suppress(WebSocketException, OSError):
            way.close()
    _shown(way)


def _ready(connection: Any, *, keys: bool, room: bool) -> tuple[bool, bool]:
    """Wait for bytes from the command, for keys and for room to send; whether there are keys, and room."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN | (select.POLLOUT if room else 0))
    if keys:
        waiting.register(sys.stdin, select.POLLIN)
    # What TLS has decrypted already is not seen by poll; a new size of the terminal is told within the half second.
    found = dict(waiting.poll(0 if connection.pending() else 500))
    return keys and sys.stdin.fileno() in found, bool(found.get(connection.fileno(), 0) & select.POLLOUT)


def _shown(way: Any) -> None:
    for channel, stream in ((_STDOUT, sys.stdout), (_STDERR, sys.stderr)):
        if data := way.read_channel(channel):
            stream.buffer.write(data)
            stream.flush()


@contextmanager
def _raw() -> Iterator[Sequence[os.terminal_size]]:
    """Make this terminal the command's own: every key is sent. Its sizes, the last one as it is."""
    import termios
    import tty

    sizes = [shutil.get_terminal_size()]
    before = termios.tcgetattr(sys.stdin)
    old = signal.signal(signal.SIGWINCH, lambda *_: sizes.append(shutil.get_terminal_size()))
    try:
        # What was typed before now is the command's too.
        tty.setraw(sys.stdin, termios.TCSADRAIN)
        yield sizes
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, old)


def _exit_code(said: bytes) -> int:
    """What the API server says at the end: a status, whose cause is the exit code of a command that failed."""
    try:
        status = json.loads(said)
    except ValueError:
        raise LabformError("the connection to the cluster ended before the command did") from None
    if status.get("status") == "Success":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        return int(status["details"]["causes"][0]["message"])
    raise LabformError(f"the command could not be run: {status.get('message')}")


@contextmanager
def forwarded(client: "ApiClient", namespace: str, pod: str, port: int) -> Iterator[int]:
    """A port of this machine that leads to a pod's while the block runs: the same number if it is free."""
    from kubernetes.client import CoreV1Api
    from kubernetes.stream import portforward

    one_at_a_time = threading.Lock()

    def connect() -> Any:
        """A connection to the port, whose client cannot be asked for two at once."""
        with one_at_a_time:
            way = portforward(CoreV1Api(client).connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
        return way.socket(port)

    # Who may not is told here, not by a browser.
    connect().close()

    class Connection(socketserver.BaseRequestHandler):
        """One connection of a browser."""

        def handle(self) -> None:
            """Carry bytes both ways until either side ends."""
            there = connect()
            back = threading.Thread(target=_carry, args=(there, self.request), daemon=True)
            back.start()
            _carry(self.request, there)
            back.join()

    with _listening(port, Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    """Ends without waiting for whoever is still connected."""

    daemon_threads, block_on_close, allow_reuse_address = True, False, True

    def handle_error(self, *_: Any) -> None:
        """Say in a line what would be a traceback."""
        print(f"note: a connection failed: {sys.exception()}", file=sys.stderr)


def _listening(port: int, handler: type[socketserver.BaseRequestHandler]) -> Any:
    try:
        return _Server(("127.0.0.1", port), handler)
    except OSError:
        return _Server(("127.0.0.1", 0), handler)


def _carry(source: Any, target: Any) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
