"""Edits of a lab: the plan from two commits and the summary of a preview name what `pulumi up` then does."""

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from labform.plan.page import Page
from labform.plan.preview import page_of

import sandbox
from tests.engine.bench import PORTS, Bench, Outcome
from tests.engine.test_preview import apart
from tests.engine.versioned import Round, Versioned

OTHER = "other"
PREBUILT = {"kind": "prebuilt", "image": "python:3.12-slim"}
SLEEP = {"owner": "anna", "environment": PREBUILT, "service": {"kind": "command", "command": ["sleep", "infinity"]}}
FAMILY = {"create-replacement": "replace", "delete-replaced": "replace"}
OPERATIONS = {
    **dict.fromkeys(("replaced", "moved"), "replace"),
    **dict.fromkeys(("removed", "retired"), "delete"),
    "created": "create",
    "updated": "update",
}


def lab(name: str) -> dict[str, Any]:
    """Two hosts, and a project for each edit that does not meet another one."""
    gpus = [{"uuid": f"GPU-{key}", "model": "A100"} for key in "abc"]
    projects = {key: copy.deepcopy(SLEEP) for key in ("keeper", "gpu", "gone", "moves", "owned", "holder")}
    projects["gpu"]["gpus"] = 1
    projects["gone"]["gpus"] = 1
    projects["moves"]["host"] = "local"
    projects["holder"]["mounts"] = {"work": "/workspace"}
    for key in ("based", "packaged"):
        projects[key] = {**copy.deepcopy(SLEEP), "environment": {"kind": "dockerfile", "directory": f"../{key}"}}
    # Every container is in its place before any project without a wish is placed.
    for one in projects.values():
        one.setdefault("host", "local")
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "docker", "hosts": {"local": {"ports": PORTS, "gpus": gpus}, "second": {}}},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "groups": {"student": {"gpus": 4}},
        "people": {"anna": {"uid": 10042, "group": "student"}, "ben": {"uid": 10043}},
        "volumes": {"work": {"owner": "anna", "host": "local"}, "stays": {"owner": "anna", "host": "local"}},
        "projects": projects,
    }


