"""Edits of a cluster lab: the plan and the summary name what `pulumi up` then does, and whose pods it restarts.

Its images are built by a Docker daemon and pushed; pods name them by the digest that the registry has.
"""

import copy
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from labform.plan.preview import page_of

import sandbox.cluster
from sandbox.cluster import Pool
from tests.engine.cluster_bench import BASE, ClusterBench
from tests.engine.versioned import Round, Versioned

A100, H100 = "NVIDIA-A100-SXM4-40GB", "NVIDIA-H100-80GB-HBM3"
POOLS = [
    Pool("a100", nodes=1, product=A100, gpus=4, gpu_memory=40960),
    Pool("h100", nodes=1, product=H100, gpus=2, gpu_memory=81559),
]
NODES = {
    "a100": {"count": 1, "product": A100, "model": "A100-40GB", "gpus": 4},
    "h100": {"count": 1, "product": H100, "model": "H100-80GB", "gpus": 2},
}
SLEEP = {
    "owner": "anna",
    "environment": {"kind": "prebuilt", "image": BASE},
    "service": {"kind": "command", "command": ["sleep", "infinity"], "startup": "20s"},
}
WORKLOADS = ("Deployment", "Job")


def lab(name: str) -> dict[str, Any]:
    """A project for each edit that does not meet another one."""
    projects = {key: copy.deepcopy(SLEEP) for key in ("keeper", "gpu", "gone", "moves", "owned", "holder", "served")}
    projects["gpu"]["gpus"] = {"count": 1, "model": "A100-40GB"}
    projects["gone"]["gpus"] = {"count": 3, "model": "A100-40GB"}
    projects["moves"]["gpus"] = {"count": 1, "model": "H100-80GB"}
    projects["holder"]["mounts"] = {"work": "/workspace"}
    projects["served"]["service"]["port"] = 8000
    for key, kind in (("based", "dockerfile"), ("packaged", "pip")):
        projects[key] = {**copy.deepcopy(SLEEP), "environment": {"kind": kind, "directory": f"../{key}"}}
    return {
        "format": 1,
        "lab": name,
        "runs_on": {"kind": "kubernetes", "nodes": NODES, "wait": "30s"},
        "registry": {"address": "registry.invalid/t", "username": "labform", "password": {"from": "registry-password"}},
        "bases": {"python": {"image": "python:3.12-slim"}},
        "defaults": {"base": "python", "resources": {"cpus": 1, "memory": "1Gi", "shared_memory": "64Mi"}},
        "groups": {"student": {"gpus": 6}},
        "people": {"anna": {"uid": 10042, "group": "student"}, "ben": {"uid": 10043}},
        "volumes": {"work": {"owner": "anna", "size": "1Gi"}, "stays": {"owner": "anna", "size": "1Gi"}},
        "projects": projects,
    }


@dataclass
class PodRound(Round):
    """One change, and the ids of each project's pods before and after it."""

    before: Mapping[str, set[str]]
    after: Mapping[str, set[str]]

    def actions(self, name: str) -> dict[str, str]:
        """What became of each project that something happened to, from the engine's steps and the pods' ids."""
        found: dict[str, str] = {}
        for key, operation in self.outcome.changed.items():
            kind, _, resource = key.partition(" ")
            project = resource.removeprefix(f"{name}-")
            if kind in {*WORKLOADS, "Service", "ConfigMap", "Secret"} and project in {*self.projects}:
                found.setdefault(project, "updated")
                if kind in WORKLOADS and operation in ("create", "delete"):
                    found[project] = "created" if operation == "create" else "removed"
                elif kind in WORKLOADS and operation != "update":
                    found[project] = "replaced"
                elif kind in WORKLOADS and self.before[project] != self.after[project]:
                    found[project] = "restarted"
        return found

    @property
    def projects(self) -> set[str]:
        """Every project of either side."""
        return {*self.before, *self.after}


class World(Versioned):
    """The lab of this module, in a git repository of its own."""

    def folder(self, name: str, *, text: str = "", package: str = "six==1.16.0") -> None:
        """An environment of two files; `text` is what its Dockerfile does first."""
        place = self.bench.project / name
        place.mkdir(exist_ok=True)
        (place / "Dockerfile").write_text(f"FROM python:3.12-slim\n{text}COPY requirements.txt /\n")
        (place / "requirements.txt").write_text(f"{package}\n")

    def pods(self) -> dict[str, set[str]]:
        """The ids of each project's pods."""
        found: dict[str, set[str]] = {key: set() for key in self.bench.lab["projects"]}
        for pod in self.bench.core.list_pod_for_all_namespaces(label_selector=f"labform.lab={self.bench.name}").items:
            found.setdefault(pod.metadata.labels["labform.project"], set()).add(pod.metadata.uid)
        return found

    def round(self, lab: Mapping[str, Any]) -> PodRound:
        """Change the lab, and look at its pods before and after."""
        before = self.pods()
        return PodRound(**vars(super().round(lab)), before=before, after=self.pods())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[World]:
    """A cluster and a builder, the lab deployed."""
    root = tmp_path_factory.mktemp("cluster")
    cluster = sandbox.cluster.start(root, pools=POOLS)
    bench = ClusterBench(tmp_path_factory.mktemp("plan"), cluster, tools, f"k{uuid.uuid4().hex[:5]}", box)
    made = World(bench, "based", "packaged")
    for name in ("based", "packaged"):
        made.folder(name)
    bench.write(lab(bench.name))
    bench.deployment.prepare()
    made.up()
    yield made
    bench.close()
    sandbox.cluster.remove(root)


@pytest.fixture(scope="module")
def nothing(world: World) -> PodRound:
    """The same lab again."""
    return world.round(world.bench.lab)


