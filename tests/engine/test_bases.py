"""A base that is an environment: built and pushed once, and its change is every project's that uses it."""

import re
from typing import Any

import yaml

from tests.engine.bench import Bench

SERVE = ["python3", "-m", "http.server", "8000", "--directory", "/srv"]


def service() -> dict[str, Any]:
    """A program that serves; one for each project, since a stack file has no anchors."""
    return {"kind": "command", "command": list(SERVE), "port": 8000}


def write(bench: Bench, files: dict[str, str]) -> None:
    """Files of the lab's clone."""
    for name, text in files.items():
        path = bench.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_base_is_built_once_and_its_change_is_seen_before(bench: Bench, lab: dict[str, Any]) -> None:
    """Two projects on it: nothing changes the second time; an edit of the base is both projects' in the preview."""
    write(
        bench,
        {
            "bases/tools/Dockerfile": "ARG BASE\nFROM $BASE\nRUN echo one > /srv/tools\n",
            "a/Dockerfile": "ARG BASE\nFROM $BASE\nRUN cat /srv/tools > /srv/a\n",
            "b/Dockerfile": "ARG BASE\nFROM $BASE\n",
            "c/Dockerfile": "FROM python:3.12-slim\n",
        },
    )
    kinds = {name: {"kind": "dockerfile", "directory": f"../{name}", "base": "tools"} for name in ("a", "b")}
    kinds["c"] = {"kind": "dockerfile", "directory": "../c"}
    bases = {
        "python": {"image": "python:3.12-slim"},
        "tools": {"environment": {"kind": "dockerfile", "directory": "../bases/tools", "base": "python"}},
    }
    projects = {name: {"owner": "anna", "environment": one, "service": service()} for name, one in kinds.items()}
    bench.write({**lab, "bases": bases, "volumes": {}, "projects": projects})
    first = bench.up()
    assert first.changed[f"Image {bench.name}-base.tools"] == "create"
    assert bench.run("a", "cat", "/srv/a", "/srv/tools") == "one\none\n"
    assert "@sha256:" in bench.inspect("a")["Config"]["Image"]
    layers = [bench.docker.images.get(bench.inspect(name)["Image"]).attrs["RootFS"]["Layers"] for name in ("a", "b")]
    shared = [one for one, other in zip(*layers, strict=False) if one == other]
    assert len(shared) >= 3
    bench.settled()
    write(bench, {"bases/tools/Dockerfile": "ARG BASE\nFROM $BASE\nRUN echo two > /srv/tools\n"})
    preview = bench.preview()
    changed = {key for key in preview.changed if key.startswith("Image ")}
    assert changed == {f"Image {bench.name}-{name}" for name in ("a", "b", "base.tools")}, preview.text
    second = bench.up()
    assert bench.run("a", "cat", "/srv/a", "/srv/tools") == "two\ntwo\n"
    assert not any(key.endswith("-c") for key in second.changed), second.text
    bench.settled()
    bench.deployment.update_lock()
    lock = yaml.safe_load(bench.deployment.lock.read_text())["builds"]
    assert set(lock) == {"a", "b", "c", "bases/tools"}
    assert re.search(r"/t/bases/tools@sha256:[0-9a-f]{64}$", lock["bases/tools"]["image"])
    before = bench.inspect("a")["Id"]
    pinned = {name: {**one, "pinned": True, "service": service()} for name, one in projects.items()}
    bench.write({**lab, "bases": bases, "volumes": {}, "projects": pinned})
    third = bench.up()
    assert {op for key, op in third.changed.items() if key.startswith("Image ")} == {"delete"}, third.text
    assert bench.inspect("a")["Id"] == before
    bench.settled()
    write(bench, {"bases/tools/Dockerfile": "ARG BASE\nFROM $BASE\nRUN echo three > /srv/tools\n"})
    said = bench.refused()
    assert all(f"error[pinned-changed] projects.{name}.pinned" in said for name in ("a", "b"))
    assert "projects.c.pinned" not in said
