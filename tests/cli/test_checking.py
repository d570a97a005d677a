"""`labform check` with several files: everything that is wrong in one run, and nothing that was not looked at."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Terminal
from tests.labs import GPUS, hosts, project


def written(name: str, **sections: Any) -> str:
    """A stack file of a lab on the server that all of these share."""
    lab = {
        "format": 1,
        "lab": name,
        "runs_on": hosts(gpu1={"address": "ssh://lab@gpu1.invalid", "gpus": GPUS[:1]}),
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "projects": {f"thesis-{name}": project(gpus=1)},
        **sections,
    }
    Path(f"{name}.yaml").write_text(yaml.safe_dump(lab))
    return f"{name}.yaml"


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two labs that want the one GPU of a server."""
    monkeypatch.chdir(tmp_path)
    return [written("a"), written("b")]


def test_two_labs_on_one_gpu_are_refused(two: list[str], labform: Terminal) -> None:
    """Each is well by itself, which is said; together they are not, and the exit code is 1."""
    for file in two:
        assert labform("lock", file, "--offline")[0] == 0
        assert labform("check", file)[0] == 0
    code, out, err = labform("check", *two)
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines() if line.endswith(": ok")] == two
    assert err.startswith(
        "b.yaml:11:11: error[two-labs] projects.thesis-b.gpus: the locks give GPU-a to thesis-b (anna) of "
    )


def test_a_missing_lock_is_no_pass(two: list[str], labform: Terminal) -> None:
    """What was not compared is said, and refused."""
    labform("lock", "a.yaml", "--offline")
    code, _, err = labform("check", *two)
    assert code == 1
    assert err.splitlines() == [
        "b.yaml: error[no-lock] there is no b.lock; run `labform lock b.yaml` and commit it",
        "note: GPUs, ports and sums of a file that is refused are not compared with the others",
    ]


def test_all_faults_of_all_files_are_in_one_run(two: list[str], labform: Terminal) -> None:
    """The second file's faults do not wait for the first one's."""
    code, _, err = labform("check", *two, "gone.yaml")
    assert code == 1
    assert [line.split(":")[0] for line in err.splitlines()] == [*two, "gone.yaml"]


def test_a_file_that_is_given_twice_is_one_lab(two: list[str], labform: Terminal) -> None:
    """A pattern and a name may overlap."""
    labform("lock", "a.yaml", "--offline")
    assert labform("check", "a.yaml", "a.yaml")[0] == 0


def test_one_lock_is_not_the_lock_of_two(two: list[str], labform: Terminal) -> None:
    """Each has its own beside it."""
    code, _, err = labform("check", *two, "--lock", "a.lock")
    assert (code, err.startswith("--lock: give it with one stack file")) == (1, True)
