"""`labform status`: what a person reads first."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Terminal
from tests.labs import hosts, project


@pytest.mark.enable_socket
def test_a_silent_host_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> None:
    """However many projects are on it: each has its row, and the reason stands below with the first of their names."""
    names = [f"p{number:02}" for number in range(30)]
    lab: dict[str, Any] = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(gpu1={"address": f"unix://{tmp_path}/absent.sock"}),
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "projects": {name: project() for name in names},
    }
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(yaml.safe_dump(lab))
    assert labform("lock", "lab.yaml", "--offline")[0] == 0
    code, out, error = labform("status", "lab.yaml")
    assert code == 1
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [[name, "unknown"] for name in names]
    (line,) = error.splitlines()
    assert line.startswith("p00, p01, p02, p03, p04, p05, p06, p07 and 22 more: unknown; host gpu1: ")
