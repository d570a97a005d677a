"""A lab on a cluster: the real program on a recording engine; what it registers, and that `render` writes the same."""

import copy
import json
from typing import Any

import pytest
from labform.backends.kubernetes.lab_objects import lab_objects
from labform.stack_file import LabArgs

from tests.backends.kubernetes.cluster_lab import LAB, lab
from tests.fakes import UNKNOWN, Recording, Registration, Secret
from tests.program import Program

pytestmark = pytest.mark.enable_socket

DIGEST = f"registry.invalid/unit/x@sha256:{'b' * 64}"


def of(recording: Recording, kind: str, name: str) -> Registration:
    """The one registration of a kind and name."""
    found = [one for one in recording.registrations if one.type.endswith(f":{kind}") and one.name == name]
    assert len(found) == 1, [f"{one.type} {one.name}" for one in recording.registrations]
    return found[0]


def objects(recording: Recording) -> dict[tuple[str, str, str], Registration]:
    """The cluster's objects by kind, namespace and name."""
    return {
        (one.inputs["kind"], one.inputs["metadata"].get("namespace", ""), one.inputs["metadata"]["name"]): one
        for one in recording.registrations
        if one.custom and one.type.startswith("kubernetes:")
    }


def test_data_is_protected_and_retained(recording: Recording) -> None:
    """A claim cannot be deleted, its name in the program is of no project or person, and its namespace is kept too."""
    claim = of(recording, "PersistentVolumeClaim", "unit-home")
    assert (claim.options.protect, claim.options.retain_on_delete) == (True, True)
    assert "Workspace" not in claim.urn
    assert claim.inputs["metadata"]["labels"] == {"labform.lab": "unit", "labform.volume": "home"}
    namespaces = {one.name: one.options for one in recording.of_type("kubernetes:core/v1:Namespace")}
    assert all(one.retain_on_delete for one in namespaces.values())
    assert (namespaces["unit-anna"].protect, namespaces["unit-ben"].protect) == (True, False)


def test_a_retired_claim_is_released_and_kept(program: Program) -> None:
    """Under `retired:` a claim stays registered, no longer protected, still retained."""
    retired = copy.deepcopy(LAB)
    retired["retired"] = {"home": retired["volumes"].pop("home")}
    del retired["projects"]["thesis"]["mounts"]["home"]
    claim = of(program.recording(retired), "PersistentVolumeClaim", "unit-home")
    assert (claim.options.protect, claim.options.retain_on_delete) == (False, True)


def test_no_provider_is_ever_replaced(program: Program, recording: Recording) -> None:
    """Another context is the same provider: its identifier is the lab's name, which is all that it is replaced for."""
    moved = copy.deepcopy(LAB)
    moved["runs_on"]["context"] = "elsewhere"
    for run, context in ((recording, "lab"), (program.recording(moved), "elsewhere")):
        providers = [one.inputs for one in run.of_type("pulumi:providers:kubernetes")]
        assert [(one["clusterIdentifier"], one["context"]) for one in providers] == [("unit", context)] * 2


def test_nothing_is_made_unseen(recording: Recording) -> None:
    """Each object passes the guard first, and its errors are explained; only what data hangs on is taken over.

    Every workload has room made for it: one without a GPU too needs its part of its owner's limits.
    """
    (keeper,) = [
        one for one in recording.of_type("pulumi:providers:kubernetes") if "upsertExistingObjects" in one.inputs
    ]
    kept = {key[0] for key, one in objects(recording).items() if keeper.urn in one.options.provider}
    assert kept == {"Namespace", "PersistentVolume", "PersistentVolumeClaim"}
    hooks = {key: one.options.hooks for key, one in objects(recording).items()}
    assert {key for key, one in hooks.items() if "unit-place" not in one.get("before_create", [])} == set()
    assert {key for key, one in hooks.items() if one.get("on_error") != ["unit-error"]} == set()
    room = {key for key, one in hooks.items() if "unit-room" in one["before_create"]}
    assert room == {key for key in hooks if key[0] in ("Deployment", "Job")}


def test_render_writes_what_up_applies(recording: Recording) -> None:
    """Object by object, Secrets and their mark aside: no file has a value for them."""
    images = dict.fromkeys(LAB["projects"], DIGEST)
    rendered = {_key(one): one for one in lab_objects(lab(), images, {})}
    registered = {key: one.inputs for key, one in objects(recording).items() if key[0] != "Secret"}
    assert rendered.keys() == registered.keys()
    for key, one in rendered.items():
        assert _comparable(registered[key]) == _comparable(one), key