class World(Versioned):
    """The lab of this module, in a git repository of its own."""

    def __init__(self, bench: Bench, other: str) -> None:
        """Start the repository; `other` is an image by digest."""
        super().__init__(bench, "based", "packaged")
        self.other = other

    def folder(self, name: str, *, base: str = "python:3.12-slim", package: str = "numpy==1.0") -> None:
        """An environment of a file or two."""
        place = self.bench.project / name
        place.mkdir(exist_ok=True)
        (place / "Dockerfile").write_text(f"FROM {base}\nCOPY requirements.txt /\n")
        (place / "requirements.txt").write_text(f"{package}\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[World]:
    """Two daemons, a lab on both, deployed."""
    root = tmp_path_factory.mktemp("second")
    second = sandbox.start(root, name=f"second-{uuid.uuid4().hex[:6]}")
    bench = Bench(tmp_path_factory.mktemp("plan"), box, tools, f"p{uuid.uuid4().hex[:6]}")
    apart(bench, {"second": second.docker_host})
    made = World(bench, bench.other_image(OTHER))
    for name in ("based", "packaged"):
        made.folder(name)
    bench.write(lab(bench.name))
    bench.deployment.prepare()
    made.up()
    yield made
    bench.close()
    sandbox.remove(root)


@pytest.fixture(scope="module")
def nothing(world: World) -> Round:
    """The same lab again."""
    return world.round(world.bench.lab)


@pytest.fixture(scope="module")
def edits(world: World, nothing: Round) -> Round:
    """Eight edits, each of a project or volume of its own."""
    lab = copy.deepcopy(world.bench.lab)
    lab["projects"]["gpu"]["gpus"] = 2
    lab["projects"]["new"] = {**copy.deepcopy(SLEEP), "host": "local"}
    del lab["projects"]["gone"]
    lab["groups"]["student"]["gpus"] = 3
    lab["projects"]["owned"]["owner"] = "ben"
    lab["projects"]["moves"]["host"] = "second"
    world.folder("based", base=world.other)
    world.folder("packaged", package="numpy==2.0")
    lab["retired"] = {"work": lab["volumes"].pop("work")}
    lab["projects"]["holder"].pop("mounts")
    return world.round(lab)


@pytest.fixture(scope="module")
def forgotten(world: World, edits: Round) -> Round:
    """The volume that is on its way out is out."""
    lab = copy.deepcopy(world.bench.lab)
    del lab["retired"]
    return world.round(lab)


def told(page: Page, name: str) -> dict[str, str]:
    """The operations on the project's resources that a page means."""
    found = {
        f"Container {name}-{one.name}": OPERATIONS[one.action] for one in page.projects if one.action in OPERATIONS
    }
    built = {f"Image {name}-{one.name}" for one in page.projects if one.builds}
    return {**found, **dict.fromkeys(built, "build")}


def done(outcome: Outcome) -> dict[str, str]:
    """The operations on containers and images that the engine did."""
    found = {}
    for key, op in outcome.changed.items():
        kind = key.split()[0]
        if kind == "Container":
            found[key] = FAMILY.get(op, op)
        elif kind == "Image" and op != "delete":
            found[key] = "build"
    return found


def others(outcome: Outcome) -> set[str]:
    """The other resources, components aside, that the engine did something to."""
    seen = {"Container", "Image", "DockerWorkspace", "Lab", "Stack"}
    return {key.split()[1] for key in outcome.changed if key.split()[0] not in seen}


@pytest.mark.parametrize("change", ["nothing", "edits", "forgotten"])
@pytest.mark.parametrize("said", ["plan", "summary"])
def test_every_effect_is_named(request: pytest.FixtureRequest, world: World, change: str, said: str) -> None:
    """Neither less nor more than the engine did, resource by resource."""
    found: Round = request.getfixturevalue(change)
    page: Page = getattr(found, said)
    assert told(page, world.bench.name) == done(found.outcome), page
    assert {one for one in others(found.outcome) if not any(one in line for line in page.lab)} == set()
    assert len(page.lab) == len(others(found.outcome))
    assert page.changes == bool(found.outcome.changed)


def test_each_edit_is_in_its_words(world: World, edits: Round) -> None:
    """What a reviewer looks for stands in the plan: GPU, owner, host, base, package, quota."""
    why = {one.name: "; ".join(one.why) for one in edits.plan.projects}
    assert "gpus: 1 → 2" in why["gpu"]
    assert "owner: anna → ben" in why["owned"]
    assert "host: local → second" in why["moves"]
    assert "base: " in why["based"]
    assert "requirements.txt: numpy 1.0 → 2.0" in why["packaged"]
    assert ("anna", "gpus", "2", "2", "4 → 3") in [
        (one.person, one.kind, one.before, one.after, one.limit) for one in edits.plan.quotas
    ]
    assert {(one.before, one.after) for one in edits.plan.gpus} == {("gone", "gpu")}
    assert [(one.gpu, one.before, one.after) for one in edits.summary.gpus] == [
        (one.gpu, one.before, one.after) for one in edits.plan.gpus
    ]


def test_data_at_risk_is_named(edits: Round, forgotten: Round) -> None:
    """A volume on its way out is a risk on both pages, in both rounds."""
    for found in (edits.plan, edits.summary, forgotten.plan, forgotten.summary):
        assert [one for one in found.risks if "work" in one.subject + one.message]


def test_a_dropped_volume_is_refused_by_all_three(world: World, edits: Round) -> None:
    """The plan and the summary say why; the engine changes nothing."""
    kept = world.bench.lab
    lab = copy.deepcopy(kept)
    del lab["volumes"]["stays"]
    world.bench.write(lab)
    page = world.planned("HEAD", None)
    said = world.bench.deployment.pulumi("preview", "--json", check=False, capture=True)
    outcome = world.bench.up(lock=False, ok=False)
    world.bench.write(kept)
    assert said.returncode != 0
    summary = page_of(said.stdout)
    assert "error[volume-dropped]" in page.head_error
    assert "error[volume-dropped]" in summary.head_error
    assert "error[volume-dropped]" in outcome.text
    assert outcome.changed == {}
    assert not page.changes
