"""A pinned project runs the image that the lock knows: nothing is built, and no edit changes it unseen."""

import copy
from typing import Any

from tests.engine.bench import Bench


def test_a_pinned_project_runs_what_was_built(bench: Bench, lab: dict[str, Any]) -> None:
    """Pinning restarts nothing; an edited environment is refused, built before or not; unpinned, it runs."""
    folder = bench.project / "web"
    folder.mkdir()
    dockerfile = folder / "Dockerfile"
    lab["projects"]["web"]["environment"] = {"kind": "dockerfile", "directory": "../web"}
    pinned = copy.deepcopy(lab)
    pinned["projects"]["web"]["pinned"] = True
    # The registry keeps what earlier runs have built: these recipes are of this one.
    first, second = (
        f"FROM python:3.12-slim\nENV ROUND={bench.name}-{which} CUDA_VERSION=12.{which}.1\n" for which in (1, 2)
    )

    bench.write(pinned)
    dockerfile.write_text(first)
    assert "error[not-built] projects.web.pinned: the lock knows no image of it" in bench.refused()
    bench.write(lab)
    for text in (second, first):
        dockerfile.write_text(text)
        bench.up()
    before = bench.inspect("web")
    bench.deployment.update_lock()
    assert "web: {recipe: " in bench.deployment.lock.read_text()
    assert before["Config"]["Image"] in bench.deployment.lock.read_text()
    assert "cuda: 12.1.1}" in bench.deployment.lock.read_text()

    bench.write(pinned)
    assert set(bench.up().changed.values()) == {"delete"}
    assert bench.inspect("web")["Id"] == before["Id"]
    bench.settled()

    dockerfile.write_text(second)
    assert "error[pinned-changed] projects.web.pinned: its environment is not what was built" in bench.refused()
    assert bench.inspect("web")["Id"] == before["Id"]
    bench.write(lab)
    bench.up()
    assert f"ROUND={bench.name}-2" in bench.inspect("web")["Config"]["Env"]


def test_an_image_that_is_there_can_be_pinned_at_once(bench: Bench, lab: dict[str, Any]) -> None:
    """A first lock finds what another lab has built of the same recipe: a pinned project runs it, nothing is built."""
    bench.write(lab)
    bench.up()
    image = bench.inspect("web")["Config"]["Image"]
    bench.deployment.lock.unlink()
    lab["projects"]["web"]["pinned"] = True
    bench.write(lab)
    assert set(bench.up().changed.values()) == {"delete"}
    assert bench.inspect("web")["Config"]["Image"] == image
