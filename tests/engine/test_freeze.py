"""What people install by hand in a running container comes back into the project's files and its next image."""

import copy
import json
from typing import Any

from tests.engine.bench import Bench

REQUIREMENTS = "# dates\nsix==1.16.0  # for old code\niniconfig==2.0.0\npackaging>=24\n"


def frozen(bench: Bench, *options: str) -> str:
    """What `labform freeze` prints; it must succeed."""
    done = bench.deployment.labform("freeze", "web", "--addresses", addresses(bench), *options, capture=True)
    assert done.returncode == 0
    return done.stdout


def addresses(bench: Bench) -> str:
    """Where the daemon and registry are, as the command takes it."""
    return json.dumps(bench.deployment.addresses)


def test_what_was_installed_by_hand_is_in_the_next_image(bench: Bench, lab: dict[str, Any]) -> None:
    """Upgraded, added and removed: the new container's `pip freeze` is the old one's."""
    lab = copy.deepcopy(lab)
    folder = bench.project / "web"
    folder.mkdir()
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    lab |= {"bases": {"python": {"image": "python:3.12-slim"}}, "builder": {"network": "host"}}
    lab["projects"]["web"] |= {
        "environment": {"kind": "pip", "directory": "../web", "base": "python"},
        "service": {"kind": "command", "command": ["sleep", "infinity"]},
    }
    bench.write(lab)
    bench.up()
    assert frozen(bench) == "web: nothing was installed or removed since its image was built\n"

    bench.run("web", "pip", "install", "--quiet", "six==1.17.0", "attrs==25.1.0")
    bench.run("web", "pip", "uninstall", "--quiet", "--yes", "iniconfig")
    before = bench.run("web", "pip", "freeze")
    assert "-six==1.16.0  # for old code\n" in frozen(bench)
    assert (folder / "requirements.txt").read_text() == REQUIREMENTS

    frozen(bench, "--write")
    wanted = "# dates\nsix==1.17.0  # for old code\npackaging>=24\nattrs==25.1.0\n"
    assert (folder / "requirements.txt").read_text() == wanted
    bench.up()
    assert bench.run("web", "pip", "freeze") == before
    assert frozen(bench) == "web: nothing was installed or removed since its image was built\n"
    bench.settled()
