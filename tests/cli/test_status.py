"""`labform status`: what a person reads first."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.backends.inspected import container
from tests.cli.conftest import Terminal
from tests.labs import GPUS, hosts, project


def service() -> dict[str, Any]:
    """A service of its own: what stands in two places would be written as an alias, which no stack file has."""
    return {"kind": "command", "command": ["serve"]}


def unit(**sections: Any) -> dict[str, Any]:
    """A lab of one person."""
    start = {"format": 1, "lab": "unit", "registry": {"address": "registry.invalid/unit"}}
    return {**start, "people": {"anna": {"uid": 10042}}, **sections}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> Callable[..., tuple[int, str, str]]:
    """`labform status` of a lab: exit code, output and errors."""

    def ask(lab: dict[str, Any], *words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        Path("lab.yaml").write_text(yaml.safe_dump(lab))
        assert labform("lock", "lab.yaml", "--offline")[::2] == (0, "")
        return labform("status", "lab.yaml", *words)

    return ask


@pytest.mark.enable_socket
def test_a_silent_host_is_said_once(tmp_path: Path, asked: Callable[..., tuple[int, str, str]]) -> None:
    """However many projects are on it: each has its row, and the reason stands below with the first of their names."""
    names = [f"p{number:02}" for number in range(30)]
    gone = hosts(gpu1={"address": f"unix://{tmp_path}/absent.sock"})
    code, out, error = asked(unit(runs_on=gone, projects={name: project() for name in names}))
    assert code == 1
    title, *rows = [line.split() for line in out.splitlines()]
    assert title == ["PROJECT", "OWNER", "STATE", "IMAGE", "REACH", "IT", "AT", "DATA"]
    assert [row[:3] for row in rows] == [[name, "anna", "unknown"] for name in names]
    (line,) = error.splitlines()
    assert line.startswith("p00, p01, p02, p03, p04, p05, p06, p07 and 22 more: unknown; host gpu1: ")


def test_gpus_and_dates_are_beside_what_runs(
    asked: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each project is given, until when its owner is there, and one that runs with another's GPU."""
    lab = unit(
        runs_on=hosts(gpu1={"gpus": GPUS}),
        people={"anna": {"uid": 10042, "until": dt.date(2027, 3, 31)}, "ben": {"uid": 10043}},
        projects={
            "thesis": project(service=service(), gpus=2),
            "site": project(service=service(), owner="ben", gpus=1),
            "text": project(service=service(), owner="ben"),
        },
    )
    held = {"thesis": ["GPU-a", "GPU-b"], "site": ["GPU-b"], "text": []}
    seen = {f"unit-{name}": container(*gpus, lab="unit", project=name) for name, gpus in held.items()}
    monkeypatch.setattr("labform.backends.docker.status.containers_on", lambda *_, **__: {"gpu1": seen})
    code, out, error = asked(lab)
    assert [line.split()[:7] for line in out.splitlines()] == [
        ["PROJECT", "OWNER", "UNTIL", "STATE", "GPUS", "IMAGE", "REACH"],
        ["site", "ben", "-", "other-gpus", "gpu1:", "A100-40GB", "image"],
        ["text", "ben", "-", "running", "-", "image", "-"],
        ["thesis", "anna", "2027-03-31", "running", "gpu1:", "2", "x"],
    ]
    assert (code, error) == (1, "site: other-gpus; has GPU-b, planned: GPU-c; run `pulumi up`\n")
    rows = {row["project"]: row for row in json.loads(asked(lab, "--json")[1])}
    assert [one["gpu"] for one in rows["thesis"]["gpus"]] == ["GPU-a", "GPU-b"]
    assert (rows["thesis"]["until"], rows["text"]["until"], rows["text"]["gpus"]) == ("2027-03-31", None, [])
