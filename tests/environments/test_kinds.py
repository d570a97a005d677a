"""No field of an environment of conda packages is ignored: each of them, edited, is another recipe."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from labform.environments import Conda, Pixi
from labform.yaml_tree import parse

from tests.environments.golden import FOLDER, declare, site

SHARED: dict[str, Any] = {
    "directory": "other",
    "base": "debian",
    "apt": ["bc"],
    "env": {"A": "new"},
    "python": "3.12",
    "files": ["mine.txt", "more.txt"],
}
OWN: dict[str, tuple[Any, dict[str, Any]]] = {
    "conda-explicit": (Conda, {"file": "other.txt"}),
    "pixi-environment": (Pixi, {"environment": "new"}),
}
"""By case, its model and another value for each field that only it has."""
EDITS = [(case, key, value) for case, (_, own) in OWN.items() for key, value in {**SHARED, **own}.items()]


@pytest.mark.parametrize(("case", "key", "value"), EDITS, ids=[f"{case}-{key}" for case, key, _ in EDITS])
def test_an_edited_field_is_another_recipe(case: str, key: str, value: Any, tmp_path: Path) -> None:
    """The image is another one; the kind of the case is not."""
    for folder in ("project", "other"):
        shutil.copytree(FOLDER / case / "project", tmp_path / folder)
        (tmp_path / folder / "mine.txt").write_text(folder)
        (tmp_path / folder / "more.txt").write_text("more")
    lines = (FOLDER / case / "project" / "spec.txt").read_text().splitlines() if case == "conda-explicit" else []
    (tmp_path / "project" / "other.txt").write_text("\n".join(lines[:-1]))
    declared = parse((FOLDER / case / "environment.yaml").read_text()).value
    before = declare(**{**declared, "files": ["mine.txt"]})
    after = declare(**{**declared, "files": ["mine.txt"], key: value})
    assert before.recipe(site(tmp_path)).hash != after.recipe(site(tmp_path)).hash
    assert type(before) is type(after) is OWN[case][0]


def test_no_field_is_forgotten() -> None:
    """Every field of both kinds; `git` and `commit` say where the folder is, which test_sources judges."""
    for model, own in OWN.values():
        assert {*SHARED, *own} == set(model.model_fields) - {"kind", "git", "commit"}
