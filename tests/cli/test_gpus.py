"""`labform gpus`: the plan as a table and as JSON, and beside what runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.backends.docker import running
from labform.problems import LabformError

from tests.backends.inspected import container
from tests.cli.conftest import Terminal
from tests.labs import GPUS, hosts, project

SERVICE = {"kind": "command", "command": ["serve"]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> Terminal:
    """The command on a lab of two hosts with its lock: exit code, output and errors."""
    two = hosts(gpu1={"address": "ssh://lab@gpu1.invalid", "gpus": GPUS}, gpu2={"address": "ssh://lab@gpu2.invalid"})
    lab: dict[str, Any] = {
        "format": 1,
        "lab": "unit",
        "runs_on": two,
        "registry": {"address": "registry.invalid/unit"},
        "groups": {"student": {"gpus": 3}},
        "people": {"anna": {"uid": 10042, "group": "student"}},
        "projects": {"thesis": project(service=SERVICE, gpus=2)},
    }
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(yaml.safe_dump(lab))

    assert labform("lock", "lab.yaml", "--offline")[0] == 0
    return labform


def seen(monkeypatch: pytest.MonkeyPatch, **containers: Any) -> None:
    """Let the hosts answer with these containers, by name with `_` for `-`; gpu2 is silent."""
    found = {name.replace("_", "-"): one for name, one in containers.items()}
    answers = {"gpu1": found, "gpu2": LabformError("host gpu2: cannot be reached")}
    monkeypatch.setattr(running, "containers_on", lambda hosts: {name: answers[name] for name in hosts})


def test_without_a_lock_it_is_what_the_first_would_say(run: Terminal) -> None:
    """From the stack file alone, and said so; nothing is written."""
    planned = run("gpus", "lab.yaml")[1]
    Path("lab.lock").unlink()
    code, out, error = run("gpus", "lab.yaml")
    assert (code, out) == (0, planned)
    assert error == "note: there is no lock yet; this is what `labform lock lab.yaml` would give\n"
    assert not Path("lab.lock").exists()


def test_gpus_names_holders_and_what_is_free(run: Terminal) -> None:
    """Each GPU with its holder, as a table and as JSON; no host is asked."""
    code, out, _ = run("gpus", "lab.yaml")
    assert code == 0
    assert [line.split()[1:] for line in out.splitlines()[1:5]] == [
        ["GPU-a", "A100-40GB", "whole", "thesis", "anna"],
        ["GPU-b", "A100-40GB", "whole", "thesis", "anna"],
        ["GPU-c", "A100-40GB", "whole", "free", "-"],
        ["GPU-d", "A100-40GB", "whole", "free", "-"],
    ]
    assert "\n2 of 4 held\n" in out
    rows = json.loads(run("gpus", "lab.yaml", "--json")[1])["gpus"]
    assert [row["holder"] for row in rows] == ["thesis", "thesis", None, None]


def test_gpus_says_what_people_use(run: Terminal) -> None:
    """Each person's usage of what they may, with the place of the limit in JSON."""
    titles, anna = run("gpus", "lab.yaml")[1].splitlines()[-2:]
    assert titles.split()[:4] == ["PERSON", "GPUS", "CPUS", "MEMORY"]
    assert anna.split()[:7] == ["anna", "2", "of", "3", "1", "of", "unlimited"]
    usage = json.loads(run("gpus", "lab.yaml", "--json")[1])["quotas"]
    assert {"person": "anna", "kind": "gpus", "used": "2", "limit": "3", "source": "groups.student.gpus"} in usage


def test_live_names_who_runs(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is on each GPU stands in the table; strangers and a silent host are named, and the exit code says so."""
    thesis = container("GPU-a", "GPU-b", lab="unit", project="thesis")
    seen(monkeypatch, unit_thesis=thesis, bob=container("GPU-b"))
    code, out, err = run("gpus", "lab.yaml", "--live")
    assert code == 1
    assert [line.split(maxsplit=6)[6].strip() for line in out.splitlines()[1:5]] == [
        "unit-thesis",
        "bob, unit-thesis",
        "-",
        "-",
    ]
    assert err == (
        "gpu1: bob from outside the lab has GPU-b: GPU-b is planned for thesis\nhost gpu2: cannot be reached\n"
    )


def test_live_as_json(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for programs: users by row, differences, hosts that did not answer."""
    seen(monkeypatch, unit_thesis=container("GPU-a", lab="unit", project="thesis"))
    code, out, _ = run("gpus", "lab.yaml", "--live", "--json")
    found = json.loads(out)
    assert code == 1
    assert [row["live"] for row in found["gpus"]] == [["unit-thesis"], [], [], []]
    message = "has GPU-a, planned: GPU-a, GPU-b; run `pulumi up`"
    assert found["differences"] == [{"host": "gpu1", "container": "unit-thesis", "message": message}]
    assert found["unreachable"] == ["host gpu2: cannot be reached"]


def test_an_unreachable_host_leaves_its_rows_open(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows who runs there: a question mark, and null."""
    silent = {name: LabformError(f"host {name}: silent") for name in ("gpu1", "gpu2")}
    monkeypatch.setattr(running, "containers_on", lambda hosts: {name: silent[name] for name in hosts})
    code, out, err = run("gpus", "lab.yaml", "--live")
    assert (code, err) == (1, "host gpu1: silent\nhost gpu2: silent\n")
    assert [line.split()[-1] for line in out.splitlines()[1:5]] == ["?"] * 4


def test_a_lab_without_gpus_says_so(run: Terminal) -> None:
    """A sentence in place of a table that is empty; what people use is said all the same."""
    lab = yaml.safe_load(Path("lab.yaml").read_text())
    lab["runs_on"] = hosts(gpu1={"address": "ssh://lab@gpu1.invalid"})
    del lab["projects"]["thesis"]["gpus"]
    Path("lab.yaml").write_text(yaml.safe_dump(lab))
    assert run("lock", "lab.yaml", "--offline")[0] == 0
    assert run("gpus", "lab.yaml")[1].startswith("the lab declares no GPU\n\nPERSON ")
