"""What is left of a faulty file: enough to find more faults in one run, never so little that one is invented."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from labform.loading import read
from labform.problems import ProblemsError
from labform.remainder import remainder

STACKS = Path(__file__).parents[1] / "stacks"
SECTIONS = ("bases", "groups", "people", "volumes", "projects")
FULL: dict[str, Any] = yaml.safe_load((STACKS / "gpu-server.yaml").read_text(encoding="utf-8"))
PLACES = [(section, key) for section in SECTIONS for key in FULL[section]]
LAB: dict[str, Any] = {
    "lab": "x",
    "groups": {"g": {}, "h": {}},
    "people": {"anna": {"group": "g"}, "ben": {}},
    "volumes": {"home": {"owner": "anna"}, "data": {"path": "/data"}},
    "projects": {"p": {"owner": "ben", "mounts": {"home": "/home/lab"}}, "q": {"owner": "ben"}},
}


@pytest.mark.parametrize(
    ("faults", "left"),
    [
        (
            [("projects", "q", "gpus")],
            {"groups": "gh", "people": ["anna", "ben"], "volumes": ["home", "data"], "projects": "p"},
        ),
        ([("volumes", "home")], {"groups": "gh", "people": ["anna", "ben"], "volumes": ["data"], "projects": "q"}),
        ([("groups", "g", "gpus")], {"groups": "h", "people": ["ben"], "volumes": ["data"], "projects": "q"}),
        (
            [("people", "ben"), ("groups", "h")],
            {"groups": "g", "people": ["anna"], "volumes": ["home", "data"], "projects": ""},
        ),
    ],
)
def test_what_names_a_faulty_entry_goes_with_it(faults: list[Any], left: dict[str, Any]) -> None:
    """By whatever field, over as many steps as it takes."""
    rest = remainder(LAB, faults)
    assert rest is not None
    assert rest["lab"] == "x"
    assert {section: [*rest[section]] for section in left} == {section: [*keys] for section, keys in left.items()}


@pytest.mark.parametrize("fault", [(), ("lab",), ("groups",), ("runs_on", "hosts", "local"), ("defaults", "base")])
def test_what_is_wrong_for_all_leaves_nothing(fault: tuple[str, ...]) -> None:
    """A fault outside of the entries, in the kind of a section, or in what the lab itself names."""
    assert remainder(LAB, [fault]) is None
    assert remainder({**LAB, "defaults": {"base": "g"}}, [("groups", "g")]) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's, for a stack file and the projects that it names."""
    root = tmp_path_factory.mktemp("lab")
    (root / "Pulumi.yaml").touch()
    (root / "stacks").mkdir()
    shutil.copytree(STACKS.parent / "projects" / "training", root / "projects" / "training")
    return root / "stacks"


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(PLACES), min_size=1, max_size=4))
def test_no_fault_is_invented(folder: Path, broken: set[tuple[str, str]]) -> None:
    """Whatever entries of a good lab are spoilt, what is said is said of them alone."""
    data = {section: dict(one) if section in SECTIONS else one for section, one in FULL.items()}
    for section, key in broken:
        data[section][key] = {**data[section][key], "nonsense": 1}
    path = folder / "lab.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ProblemsError) as refused:
        read(path)
    assert {one.location for one in refused.value.problems} == {(*place, "nonsense") for place in broken}
