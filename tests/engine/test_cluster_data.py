"""No edit of a cluster lab touches a claim: its UID survives, or the edit is refused with the way to migrate."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.problems import ProblemsError

import sandbox.cluster
from sandbox.cluster import Pool
from tests.engine.cluster_bench import BASE, ClusterBench, on_a_cluster
from tests.engine.dotted import edited

POOLS = [Pool("cpu")]
WEB = {
    "owner": "anna",
    "environment": {"kind": "prebuilt", "image": BASE},
    "mounts": {"home": "/home/lab"},
    "service": {"kind": "command", "command": ["serve"], "port": 8000, "startup": "5s"},
}
REFUSED = [
    (
        {"runs_on.namespace": "other"},
        ["would leave the data behind; undo the edit; or declare a new volume, `kubectl cp`"],
    ),
    (
        {"people.anna.uid": 10099, "volumes.home.size": "1Gi"},
        [
            "uid 10042; an edit to 10099 would leave the data behind; declare a new volume, mount both, copy, then",
            "its claim has 2Gi and cannot shrink to 1Gi",
        ],
    ),
    ({"volumes.home.owner": "ben", "projects.web.owner": "ben"}, ["owner anna; an edit to ben"]),
]
"""Edits, and what is said of each in one run."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[ClusterBench]:
    """A lab's folder and a cluster of this module's own."""
    with on_a_cluster(tmp_path_factory, tools, POOLS) as made:
        yield made


@pytest.fixture(scope="module")
def lab(bench: ClusterBench) -> dict[str, Any]:
    """A service with a volume, up; the lock says that the volume exists."""
    made = {
        "format": 1,
        "lab": bench.name,
        "runs_on": {"kind": "kubernetes", "wait": "5s"},
        "registry": {"address": "registry.invalid"},
        "people": {"anna": {"uid": 10042}, "ben": {"uid": 10044}},
        "volumes": {"home": {"owner": "anna", "size": "2Gi"}},
        "projects": {"web": WEB},
    }
    bench.deploy(made)
    bench.deployment.update_lock()
    return made


@pytest.fixture(autouse=True)
def data_stays(bench: ClusterBench, lab: dict[str, Any]) -> Iterator[None]:
    """Whatever happens, there is one claim, and it is the object that it was."""
    before = bench.claims()
    yield
    assert bench.claims() == before
    assert before.keys() == {"home"}


@pytest.mark.parametrize(("edits", "said"), REFUSED, ids=["where", "size", "whose"])
def test_an_edit_that_would_leave_data_is_refused(
    bench: ClusterBench, lab: dict[str, Any], edits: dict[str, Any], said: list[str]
) -> None:
    """Before the engine runs, with the way that keeps the data."""
    bench.write(edited(lab, edits))
    text = bench.refused()
    assert [one for one in said if one not in text] == [], text


def test_another_class_is_for_new_volumes(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """The claim that exists keeps its own, and nothing happens to it."""
    classes = {"volumes": "standard-wait", "access": "ReadWriteMany"}
    assert bench.deploy(edited(lab, {"runs_on.storage_classes": classes})).changed == {}
    bench.deploy(lab)


def test_a_project_does_not_leave_its_data(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """Another owner is another namespace, from which the claim cannot be mounted."""
    with pytest.raises(ProblemsError, match="home is in the namespace of anna, and a pod of ben cannot mount it"):
        bench.write(edited(lab, {"projects.web.owner": "ben"}))


def test_a_rename_a_removal_and_a_return(bench: ClusterBench, lab: dict[str, Any]) -> None:
    """The project comes and goes, under another name and with another port; its volume is the same."""
    renamed, gone = copy.deepcopy(lab), copy.deepcopy(lab)
    renamed["projects"]["site"] = edited(renamed["projects"].pop("web"), {"service.port": 9000})
    del gone["projects"]["web"]
    for one in (renamed, gone, lab):
        changed = bench.deploy(one).changed
        assert changed
        assert not [key for key in changed if key.startswith(("PersistentVolume", "Namespace"))]


def test_another_way_to_the_cluster(bench: ClusterBench, lab: dict[str, Any], tmp_path: Path) -> None:
    """Another path of the kubeconfig, name of the context and address of the server: the provider is edited."""
    _kubeconfig(bench, tmp_path, {"renamed": bench.cluster}, host="localhost")
    outcome = bench.deploy(edited(lab, {"runs_on.context": "renamed"}))
    assert outcome.changed == {f"kubernetes {bench.name}-{one}": "update" for one in ("cluster", "data")}


def test_another_cluster(bench: ClusterBench, lab: dict[str, Any], tmp_path: Path) -> None:
    """Where the claims are not, the next `up` after a refresh stops; back where they are, they are taken back."""
    other = sandbox.cluster.start(tmp_path / "cluster", pools=POOLS)
    try:
        _kubeconfig(bench, tmp_path, {"here": bench.cluster, "there": other})
        bench.deploy(edited(lab, {"runs_on.context": "there"}))
        bench.refresh()
        assert f"volume home held data, and its claim {bench.name}-anna/{bench.name}-home is gone" in bench.refused()
        assert "home" in bench.claims()
        bench.deploy(edited(lab, {"runs_on.context": "here"}))
    finally:
        sandbox.cluster.remove(tmp_path / "cluster")
    bench.refresh()
    bench.up()
    assert bench.up(lock=False).changed == {}


def _kubeconfig(bench: ClusterBench, folder: Path, contexts: dict[str, Any], host: str = "127.0.0.1") -> None:
    """Let the engine find these clusters, by these names, in a file of its own."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, cluster in contexts.items():
        own = yaml.safe_load(cluster.kubeconfig.read_text())
        server = own["clusters"][0]["cluster"]
        server["server"] = server["server"].replace("127.0.0.1", host)
        merged["clusters"].append({"name": name, "cluster": server})
        merged["users"].append({"name": name, "user": own["users"][0]["user"]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    merged["current-context"] = next(iter(contexts))
    (folder / "config").write_text(yaml.safe_dump(merged))
    bench.deployment.box.env["KUBECONFIG"] = str(folder / "config")
