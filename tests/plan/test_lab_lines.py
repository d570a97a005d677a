"""Plans: what is said of what belongs to no project, such as volumes and the connection to the builder."""

from pathlib import Path

import pytest
from labform.loading import read
from labform.lockfile import LockedBuild, write_lock
from labform.recipes import recipes_of

from tests.plan.repository import FILE, Repository, small


@pytest.mark.parametrize("others", [True, False])
def test_the_builder_stays_as_long_as_anybody_builds(tmp_path: Path, *, others: bool) -> None:
    """Pinning one of several projects is no news of the connection to the builder; pinning the last one is."""
    made = Repository(tmp_path / "clone")
    lab = small()
    if not others:
        del lab["projects"]["thesis"]
    made.write(lab)
    draft = read(made.folder / FILE)
    built = LockedBuild(recipe=recipes_of(draft).recipes["paper"].hash, image=f"registry.invalid/x@sha256:{'d' * 64}")
    write_lock(draft.lock_path, draft.lock.model_copy(update={"builds": {"paper": built}}))
    made.commit()
    lab["projects"]["paper"]["pinned"] = True
    made.write(lab)
    said = ("connection to the Docker host unit-builder: removed",)
    page = made.plan()
    assert page.lab == (() if others else said)
    assert [one.name for one in page.projects] == ["paper"]


@pytest.mark.parametrize("section", ["volumes", "retired"])
def test_a_dropped_volume_that_the_lock_calls_planned(tmp_path: Path, section: str) -> None:
    """Nobody ran `labform lock` after the `up`: the page says that this is refused, unless it was retired before."""
    made = Repository(tmp_path / "clone")
    lab = small()
    del lab["projects"]["thesis"]["mounts"]
    lab.setdefault(section, {})["home"] = lab["volumes"].pop("home")
    made.write(lab)
    made.commit()
    del lab[section]["home"]
    made.write(lab)
    page = made.plan()
    refused = "which `pulumi up` refuses, with all else, where it exists already; run `labform lock` first"
    said = f"removed, {refused}" if section == "volumes" else "leaves the state, kept on its host"
    assert page.lab == (f"volume unit-home: {said}",)
    assert [refused in one.message for one in page.risks] == [section == "volumes"]
