"""A pinned project runs the image that the lock knows: nothing is built, and no edit changes it unseen."""

import copy
from typing import Any

from tests.engine.bench import Bench


def test_a_pinned_project_runs_what_was_built(bench: Bench, lab: dict[str, Any]) -> None:
    """Pinning restarts nothing; an edited environment is refused; unpinned, it is built again."""
    folder = bench.project / "web"
    folder.mkdir()
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("FROM python:3.12-slim\nENV ROUND=1 CUDA_VERSION=12.4.1\n")
    lab["projects"]["web"]["environment"] = {"kind": "dockerfile", "directory": "../web"}
    pinned = copy.deepcopy(lab)
    pinned["projects"]["web"]["pinned"] = True

    bench.write(pinned)
    assert "error[not-built] projects.web.pinned: the lock knows no image of it" in bench.refused()
    bench.write(lab)
    bench.up()
    before = bench.inspect("web")
    bench.deployment.update_lock()
    assert "web: {recipe: " in bench.deployment.lock.read_text()
    assert before["Config"]["Image"] in bench.deployment.lock.read_text()
    assert "cuda: 12.4.1}" in bench.deployment.lock.read_text()

    bench.write(pinned)
    assert set(bench.up().changed.values()) == {"delete"}
    assert bench.inspect("web")["Id"] == before["Id"]
    bench.settled()

    dockerfile.write_text("FROM python:3.12-slim\nENV ROUND=2\n")
    assert "error[pinned-changed] projects.web.pinned: its environment is not what was built" in bench.refused()
    bench.write(lab)
    bench.up()
    assert "ROUND=2" in bench.inspect("web")["Config"]["Env"]
