"""`labform volumes`: each row is of the lab's own data, and what is said to exist is where the lab has it."""

import contextlib
import json
from pathlib import Path

import pytest
import yaml
from labform.backends.docker import running
from labform.lockfile import Lock, LockedVolume, write_lock

from tests.cli.conftest import Terminal
from tests.labs import hosts


@pytest.mark.parametrize("also", [set(), {"home", "past"}])
@pytest.mark.parametrize("here", [set(), {"home", "past"}])
def test_a_volume_of_the_same_id_on_another_host_is_not_meant(
    here: set[str], also: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal
) -> None:
    """One that somebody left on the second host hides no loss on the first; of a past one the lock knows the host."""
    monkeypatch.chdir(tmp_path)
    lab = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(**{name: {"address": f"ssh://lab@{name}.invalid"} for name in ("gpu1", "gpu2")}),
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"owner": "anna", "host": "gpu1"}},
    }
    Path("lab.yaml").write_text(yaml.safe_dump(lab))
    past = LockedVolume(state="retired", host="gpu1", owner="anna", uid=10042)
    write_lock(
        Path("lab.lock"), Lock(lab="unit", volumes={"home": past.model_copy(update={"state": "created"}), "past": past})
    )
    exist = {"gpu1": here, "gpu2": also}
    monkeypatch.setattr(running, "connected", lambda host, *_, **__: contextlib.nullcontext(host))
    monkeypatch.setattr(running, "volumes_of", lambda host, _: exist[host])
    code, out, err = labform("volumes", "lab.yaml", "--live")
    assert (code, err) == ((0, "") if here else (1, "volume home: held data, and unit-home does not exist\n"))
    assert (out.count("on gpu1"), out.count("on gpu2")) == (len(here), 0)


def test_a_directory_with_the_id_of_a_past_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal
) -> None:
    """It is a directory, and not retired as the volume is whose entry stays in the lock."""
    monkeypatch.chdir(tmp_path)
    lab = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(local={"host_paths": ["/data"]}),
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"path": "/data/home"}},
    }
    Path("lab.yaml").write_text(yaml.safe_dump(lab))
    past = LockedVolume(state="retired", host="local", owner="anna", uid=10042)
    write_lock(Path("lab.lock"), Lock(lab="unit", volumes={"home": past}))
    (row,) = json.loads(labform("volumes", "lab.yaml", "--json")[1])
    assert (row["state"], row["owner"], row["data"]) == ("directory", "", "/data/home")
