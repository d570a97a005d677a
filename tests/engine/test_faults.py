"""What goes wrong in the world: one clear error that names the project and what to do, and the next `up` converges."""

from typing import Any

import pytest

from tests.engine.bench import LAST_PORT, Bench
from tests.environments import debian_repository


def test_foreign_volume(bench: Bench, lab: dict[str, Any]) -> None:
    """A volume of that name that is not the lab's stops the `up`; it is not adopted."""
    foreign = bench.docker.volumes.create(f"{bench.name}-work", labels={"of": "somebody"})
    bench.write(lab)
    said = bench.refused()
    assert f"local has a volume {bench.name}-work that is not of lab {bench.name}" in said
    foreign.remove()
    bench.up()
    bench.settled()


def test_vanished_volume(bench: Bench, lab: dict[str, Any]) -> None:
    """A volume that the lock calls created and that is gone is not silently made anew."""
    bench.write(lab)
    bench.up()
    bench.deployment.update_lock()
    bench.docker.containers.get(f"{bench.name}-web").remove(force=True)
    bench.docker.volumes.get(f"{bench.name}-work").remove()
    bench.refresh()
    said = bench.refused()
    assert f"volume work held data, and {bench.name}-work is gone from local" in said


def test_taken_port(bench: Bench, lab: dict[str, Any]) -> None:
    """A port that another container holds is named with its holder, and the lab's other projects are untouched."""
    lab["projects"]["web"]["service"]["host_port"] = LAST_PORT
    bench.write(lab)
    holder = bench.docker.containers.run(
        bench.deployment.box.base_reference,
        ["sleep", "600"],
        detach=True,
        ports={"1/tcp": ("127.0.0.1", LAST_PORT)},
        name=f"holder-{bench.name}",
    )
    said = bench.refused()
    holder.remove(force=True)
    assert f"project web: port {LAST_PORT} of local is held by container holder-{bench.name}" in said
    bench.up()
    bench.settled()


def test_wrong_registry_password(bench: Bench, lab: dict[str, Any]) -> None:
    """A push that is refused names the registry and the user, never the password."""
    bench.write(lab)
    bench.deployment.prepare()
    right = bench.deployment.box.registry_password_file.read_text()
    bench.deployment.pulumi("config", "set", "--secret", "registry-password", capture=True, input="sesame-wrong")
    said = bench.refused(lock=False)
    assert "sesame-wrong" not in said
    assert "t/web: its registry refuses the login; correct the secret that holds the password" in said
    bench.deployment.pulumi("config", "set", "--secret", "registry-password", capture=True, input=right)
    bench.up()
    bench.settled()


def test_failing_build_step(bench: Bench, lab: dict[str, Any]) -> None:
    """A Dockerfile step that fails is shown with what it printed; the running container stays."""
    bench.write(lab)
    bench.up()
    before = bench.inspect("web")["Id"]
    (bench.project / "own").mkdir()
    (bench.project / "own" / "Dockerfile").write_text("FROM python:3.12-slim\nRUN echo why-it-failed && exit 3\n")
    lab["projects"]["web"]["environment"] = {"kind": "dockerfile", "directory": "../own"}
    bench.write(lab)
    said = bench.refused()
    assert "why-it-failed" in said
    assert "t/web: a step of its Dockerfile fails" in said
    debian_repository.write(bench.project / "own" / "apt")
    source = f"RUN rm -rf /etc/apt/sources.list* && echo '{debian_repository.SOURCE}' > /etc/apt/sources.list\n"
    text = f"FROM python:3.12-slim\nCOPY apt {debian_repository.PLACE}\n{source}"
    (bench.project / "own" / "Dockerfile").write_text(text)
    lab["projects"]["web"]["environment"]["apt"] = ["labtool=0.9"]
    bench.write(lab)
    said = bench.refused()
    assert "Version '0.9' for 'labtool' was not found" in said
    assert "t/web: its Debian packages cannot be had; for a version that is not found: labform lock" in said
    del lab["projects"]["web"]["environment"]["apt"]
    bench.write(lab)
    assert bench.inspect("web")["Id"] == before
    (bench.project / "own" / "Dockerfile").write_text("FROM python:3.12-slim\nRUN true\n")
    bench.up()
    bench.settled()


def test_missing_base(bench: Bench, lab: dict[str, Any]) -> None:
    """A base that its registry does not have is named."""
    gone = f"{bench.deployment.box.registry_address}/base/python@sha256:{'0' * 64}"
    lab["projects"]["web"]["environment"]["image"] = gone
    bench.write(lab)
    said = bench.refused()
    assert "t/web: its base is not in its registry any more; run: labform lock --upgrade" in said


def test_stopped_daemon(bench: Bench, lab: dict[str, Any]) -> None:
    """A daemon that does not answer is one line with the host's name, and state is as it was."""
    bench.write(lab)
    bench.up()
    before = _identities(bench)
    config = bench.deployment.config
    kept = config.read_text()
    config.write_text(kept.replace(bench.deployment.box.docker_host, "unix:///run/labform/nobody.sock"))
    said = bench.refused(lock=False)
    config.write_text(kept)
    assert "the Docker daemon at unix:///run/labform/nobody.sock does not answer" in said
    assert "Traceback" not in said
    assert _identities(bench) == before


def test_missing_login(bench: Bench, lab: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `docker login` the command to run is said before anything is tried."""
    bench.write(lab)
    bench.deployment.prepare()
    monkeypatch.setattr(type(bench.deployment), "env", {**bench.deployment.env, "DOCKER_CONFIG": str(tmp_path)})
    said = bench.refused(lock=False)
    assert f"run: docker login {bench.deployment.box.registry_address}" in said
    assert "Traceback" not in said


def _identities(bench: Bench) -> list[tuple[str, str]]:
    """What the state knows of; secrets are encrypted anew at each export, so identities are compared."""
    return [(one["urn"], one.get("id", "")) for one in bench.resources()]
