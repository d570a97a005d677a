"""What people install by hand in running containers comes back into the projects' files and their next images."""

import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from labform.environments import conda_image

from tests.engine.bench import PORTS, Bench, sh
from tests.environments import conda_channel

BACKEND = (Path(__file__).parents[1] / "environments/cases/pip-local/project/packages/model/backend.py").read_text()
PYPROJECT = """\
[project]
name = "NAME"
version = "1.0"

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
REQUIREMENTS = "# dates\nsix==1.16.0  # for old code\niniconfig==2.0.0\npackaging>=24\n"
UV = """\
[project]
name = "thesis"
version = "1"
requires-python = ">=3.11"
dependencies = [
  "six==1.16.0",  # for old code
  "iniconfig==2.0.0",
]
"""
ENVIRONMENT = f"""\
channels: ["file://{conda_channel.PLACE}", nodefaults]
dependencies:
  - greeter  # says it
  - hello <2
"""


def package(folder: Path, name: str) -> Path:
    """A package that builds without a download."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.replace("NAME", name))
    (folder / "backend.py").write_text(BACKEND.replace('"model"', f'"{name}"'))
    (folder / f"{name}.py").write_text("")
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A folder with a git repository of a package, and the port where builds find it on 127.0.0.1."""
    folder = tmp_path_factory.mktemp("git")
    source = package(folder / "source", "fromgit")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "a package")):
        sh("git", "-c", "user.name=anna", "-c", "user.email=anna@example.org", *words, cwd=source)
    served = folder / "served"
    sh("git", "clone", "--quiet", "--bare", str(source), str(served / "fromgit.git"))
    sh("git", "update-server-info", cwd=served / "fromgit.git")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield served, server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[Bench]:
    """A project of each format whose packages can be changed at run time."""
    bench = Bench(tmp_path_factory.mktemp("freeze"), box, tools, "freeze")
    for name, files in {
        "pip": {"requirements.txt": REQUIREMENTS},
        "uv": {"pyproject.toml": UV},
        "conda": {"environment.yml": ENVIRONMENT},
        "channel": {"Dockerfile": f"FROM python:3.12-slim\nCOPY channel {conda_channel.PLACE}\n"},
    }.items():
        (bench.project / name).mkdir()
        for file, text in files.items():
            (bench.project / name / file).write_text(text)
    conda_channel.write(bench.project / "channel/channel")
    for name in ("pip", "uv"):
        package(bench.project / name / "lib", "lib")
    lock(bench)
    bench.write(
        {
            "format": 1,
            "lab": bench.name,
            "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS}}},
            "builder": {"network": "host"},
            "registry": {
                "address": "127.0.0.1:5000/t",
                "username": "labform",
                "password": {"from": "registry-password"},
            },
            "bases": {
                "python": {"image": "python:3.12-slim"},
                "channel": {"environment": {"kind": "dockerfile", "directory": "../channel"}},
            },
            "defaults": {"base": "python"},
            "people": {"anna": {"uid": 10042}},
            "projects": {
                "pip": project("pip", files=["lib"]),
                "uv": project("uv", files=["lib"]),
                "conda": project("conda", base="channel"),
            },
        }
    )
    bench.up()
    yield bench
    bench.close()


def project(kind: str, **more: Any) -> dict[str, Any]:
    """A project of a kind, which only waits."""
    environment = {"kind": kind, "directory": f"../{kind}", **more}
    return {
        "owner": "anna",
        "environment": environment,
        "service": {"kind": "command", "command": ["sleep", "infinity"]},
    }


def lock(bench: Bench) -> None:
    """Bring the uv project's lock up to date, as the command that is printed does."""
    sh(str(Path(sys.executable).with_name("uv")), "lock", "--quiet", "--directory", str(bench.project / "uv"))