@pytest.fixture(scope="module")
def edits(world: World, nothing: PodRound) -> PodRound:
    """Nine edits, each of a project or volume of its own."""
    lab = copy.deepcopy(world.bench.lab)
    lab["projects"]["gpu"]["gpus"]["count"] = 2
    lab["projects"]["new"] = copy.deepcopy(SLEEP)
    del lab["projects"]["gone"]
    lab["groups"]["student"]["gpus"] = 5
    lab["projects"]["owned"]["owner"] = "ben"
    lab["projects"]["moves"]["gpus"]["model"] = "A100-40GB"
    lab["projects"]["served"]["service"]["host_port"] = 9000
    world.folder("based", text="RUN echo other > /other\n")
    world.folder("packaged", package="six==1.17.0")
    lab["retired"] = {"work": lab["volumes"].pop("work")}
    lab["projects"]["holder"].pop("mounts")
    return world.round(lab)


@pytest.fixture(scope="module")
def forgotten(world: World, edits: PodRound) -> PodRound:
    """The volume that is on its way out is out."""
    lab = copy.deepcopy(world.bench.lab)
    del lab["retired"]
    return world.round(lab)


@pytest.mark.parametrize("project", ["based", "packaged"])
def test_pods_name_what_was_pushed(world: World, nothing: PodRound, project: str) -> None:
    """By the digest that the registry has, whatever kind of environment it was made from."""
    found = world.bench.apps.read_namespaced_deployment(f"{world.bench.name}-{project}", f"{world.bench.name}-anna")
    name, _, digest = found.spec.template.spec.containers[0].image.partition("@")
    box = world.bench.deployment.box
    assert name == f"{box.registry_address}/t/{project}"
    asked = ["manifest", "inspect", "--insecure", f"{name}@{digest}"]
    subprocess.run([box.docker_cli, *asked], check=True, capture_output=True, env=world.bench.deployment.env)


@pytest.mark.parametrize("change", ["nothing", "edits", "forgotten"])
@pytest.mark.parametrize("said", ["plan", "summary"])
def test_every_effect_is_named(request: pytest.FixtureRequest, world: World, change: str, said: str) -> None:
    """Neither less nor more than engine and cluster did, project by project and object by object."""
    found: PodRound = request.getfixturevalue(change)
    page = getattr(found, said)
    told = {one.name: one.action for one in page.projects if one.action != "no effect"}
    assert told == found.actions(world.bench.name), page
    built = {
        key.removeprefix(f"Image {world.bench.name}-") for key in found.outcome.changed if key.startswith("Image ")
    }
    assert {one.name for one in page.projects if one.builds} == built & found.projects
    whole = {key for key in found.outcome.changed if _of_the_lab(world, key, found.projects)}
    assert len(page.lab) == len(whole), (page.lab, whole)
    assert all(any(key.split()[1] in line for line in page.lab) for key in whole)
    assert page.changes == bool(found.outcome.changed)


def _of_the_lab(world: World, key: str, projects: set[str]) -> bool:
    kind, _, name = key.partition(" ")
    return kind not in {"Image", "KubernetesWorkspace", "Lab", "Stack"} and (
        name.removeprefix(f"{world.bench.name}-") not in projects
    )


def test_each_edit_is_in_its_words(edits: PodRound) -> None:
    """What a reviewer looks for stands in the plan: GPU, owner, port, base, package, quota."""
    why = {one.name: "; ".join(one.why) for one in edits.plan.projects}
    assert "gpus.count: 1 → 2" in why["gpu"]
    assert "owner: anna → ben" in why["owned"]
    assert "gpus.model: H100-80GB → A100-40GB" in why["moves"]
    assert "Dockerfile" in why["based"]
    assert "requirements.txt: six 1.16.0 → 1.17.0" in why["packaged"]
    limits = [(one.person, one.before, one.after, one.limit) for one in edits.plan.quotas if one.kind == "gpus"]
    assert limits == [("anna", "5", "3", "6 → 5")]


def test_gpus_are_said_from_whom_to_whom(edits: PodRound) -> None:
    """By kind and number; the summary knows products and no free ones."""
    moves = [(one.model, one.before, one.after) for one in edits.plan.gpus]
    assert moves == [
        ("A100-40GB", "gone", "gpu"),
        ("A100-40GB", "gone", "moves"),
        ("A100-40GB", "gone", None),
        ("H100-80GB", "moves", None),
    ]
    assert [(one.before, one.after) for one in edits.summary.gpus] == [move[1:] for move in moves]


def test_data_at_risk_is_named(edits: PodRound, forgotten: PodRound) -> None:
    """A volume on its way out is a risk on both pages, in both rounds."""
    for found in (edits.plan, edits.summary, forgotten.plan, forgotten.summary):
        assert [one for one in found.risks if "work" in one.subject + one.message]


def test_a_move_to_a_host_is_refused_by_all_three(world: World, edits: PodRound) -> None:
    """The plan and the summary say why; the engine changes nothing."""
    kept = world.bench.lab
    changed = copy.deepcopy(kept)
    changed["projects"]["keeper"]["host"] = "a100-0"
    (world.bench.project / "stacks" / "t.yaml").write_text(yaml.safe_dump(changed))
    page = world.planned("HEAD", None)
    said = world.bench.deployment.pulumi("preview", "--json", check=False, capture=True)
    outcome = world.bench.up(lock=False, ok=False)
    world.bench.write(kept)
    for text in (page.head_error, page_of(said.stdout).head_error, outcome.text):
        assert "the scheduler chooses the node" in text
    assert outcome.changed == {}
    assert not page.changes
