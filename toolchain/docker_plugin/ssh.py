"""Daemons behind `ssh://`: a local socket whose connections are ssh sessions.

Each connection starts `ssh HOST docker system dial-stdio`, as Docker's own clients do. Python's
Docker client can do that too, but only with paramiko installed and without `sshOpts`.
"""

import contextlib
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit


def forward(host: str, options: list[str]) -> str:
    """Open a local socket for a daemon behind ssh and return its address; connects to nothing."""
    path = Path(tempfile.mkdtemp(prefix="docker-ssh-")) / "docker.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    command = dial_command(host, options)
    threading.Thread(target=_serve, args=(listener, command), daemon=True).start()
    return f"unix://{path}"


def dial_command(host: str, options: list[str]) -> list[str]:
    """Return the command that speaks to a daemon: `ssh -l lab -p 22 -- HOST docker ...`."""
    url = urlsplit(host)
    user = ["-l", url.username] if url.username else []
    port = ["-p", str(url.port)] if url.port else []
    remote = ["docker", *(["--host", f"unix://{url.path}"] if url.path.strip("/") else [])]
    return [
        "ssh",
        *options,
        *user,
        *port,
        "--",
        url.hostname or "",
        *remote,
        "system",
        "dial-stdio",
    ]


def _serve(listener: socket.socket, command: list[str]) -> None:
    """Give each connection an ssh session of its own."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            session = subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno())
            connection.close()
            threading.Thread(target=session.wait, daemon=True).start()