def _key(one: dict[str, Any]) -> tuple[str, str, str]:
    return (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])


def _comparable(one: dict[str, Any]) -> dict[str, Any]:
    """An object without what only a deployment knows."""
    made = copy.deepcopy(one)
    if one["kind"] in ("Deployment", "Job"):
        template = made["spec"]["template"]
        template["metadata"]["annotations"].pop("labform.secrets", None)
        image = template["spec"]["containers"][0].pop("image")
        assert repr(image) in (repr(UNKNOWN), repr(DIGEST))
    return made


def test_secrets_are_marked_and_in_secrets_alone(recording: Recording) -> None:
    """Every value is a secret to the engine, in a Secret of its project; the pull login is one in each namespace."""
    found = {key: one.inputs for key, one in objects(recording).items() if key[0] == "Secret"}
    assert {key[1:] for key in found} == {
        ("unit-anna", "unit-thesis"), ("unit-anna", "labform-registry"), ("unit-ben", "labform-registry"),
    }  # fmt: skip
    data = found["Secret", "unit-anna", "unit-thesis"]["stringData"]
    values = data.value if isinstance(data, Secret) else data
    assert set(values) == {"HF_TOKEN", "KEY", "jupyter-token"}
    clear = [one for one in recording.registrations if "canary" in repr(_clear(one.inputs))]
    assert clear == []


def _clear(value: Any) -> Any:
    if isinstance(value, Secret):
        return "secret"
    if isinstance(value, dict):
        return {key: _clear(one) for key, one in value.items()}
    return [_clear(one) for one in value] if isinstance(value, list) else value


def test_waiting_is_bounded(program: Program) -> None:
    """By the lab's `wait` and the service's own `startup`."""
    patient = copy.deepcopy(LAB)
    patient["runs_on"]["wait"] = "30s"
    deployment = of(program.recording(patient), "Deployment", "unit-web")
    assert deployment.options.custom_timeouts == {"create": "42s", "update": "42s"}
    assert deployment.inputs["spec"]["progressDeadlineSeconds"] == 42


def test_a_pod_is_made_when_the_rules_of_its_namespace_hold(recording: Recording) -> None:
    """Quota, network policy and account come before the first pod; its files before it starts."""
    workspace = of(recording, "KubernetesWorkspace", "unit-web")
    kinds = {urn.split("::")[2].rsplit(":", 1)[-1] for urn in workspace.options.depends_on}
    assert {"ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "Secret"} <= kinds
    deployment = of(recording, "Deployment", "unit-web")
    assert any(":ConfigMap::" in urn for urn in deployment.options.depends_on)


def test_a_service_is_made_anew_for_another_port(recording: Recording) -> None:
    """In place the API server would meet both entries under one name, and refuse them."""
    service = of(recording, "Service", "unit-web")
    assert service.options.replace_on_changes == ["spec.ports"]
    assert service.options.delete_before_replace


def test_an_edit_of_one_project_changes_its_registrations_only(program: Program, recording: Recording) -> None:
    """What the engine is told of the others is the same."""
    edited = copy.deepcopy(LAB)
    edited["projects"]["web"]["env"] = {"A": "1"}
    before, after = objects(recording), objects(program.recording(edited))
    assert before.keys() == after.keys()
    assert {key for key in before if before[key].inputs != after[key].inputs} == {
        ("Deployment", "unit-ben", "unit-web")
    }


def test_a_lab_that_moves_keeps_its_projects(program: Program) -> None:
    """The same projects run on Docker with another `runs_on`, and with volumes that live elsewhere."""
    gpus = [{"uuid": f"GPU-{one}", "model": "A100-40GB"} for one in "ab"]
    sliced = {"uuid": "GPU-c", "model": "A100-80GB", "mig": [{"uuid": "MIG-1", "profile": "1g.10gb"}]}
    docker = copy.deepcopy(LAB)
    docker["runs_on"] = {
        "kind": "docker",
        "hosts": {"one": {"address": "ssh://lab@one.invalid", "gpus": [*gpus, sliced]}},
    }
    docker["volumes"]["old"] = {"owner": "anna"}
    assert LabArgs.model_validate_json(json.dumps(docker)).projects == lab().projects
    containers = program.recording(docker).of_type("docker:index/container:Container")
    assert {one.name for one in containers} == {"unit-thesis", "unit-nightly", "unit-web"}
