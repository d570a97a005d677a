"""Volumes as claims: whose namespace, which class, and names that say what never changes."""

import copy
from typing import Any

import pytest
from labform.backends.kubernetes import storage
from labform.lockfile import LockedVolume
from labform.stack_file import LabArgs

from tests.backends.kubernetes.cluster_lab import LAB, lab


def exported(**export: Any) -> LabArgs:
    """The lab with another NFS export."""
    volumes = copy.deepcopy(LAB["volumes"])
    volumes["data"]["nfs"] |= export
    return lab(volumes=volumes)


def test_a_claim_says_what_is_asked_for() -> None:
    """Class, access and size, in its owner's namespace."""
    claim = storage.claim(lab(), "home", None)
    assert (claim["metadata"]["namespace"], claim["metadata"]["name"]) == ("unit-anna", "unit-home")
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "20Gi"}},
    }  # fmt: skip


def test_without_a_class_the_cluster_chooses() -> None:
    """The field is left out: an empty one would ask for no class at all."""
    runs_on = {**LAB["runs_on"], "storage_classes": {}}
    assert "storageClassName" not in storage.claim(lab(runs_on=runs_on), "home", None)["spec"]


@pytest.mark.parametrize(
    ("state", "classes"),
    [
        ("planned", ("new", "ReadWriteMany")),
        ("created", ("fast", "ReadWriteOnce")),
        ("retired", ("fast", "ReadWriteOnce")),
    ],
)
def test_what_a_claim_exists_with_stays(state: str, classes: tuple[str, str]) -> None:
    """Another class is for new ones: neither it nor the access of a claim that holds data can be edited."""
    entry = {"state": state, "owner": "anna", "uid": 10042, "storage_class": "fast", "access": "ReadWriteOnce"}
    runs_on = {**LAB["runs_on"], "storage_classes": {"volumes": "new", "access": "ReadWriteMany"}}
    spec = storage.claim(lab(runs_on=runs_on), "home", LockedVolume.model_validate(entry))["spec"]
    assert (spec["storageClassName"], *spec["accessModes"]) == classes


def test_the_state_may_be_lost_and_found() -> None:
    """Whoever makes the claim manages its fields under one name, so that it does not conflict with itself."""
    annotations = storage.claim(lab(), "home", None)["metadata"]["annotations"]
    assert annotations["pulumi.com/patchFieldManager"] == "labform"


def test_a_project_mounts_by_claim() -> None:
    """A managed volume's, one that exists, an export's."""
    assert storage.claims_of(lab(), "nightly") == {"old": "archive"}
    mounted = storage.claims_of(lab(), "thesis")
    assert mounted["home"] == "unit-home"
    assert mounted["data"].startswith("unit-data-anna-")


def test_an_export_is_a_volume_for_one_claim() -> None:
    """Bound to each other by name, never deleted with the claim."""
    ((owner, (volume, claim)),) = storage.exports(lab())
    assert owner == "anna"
    name = claim["metadata"]["name"]
    assert volume["spec"]["claimRef"] == {"namespace": "unit-anna", "name": name}
    assert (claim["spec"]["volumeName"], claim["spec"]["storageClassName"]) == (name, "")
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["spec"]["nfs"] == {"server": "nfs.invalid", "path": "/data"}


def test_another_export_is_another_handle() -> None:
    """What cannot be edited in place is in the name."""
    names = {storage.claims_of(one, "thesis")["data"] for one in (lab(), exported(path="/two"), exported(options="ro"))}
    assert len(names) == 3


def test_what_nobody_may_write_to() -> None:
    """Said by the volume, for every project."""
    assert storage.read_only_of(lab()) == {"data"}
