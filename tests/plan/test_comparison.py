"""Plans: what each edit of a lab is said to do."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labform.loading import load
from labform.plan import comparison
from labform.plan.effects import effects
from labform.plan.registrations import registrations

from tests.plan.repository import FILE, IMAGE, PREBUILT, SLEEP, Repository, small

OTHER = f"python@sha256:{'b' * 64}"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A lab, committed; its home holds data."""
    made = Repository(tmp_path_factory.mktemp("original") / "clone")
    made.write(small(), home="created")
    made.commit()
    return made


@pytest.fixture
def repository(original: Repository, tmp_path: Path) -> Repository:
    """A copy for one test."""
    return original.copy(tmp_path / "clone")


def edited(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The small lab after an edit."""
    lab = copy.deepcopy(small())
    change(lab)
    return lab


def test_nothing(repository: Repository) -> None:
    """Without an edit there is nothing to say."""
    page = repository.plan()
    assert (page.changes, page.projects, page.risks, page.lab, page.gpus, page.quotas) == (False, (), (), (), (), ())
    assert page.unchanged == 2


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], dict[str, str]]] = {
    "gpus": (lambda lab: lab["projects"]["thesis"].update(gpus=2), {"thesis": "replaced"}),
    "new": (lambda lab: lab["projects"].update(more=copy.deepcopy(SLEEP)), {"more": "created"}),
    "removed": (lambda lab: lab["projects"].pop("paper"), {"paper": "removed"}),
    "retired": (lambda lab: lab["projects"]["paper"].update(state="retired"), {"paper": "retired"}),
    "renamed": (
        lambda lab: lab["projects"].update(report=lab["projects"].pop("paper")),
        {"paper": "removed", "report": "created"},
    ),
    "env": (lambda lab: lab["projects"]["paper"].update(env={"A": "1"}), {"paper": "replaced"}),
    "memory": (lambda lab: lab["projects"]["paper"].update(resources={"memory": "3Gi"}), {"paper": "updated"}),
    "memory of a GPU project": (
        lambda lab: lab["projects"]["thesis"].update(resources={"memory": "3Gi"}),
        {"thesis": "replaced"},
    ),
    "memory of a group": (
        lambda lab: lab["groups"]["student"].update(resources={"memory": "3Gi"}),
        {"paper": "updated", "thesis": "replaced"},
    ),
    "CPUs of all": (
        lambda lab: lab.update(defaults={"resources": {"cpus": 2}}),
        {"paper": "replaced", "thesis": "replaced"},
    ),
    "retries": (lambda lab: lab["projects"]["thesis"]["run"].update(retries=3), {"thesis": "updated"}),
    "generation": (lambda lab: lab["projects"]["thesis"]["run"].update(generation=2), {"thesis": "replaced"}),
    "read-only": (
        lambda lab: lab["projects"]["paper"].update(mounts={"shared": {"path": "/data", "read_only": True}}),
        {"paper": "replaced"},
    ),
    "owner": (lambda lab: lab["projects"]["paper"].update(owner="ben"), {"paper": "replaced"}),
    "host": (
        lambda lab: lab["projects"]["paper"].update(host="two", mounts={}),
        {"paper": "moved"},
    ),
    "email": (
        lambda lab: lab["people"]["anna"].update(email="a@b.example"),
        {"paper": "replaced", "thesis": "replaced"},
    ),
    "until": (lambda lab: lab["people"]["ben"].update(until="2030-01-01"), {}),
    "until of an owner": (
        lambda lab: lab["people"]["anna"].update(until="2030-01-01"),
        {"paper": "no effect", "thesis": "no effect"},
    ),
    "quota": (lambda lab: lab["groups"]["student"].update(gpus=3), {}),
    "image": (
        lambda lab: lab["projects"]["paper"].update(environment={**PREBUILT, "image": OTHER}),
        {"paper": "replaced"},
    ),
    "registry": (
        lambda lab: lab["registry"].update(address="registry.invalid/other"),
        {"paper": "replaced", "thesis": "replaced"},
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit(repository: Repository, name: str) -> None:
    """What happens to each project, from the files as they are and from a commit alike."""
    change, expected = EDITS[name]
    repository.write(edited(change), home="created")
    page = repository.plan()
    assert {one.name: one.action for one in page.projects} == expected
    assert all(one.why for one in page.projects if one.action in ("replaced", "updated", "moved"))
    head = repository.commit()
    assert repository.plan("HEAD~1", head) == page


@pytest.mark.parametrize("name", EDITS)
def test_unchanged_projects_are_left_out_of_the_recording_alone(repository: Repository, name: str) -> None:
    """What the plan records of some projects is what it would find in a recording of all."""
    path = repository.folder / FILE
    before = load(path)
    recorded = registrations(before.lab, before.lock, before.recipes)
    repository.write(edited(EDITS[name][0]), home="created")
    after = load(path)
    whole = effects(recorded, registrations(after.lab, after.lock, after.recipes))
    both = {*before.lab.running()} & {*after.lab.running()}
    page = comparison.compare("x", comparison.Side(before), comparison.Side(after))
    told = {one.name for one in page.projects if one.action != "no effect"}
    assert {one.project for one in whole if one.project in both} == told & both


def test_gpus_and_quotas(repository: Repository) -> None:
    """Which GPU goes to whom, and what a person then asks for."""
    repository.write(edited(lambda lab: lab["projects"]["thesis"].update(gpus=2)), home="created")
    page = repository.plan()
    assert [(one.host, one.gpu, one.before, one.after) for one in page.gpus] == [("one", "GPU-b", None, "thesis")]
    assert [(one.person, one.kind, one.before, one.after, one.limit) for one in page.quotas] == [
        ("anna", "gpus", "1", "2", "2")
    ]


RISKS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "retired": (
        lambda lab: (
            lab.update(retired={"home": lab["volumes"].pop("home")}),
            lab["projects"]["thesis"].pop("mounts"),
        ),
        "volume home of anna: retired",
    ),
    "host path": (lambda lab: lab["volumes"]["shared"].update(path="/more/y"), "/data/x on one → /more/y on one"),
    "host path dropped": (
        lambda lab: (lab["volumes"].pop("shared"), lab["projects"]["paper"].pop("mounts")),
        "volume shared: dropped",
    ),
    "no longer mounted": (lambda lab: lab["projects"]["thesis"].pop("mounts"), "no longer has volume home"),
    "mounted elsewhere": (
        lambda lab: lab["projects"]["thesis"].update(mounts={"home": "/workspace"}),
        "volume home moves from /home/lab to /workspace",
    ),
    "owner": (lambda lab: lab["projects"]["paper"].update(owner="ben"), "runs for ben instead of anna"),
    "uid of a person without data": (lambda lab: lab["people"]["ben"].update(uid=10099), "files of ben: runs as"),
    "address": (
        lambda lab: lab["runs_on"]["hosts"]["two"].update(address="ssh://lab@three.invalid"),
        "host two: ssh://lab@two.invalid → ssh://lab@three.invalid",
    ),
    "host gone": (lambda lab: lab["runs_on"]["hosts"].pop("two"), "host two: leaves the lab"),
}


@pytest.mark.parametrize("name", RISKS)
def test_data_at_risk(repository: Repository, name: str) -> None:
    """Each change after which files are somewhere else than people look is said first."""
    change, said = RISKS[name]
    repository.write(edited(change), home="created")
    assert [one for one in repository.plan().risks if said in f"{one.subject}: {one.message}"]


def test_a_lock_that_forgets_data(repository: Repository) -> None:
    """An edited lock that no longer says that a volume holds data is a risk, though the new side is valid."""
    lock = repository.folder / FILE.with_suffix(".lock")
    lock.write_text(lock.read_text().replace("created", "planned"))
    page = repository.plan()
    assert not page.head_error
    assert [one.message for one in page.risks] == ["the lock no longer says that it holds data"]


def test_why_an_image_is_built(tmp_path: Path) -> None:
    """Its base, its files and the packages that they name; nothing of a file's text but names and versions."""
    made = Repository(tmp_path / "clone")
    folder = made.folder / "own"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /\n")
    (folder / "requirements.txt").write_text("numpy==1.0\n--index-url https://user:hush@x.invalid\n")
    (folder / "keys.txt").write_text("hush-1")
    (folder / "uv.lock").write_text('[[package]]\nname = "torch"\nversion = "2.0"\n')
    lab = small()
    lab["projects"]["paper"]["environment"] = {"kind": "dockerfile", "directory": "../own"}
    made.write(lab)
    made.commit()
    (folder / "Dockerfile").write_text(f"FROM {OTHER}\nCOPY . /\n")
    (folder / "requirements.txt").write_text("numpy==2.0\n--index-url https://user:hush2@x.invalid\n")
    (folder / "keys.txt").write_text("hush-2")
    (folder / "uv.lock").write_text('[[package]]\nname = "torch"\nversion = "2.1"\n')
    (folder / "more.txt").write_text("x")
    made.write(lab)
    (change,) = made.plan().projects
    why = "; ".join(change.why)
    assert (change.action, change.builds) == ("replaced", True)
    assert "numpy 1.0 → 2.0" in why
    assert "torch 2.0 → 2.1" in why
    assert "keys.txt changes" in why
    assert "+ more.txt" in why
    assert f"base: python@{'a' * 12} → python@{'b' * 12}" in why
    assert "hush" not in why


def test_a_side_that_does_not_load(repository: Repository) -> None:
    """The new side's errors are the page; the old side's make everything new."""
    repository.write(edited(lambda lab: lab["projects"]["paper"].update(gpu=1)), lock=False)
    page = repository.plan()
    assert page.head_error.startswith("stacks/lab.yaml:")
    assert 'did you mean "gpus"?' in page.head_error
    assert str(repository.folder) not in page.head_error
    assert not page.changes
    broken = repository.commit()
    repository.write(small(), home="created")
    page = repository.plan(broken)
    assert "error[unknown-key]" in page.base_error
    assert {one.action for one in page.projects} == {"created"}


def test_a_new_and_a_removed_stack_file(repository: Repository) -> None:
    """A base without the file makes everything new; a head without it says what goes on, unmanaged."""
    (repository.folder / FILE).unlink()
    assert "unmanaged" in repository.plan().notes[0]
    empty = repository.commit()
    repository.write(small(), home="created")
    page = repository.plan(empty)
    assert {one.action for one in page.projects} == {"created"}
    assert [one.after for one in page.gpus] == ["thesis"]


def test_a_stale_lock_is_the_page(repository: Repository) -> None:
    """As `pulumi up` refuses it, with the command to run."""
    repository.write(edited(lambda lab: lab["projects"]["thesis"].update(gpus=2)), lock=False)
    assert "run `labform lock stacks/lab.yaml`" in repository.plan().head_error


def test_pinning_what_runs(repository: Repository) -> None:
    """A project that from now on runs the image that it runs already keeps its container."""
    path = repository.folder / FILE
    built = load(path).recipes["paper"].hash
    lock = path.with_suffix(".lock")
    digest = "d" * 64
    entry = f"builds:\n  paper: {{recipe: '{built}', image: 'registry.invalid/unit/paper@sha256:{digest}'}}\n"
    repository.write(edited(lambda lab: lab["projects"]["paper"].update(pinned=True)), lock=False)
    lock.write_text(lock.read_text() + entry)
    page = repository.plan()
    assert not page.head_error
    assert [(one.name, one.action, one.builds, one.why) for one in page.projects] == [
        ("paper", "updated", False, ("pinned: false → true",))
    ]


def test_many_projects_are_recorded_in_batches(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same page as at once."""
    repository.write(edited(lambda lab: lab["registry"].update(address="registry.invalid/other")), home="created")
    page = repository.plan()
    monkeypatch.setattr("labform.plan.registrations._BATCH", 1)
    assert repository.plan() == page
    assert len(page.projects) == 2


def test_what_buildkit_builds(tmp_path: Path) -> None:
    """Another recipe is another image and another container; another builder's address is neither."""
    made = Repository(tmp_path / "clone")
    lab = small(builder={"engine": "buildkit", "secrets": {"netrc": {"from": "index-logins"}}})
    made.write(lab)
    made.commit()
    lab["builder"]["address"] = "ssh://ci@builder.invalid"
    made.write(lab)
    assert {one.action for one in made.plan().projects} <= {"no effect"}
    lab["projects"]["paper"]["environment"] = {"kind": "prebuilt", "image": OTHER}
    made.write(lab)
    (change,) = [one for one in made.plan().projects if one.builds]
    assert (change.name, change.action) == ("paper", "replaced")
