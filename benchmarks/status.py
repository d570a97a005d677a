"""What looking at 50 running containers costs: `labform status` beside Debian's `docker-compose ps` of the same.

    python -m benchmarks.status [ROUNDS]

A private daemon runs 50 containers that carry the labels of a lab and of a Compose project, so that both programs list
the same. They are asked in turns, each as a fresh process; seconds are the median of the rounds, and their ratio is the
figure. docker-compose is Debian's package, fetched and never installed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

import docker
import yaml
from labform.naming import LAB_LABEL, PROJECT_LABEL

import sandbox
from sandbox import debian
from sandbox.commands import run

COUNT = 50
LABFORM = Path(sys.executable).with_name("labform")
IMAGE = f"python@sha256:{'a' * 64}"


def compose_of(folder: Path) -> list[str | Path]:
    """Debian's docker-compose as a command, extracted into a folder."""
    debian.refresh(folder)
    for archive in debian.download(("docker-compose", "python3-yaml"), folder):
        run(["dpkg-deb", "--extract", archive, folder / "root"], doing=f"extract {archive.name}")
    packages = folder / "root" / "usr" / "lib" / "python3" / "dist-packages"
    return ["env", f"PYTHONPATH={packages}", "/usr/bin/python3", folder / "root" / "usr" / "bin" / "docker-compose"]


def write(folder: Path) -> None:
    """The lab as a stack file, and the same as a Compose file."""
    names = [f"p{number:02}" for number in range(COUNT)]
    service = {"kind": "command", "command": ["sleep", "infinity"]}
    environment = {"kind": "prebuilt", "image": IMAGE}
    lab = {
        "format": 1,
        "lab": "bench",
        "runs_on": {"kind": "docker", "hosts": {"local": {}}},
        "registry": {"address": "registry.example.org/bench"},
        "people": {"anna": {"uid": 10042}},
        "projects": {name: {"owner": "anna", "environment": environment, "service": service} for name in names},
    }
    (folder / "bench.yaml").write_text(json.dumps(lab))
    services = {name: {"image": IMAGE, "command": ["sleep", "infinity"]} for name in names}
    (folder / "docker-compose.yml").write_text(yaml.safe_dump({"version": "3", "services": services}))


def start(box: sandbox.Sandbox) -> None:
    """Run the containers."""
    client = docker.DockerClient(base_url=box.docker_host, timeout=120)
    for number in range(COUNT):
        name = f"p{number:02}"
        compose = {"project": "bench", "service": name, "oneoff": "False", "container-number": "1", "version": "1.29.2"}
        labels = {LAB_LABEL: "bench", PROJECT_LABEL: name}
        labels |= {f"com.docker.compose.{key}": value for key, value in compose.items()}
        client.containers.run(
            box.base_reference, ["sleep", "infinity"], name=f"bench-{name}", labels=labels, init=True, detach=True
        )
    client.close()


def seconds(command: list[str | Path], folder: Path, env: dict[str, str]) -> float:
    """What a command takes; it must name all the containers."""
    begin = monotonic()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    took = monotonic() - begin
    if done.returncode or sum("p49" in line for line in done.stdout.splitlines()) != 1:
        raise SystemExit(done.stdout + done.stderr)
    return took


def main() -> None:
    """Print the ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory(prefix="labform-bench-") as made:
        folder, root = Path(made), Path(made) / "box"
        box = sandbox.start(root, name=f"bench-{os.getpid()}")
        try:
            (folder / "debian").mkdir()
            compose = [*compose_of(folder / "debian"), "--project-name", "bench", "ps"]
            write(folder)
            start(box)
            env = {**os.environ, **box.env}
            addresses = json.dumps({"hosts": {"local": box.docker_host}})
            status = [LABFORM, "status", "bench.yaml", "--addresses", addresses]
            subprocess.run([LABFORM, "lock", "bench.yaml", "--offline"], cwd=folder, env=env, check=True)
            timed = [(seconds(status, folder, env), seconds(compose, folder, env)) for _ in range(rounds)]
        finally:
            sandbox.remove(root)
    ours, theirs = (median(column) for column in zip(*timed, strict=True))
    print(f"{COUNT} running containers, each program as a fresh process, median of {rounds} rounds")
    print(f"labform status {ours:.2f} s, docker-compose ps {theirs:.2f} s on this machine: ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
