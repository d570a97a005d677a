"""What a daemon is asked before anything is made there: whether it is Docker or Podman, and names of images."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from labform.backends.docker.daemon import check_builder, connected, digests_of, engine_of, name_image
from labform.hosts import THIS_MACHINE
from labform.problems import LabformError

from tests.fake_daemon import fake_daemon

IMAGE, OTHER = f"r.example.org/a@sha256:{'a' * 64}", f"r.example.org/b@sha256:{'a' * 64}"

_BRIDGE = """#!{python}
import os, socket, sys, threading
open("{path}/words", "w").write(" ".join(sys.argv[1:]))
if "true" in sys.argv:
    sys.exit()
far = socket.socket(socket.AF_UNIX)
far.connect("{path}/docker.sock")
def there():
    while said := os.read(0, 65536):
        far.sendall(said)
threading.Thread(target=there, daemon=True).start()
while said := far.recv(65536):
    os.write(1, said)
"""
"""An `ssh` that leads to a socket here."""


@pytest.mark.parametrize(
    ("components", "said"),
    [([{"Name": "Engine"}], "Docker 4.3.1"), ([{"Name": "Podman Engine"}], "Podman 4.3.1"), (None, "Docker 4.3.1")],
)
def test_an_engine_says_what_it_is(components: Any, said: str) -> None:
    """Podman stands among the components of its version."""
    client: Any = SimpleNamespace(version=lambda: {"Version": "4.3.1", "Components": components})
    assert str(engine_of(client)) == said


@pytest.mark.enable_socket
def test_a_builder_is_docker(tmp_path: Path) -> None:
    """Podman's socket is refused with the line to write; Docker's is not."""
    with fake_daemon(tmp_path) as address:
        check_builder(address)
    (tmp_path / "podman").mkdir()
    with fake_daemon(tmp_path / "podman", "podman") as address, pytest.raises(LabformError) as refused:
        check_builder(address)
    assert "is Podman" in str(refused.value)
    assert "write builder: {address: …}" in str(refused.value)


@pytest.mark.parametrize(("names", "pulled"), [([OTHER], [IMAGE]), ([OTHER, IMAGE], []), (None, [])])
def test_an_image_gets_the_name_it_is_asked_by(names: list[str] | None, pulled: list[str]) -> None:
    """One that is there under another name is pulled; one that is not there at all is the provider's to pull."""
    asked: list[str] = []
    held = SimpleNamespace(attrs={"RepoDigests": names})

    def get(_: str) -> Any:
        """The image that a Podman answers with."""
        from docker.errors import NotFound

        if names is None:
            raise NotFound("no such image")
        return held

    name_image(SimpleNamespace(images=SimpleNamespace(get=get, pull=asked.append)), IMAGE)  # type: ignore[arg-type]
    assert asked == pulled


@pytest.mark.enable_socket
def test_a_host_behind_ssh_is_asked_by_the_ssh_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker's own clients do, and without paramiko, which the SDK imports and never uses then."""
    ssh = tmp_path / "ssh"
    ssh.write_text(_BRIDGE.format(python=sys.executable, path=tmp_path))
    ssh.chmod(0o755)
    code = "import sys; from labform.backends.docker.daemon import connected, engine_of\n"
    code += "with connected('gpu1', 'ssh://lab@gpu1.invalid') as client: print(engine_of(client))\n"
    code += "print('paramiko' in sys.modules)"
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with fake_daemon(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
    assert (done.stdout.splitlines(), done.stderr) == (["Docker 20.10.24", "False"], "")
    assert (tmp_path / "words").read_text() == "-l lab -p 22 -- gpu1.invalid docker system dial-stdio"


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("builder", "the builder: the Docker daemon at {}; start it, or correct builder.address"),
        ("gpu1", "host gpu1: the Docker daemon at {}; start it, or correct runs_on.hosts.gpu1.address"),
        (THIS_MACHINE, "this machine: the Docker daemon at {}; start it: it asks registries"),
    ],
)
def test_a_silent_daemon_is_said_with_what_to_do(tmp_path: Path, name: str, todo: str) -> None:
    """For whichever it is: no stack file has a field for this machine's own."""
    address = f"unix://{tmp_path}/absent.sock"
    with pytest.raises(LabformError) as refused, connected(name, address):
        pass
    assert str(refused.value).startswith(todo.format(f"{address} does not answer"))


@pytest.mark.enable_socket
@pytest.mark.parametrize("kind", ["breaking", "hanging"])
def test_a_daemon_that_answers_once_is_one_that_does_not_answer(tmp_path: Path, kind: str) -> None:
    """It says its version and nothing more, as one does whose disk hangs: one line, and no traceback."""
    raised = pytest.raises(LabformError)
    with fake_daemon(tmp_path, kind) as address, raised as refused, connected("gpu1", address, timeout=1) as client:
        client.volumes.list()
    assert str(refused.value).startswith(f"host gpu1: the Docker daemon at {address} does not answer; start it, or")


def test_tags_are_known_with_their_digests() -> None:
    """An image without a tag has none to be asked by; one that was never pushed or pulled has no digest."""
    pushed = {"RepoTags": ["r.example.org/a:1", "r.example.org/a:2"], "RepoDigests": [IMAGE]}
    images = [pushed, {"RepoTags": None, "RepoDigests": [OTHER]}, {"RepoTags": ["local:1"], "RepoDigests": None}]
    client: Any = SimpleNamespace(api=SimpleNamespace(images=lambda: images))
    found = digests_of(client)
    assert found == {"r.example.org/a:1": [IMAGE], "r.example.org/a:2": [IMAGE], "local:1": []}
