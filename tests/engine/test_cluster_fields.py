"""Every field of a project on a real cluster: it is admitted, settles, an edit is applied, and no claim is touched."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.cluster import Pool
from tests import parity
from tests.engine.bench import Outcome
from tests.engine.cluster_bench import ClusterBench, on_a_cluster
from tests.engine.every_field import SECRETS

POOLS = [
    *(Pool(name.lower(), product=f"NVIDIA-{name}", gpus=gpus) for name, gpus in parity.MODELS.items()),
    Pool("mig", product="NVIDIA-A100", mig={"1g.10gb": 4, "2g.20gb": 4}),
    Pool("cpu", nodes=4),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[ClusterBench]:
    """A lab's folder and a cluster of this module's own."""
    with on_a_cluster(tmp_path_factory, tools, POOLS) as made:
        yield made


@pytest.fixture(scope="module")
def edits() -> list[parity.Edit]:
    """Those that a cluster takes, each on a project of its own."""
    return [
        one
        for one in parity.edits()
        if not parity.refusal(one, parity.cluster_world) and not one.of.startswith("ClaimVolume")
    ]


def named(bench: ClusterBench, lab: dict[str, Any]) -> dict[str, Any]:
    """A lab of the table under the name of this run."""
    runs_on = {**lab["runs_on"], "wait": "15s"}
    return {**lab, "lab": bench.name, "runs_on": runs_on}


@pytest.fixture(scope="module")
def before(bench: ClusterBench, edits: list[parity.Edit]) -> dict[str, tuple[str, str]]:
    """The claims and their uids, the lab up."""
    bench.write(named(bench, parity.lab_before(edits, parity.cluster_world)))
    bench.deployment.prepare()
    for key, value in SECRETS.items():
        bench.secret(key, value)
    bench.up()
    return bench.uids("PersistentVolumeClaim")


@pytest.fixture(scope="module")
def after(bench: ClusterBench, before: dict[str, tuple[str, str]], edits: list[parity.Edit]) -> Outcome:
    """What one `up` with every edit did."""
    return bench.deploy(named(bench, parity.lab_after(edits, parity.cluster_world)))


def test_every_edit_is_applied_and_settles(bench: ClusterBench, after: Outcome) -> None:
    """Nothing is left to do after it."""
    assert after.changed
    assert bench.up().changed == {}


def test_no_claim_of_a_managed_volume_is_touched(
    bench: ClusterBench, before: dict[str, tuple[str, str]], after: Outcome
) -> None:
    """Every one is the object that it was; handles of an export may come and go, their data is the server's."""
    exports = ("-n0-", "-n1-", "-n2-")
    now = bench.uids("PersistentVolumeClaim")
    kept = {key for key in before if not any(one in key for one in exports)}
    assert kept
    assert {key: now[key][0] for key in kept} == {key: before[key][0] for key in kept}


def test_rendered_files_are_what_is_there(bench: ClusterBench, after: Outcome) -> None:
    """The same bytes twice; the API server knows every field, warns of nothing, and would change nothing."""
    folders = [bench.project.parent / name for name in ("rendered", "again")]
    for folder in folders:
        bench.deployment.labform("render", "--to", str(folder), capture=True)
    first, second = ({one.name: one.read_bytes() for one in folder.iterdir()} for folder in folders)
    assert first == second
    apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f"]
    done = subprocess.run([*bench.kubectl, *apply, str(folders[0])], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(first)
    diff = [*bench.kubectl, "diff", "--server-side", "--force-conflicts", "-f", str(folders[0])]
    done = subprocess.run(diff, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