def freeze(bench: Bench, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`labform freeze` of a project."""
    addresses = json.dumps(bench.deployment.addresses)
    return bench.deployment.labform("freeze", name, "--addresses", addresses, *options, capture=True, check=False)


def frozen(bench: Bench, name: str, *options: str) -> str:
    """What it prints; it must succeed."""
    done = freeze(bench, name, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(bench: Bench, name: str) -> str:
    """What is installed, as the project's own tool lists it."""
    command = ("ls", "/opt/env/conda-meta") if name == "conda" else ("python", "-m", "pip", "freeze")
    return bench.run(name, *command)


def copied(bench: Bench, name: str, folder: Path, place: str) -> None:
    """Put a folder of this machine into a container, for anybody to read."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(folder, folder.name)
    bench.docker.containers.get(f"{bench.name}-{name}").put_archive(place, data.getvalue())


def changed_with_pip(bench: Bench, name: str, repository: tuple[Path, int]) -> None:
    """Upgrade, add, remove; from git, whose server is at the same address for the container; from the project."""
    served, port = repository
    copied(bench, name, served, "/srv")
    container = bench.docker.containers.get(f"{bench.name}-{name}")
    serve = ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", "/srv/served"]
    container.exec_run(serve, detach=True, user="0")
    bench.run(name, "python", "-c", f"{WAIT}; wait({port})")
    pip = ("python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    git = f"fromgit @ git+http://127.0.0.1:{port}/fromgit.git"
    bench.run(name, *pip, "install", "six==1.17.0", "attrs==25.1.0", git)
    bench.run(name, *pip, "install", "--no-build-isolation", "--editable", "/opt/project/lib")
    bench.run(name, *pip, "uninstall", "--yes", "iniconfig")


WAIT = """\
import socket, time
def wait(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("nobody listens")
exec("")"""


def changed_with_conda(bench: Bench) -> None:
    """Install by conda's own format what an environment.yml with another version gives: greeter goes with it."""
    copied(bench, "conda", Path(conda_image.__file__).with_name("install_conda.py"), "/tmp")
    specs = json.dumps({"channels": [f"file://{conda_channel.PLACE}"], "specs": ["hello==2.0"]})
    bench.run(
        "conda",
        "sh",
        "-ec",
        f"cd /tmp && python3 -m venv v && v/bin/pip install --quiet py-rattler=={conda_image.RATTLER}"
        f" && echo '{specs}' > specs.json && v/bin/python install_conda.py solve specs.json",
        user="0",
    )


def test_what_was_installed_by_hand_is_in_the_next_image(up: Bench, repository: tuple[Path, int]) -> None:
    """Upgraded, added, removed, from git and editable: the new container lists what the old one listed."""
    for name in ("pip", "uv", "conda"):
        assert frozen(up, name) == f"{name}: nothing was installed or removed since its image was built\n"
    for name in ("pip", "uv"):
        changed_with_pip(up, name, repository)
    changed_with_conda(up)
    before = {name: listed(up, name) for name in ("pip", "uv", "conda")}
    files = {
        "pip": up.project / "pip/requirements.txt",
        "uv": up.project / "uv/pyproject.toml",
        "conda": up.project / "conda/environment.yml",
    }
    texts = {name: path.read_text() for name, path in files.items()}
    assert "-six==1.16.0  # for old code\n" in frozen(up, "pip")
    assert {name: path.read_text() for name, path in files.items()} == texts

    for name in ("pip", "conda"):
        frozen(up, name, "--write")
    said = frozen(up, "uv", "--write")
    commit = sh("git", "rev-parse", "HEAD", cwd=repository[0] / "fromgit.git").strip()
    git = f"fromgit @ git+http://127.0.0.1:{repository[1]}/fromgit.git@{commit}"
    assert files["pip"].read_text() == (
        f"# dates\nsix==1.17.0  # for old code\npackaging>=24\nattrs==25.1.0\n{git}\n-e ./lib\n"
    )
    edited = UV.replace("1.16.0", "1.17.0").replace(
        '  "iniconfig==2.0.0",\n', f'  "attrs==25.1.0",\n  "{git}",\n  "lib",\n'
    )
    assert files["uv"].read_text() == f'{edited}\n[tool.uv.sources]\nlib = {{path = "./lib", editable = true}}\n'
    assert files["conda"].read_text() == ENVIRONMENT.replace("  - greeter  # says it\n", "").replace(
        "hello <2", "hello==2.0"
    )
    assert said.endswith(f"now run: uv lock --directory {up.project / 'uv'}\n")

    lock(up)
    up.up()
    assert {name: listed(up, name) for name in files} == before
    for name in files:
        assert frozen(up, name) == f"{name}: nothing was installed or removed since its image was built\n"


def test_an_editable_package_outside_of_the_project_cannot_be_kept(up: Bench, tmp_path: Path) -> None:
    """A folder of the container or of a volume: one line that says so, and exit code 1."""
    copied(up, "pip", package(tmp_path / "mine", "mine"), "/workspace")
    up.run("pip", "python", "-m", "pip", "install", "--quiet", "--no-build-isolation", "-e", "/workspace/mine")
    before = (up.project / "pip/requirements.txt").read_text()
    done = freeze(up, "pip", "--write")
    hint = "copy it into the project and name it in files:, or install it from git by commit"
    said = f"error[not-in-image] mine: is installed from file:///workspace/mine, which no build sees; {hint}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    assert (up.project / "pip/requirements.txt").read_text() == before


def test_a_debian_package_comes_into_the_stack_file(up: Bench) -> None:
    """With its version, under the project's `apt:`; the next image has it."""
    options = ("-o", "APT::Sandbox::User=root", "--quiet")
    up.run("pip", "apt-get", *options, "update", user="0")
    up.run("pip", "apt-get", *options, "install", "--yes", "--no-install-recommends", "hello", user="0")
    version = up.run("pip", "dpkg-query", "--show", "--showformat=${Version}", "hello")
    up.run("pip", "python", "-m", "pip", "uninstall", "--quiet", "--yes", "mine")
    path = up.project / up.deployment.stack_file
    frozen(up, "pip", "--write")
    assert f"apt: [hello={version}]" in path.read_text()
    up.up()
    assert up.run("pip", "dpkg-query", "--show", "--showformat=${Version}", "hello") == version
    assert frozen(up, "pip") == "pip: nothing was installed or removed since its image was built\n"
