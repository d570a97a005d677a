"""Lab: the real program on a recording engine; what it registers, and what an edit changes of that."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import UNKNOWN, Recording, Registration, Secret
from tests.program import Program

pytestmark = pytest.mark.enable_socket

CONTAINER, VOLUME, IMAGE = "docker:index/container:Container", "docker:index/volume:Volume", "docker:index/image:Image"
NETWORK = "docker:index/network:Network"
BASE = f"base@sha256:{'a' * 64}"
LAB: dict[str, Any] = {
    "format": 1,
    "lab": "unit",
    "runs_on": {
        "kind": "docker",
        "hosts": {
            "gpu1": {
                "address": "ssh://lab@gpu1.invalid",
                "host_paths": ["/data"],
                "gpus": [{"uuid": "GPU-b", "model": "A100"}, {"uuid": "GPU-a", "model": "A100"}],
            }
        },
    },
    "registry": {"address": "registry.invalid/unit", "username": "ci", "password": {"from": "registry-password"}},
    "people": {"anna": {"uid": 10042}},
    "volumes": {"home": {"owner": "anna"}, "data": {"path": "/data/images", "read_only": True}},
    "projects": {
        "thesis": {
            "owner": "anna",
            "environment": {"kind": "prebuilt", "image": BASE},
            "gpus": 2,
            "resources": {"cpus": 8, "memory": "32Gi", "shared_memory": "8Gi"},
            "mounts": {"home": "/home/lab", "data": "/data"},
            "service": {"kind": "jupyter"},
            "secrets": {"HF_TOKEN": {"from": "hf-token"}, "KEY": {"from": "hf-token", "as": "env"}},
        },
        "nightly": {
            "owner": "anna",
            "environment": {"kind": "prebuilt", "image": BASE},
            "run": {"command": ["true"], "retries": 2, "deadline": "1h"},
        },
    },
}


def of(recording: Recording, kind: str, name: str) -> Registration:
    """The one registration of a type and name."""
    return next(one for one in recording.registrations if (one.type, one.name) == (kind, name))


def test_data_is_protected_and_retained(recording: Recording) -> None:
    """A managed volume cannot be deleted, and its labels hold only what never changes."""
    volume = of(recording, VOLUME, "unit-home")
    assert volume.options.protect
    assert volume.options.retain_on_delete
    assert {one["label"]: one["value"] for one in volume.inputs["labels"]} == {
        "labform.lab": "unit",
        "labform.volume": "home",
    }
    assert "DockerWorkspace" not in volume.urn


def test_gpus_are_given_by_sorted_ids(recording: Recording) -> None:
    """A GPU project gets definite ids and no count; a CPU project sees no GPU."""
    thesis = of(recording, CONTAINER, "unit-thesis").inputs
    assert thesis["deviceRequests"] == [{"driver": "nvidia", "deviceIds": ["GPU-a", "GPU-b"], "capabilities": ["gpu"]}]
    nightly = of(recording, CONTAINER, "unit-nightly").inputs
    assert "deviceRequests" not in nightly
    assert "NVIDIA_VISIBLE_DEVICES=void" in nightly["envs"]


def test_containers_are_hardened(recording: Recording) -> None:
    """Loopback ports, no capability, no new privileges, limits, a numeric user that is not root."""
    thesis = of(recording, CONTAINER, "unit-thesis").inputs
    assert thesis["capabilities"] == {"drops": ["ALL"]}
    assert thesis["securityOpts"] == ["no-new-privileges:true"]
    assert thesis["user"] == "10042:10042"
    assert (thesis["memory"], thesis["memorySwap"], thesis["shmSize"], thesis["cpus"]) == (32768, 32768, 8192, "8.0")
    assert [(one["ip"], one["internal"]) for one in thesis["ports"]] == [("127.0.0.1", 8888)]
    assert "privileged" not in thesis


def test_an_update_that_would_lie_replaces(recording: Recording) -> None:
    """Fields that the provider would record and not apply are replaced; memory too, where a GPU could be lost."""
    options = of(recording, CONTAINER, "unit-thesis").options
    assert options.replace_on_changes == ["mounts", "healthcheck", "tmpfs", "init", "memory", "memorySwap"]
    assert options.delete_before_replace
    assert of(recording, CONTAINER, "unit-nightly").options.replace_on_changes[-1] == "init"


def test_what_runs_is_a_digest(recording: Recording) -> None:
    """The container's image is the pushed digest, which a preview does not know, and never a tag."""
    assert of(recording, CONTAINER, "unit-thesis").inputs["image"] is UNKNOWN
    image = of(recording, IMAGE, "unit-thesis").inputs
    assert image["imageName"].startswith("registry.invalid/unit/thesis:")
    assert image["buildOnPreview"] is False
    assert not Path(image["build"]["context"]).is_absolute()


def test_secrets_are_marked(recording: Recording) -> None:
    """Every secret value goes to the engine as a secret, and the Jupyter token never into the arguments."""
    thesis = of(recording, CONTAINER, "unit-thesis").inputs
    assert Secret("KEY=canary-hf") in thesis["envs"]
    assert {one["file"] for one in thesis["uploads"] if isinstance(one["content"], Secret)} == {
        "/run/secrets/HF_TOKEN",
        "/run/secrets/jupyter-token",
    }
    assert "token" not in " ".join(thesis["command"])
    assert isinstance(recording.stack_outputs["tokens"], Secret)
    clear = [one for one in recording.registrations if "canary" in repr(_clear(one.inputs))]
    assert clear == []


def test_a_run_ends(recording: Recording) -> None:
    """A run may end, is tried again as declared, and shares one deadline among its tries."""
    nightly = of(recording, CONTAINER, "unit-nightly").inputs
    assert (nightly["mustRun"], nightly["restart"], nightly["maxRetryCount"]) == (False, "on-failure", 2)
    assert nightly["command"][-2:] == ["3600", "true"]


def test_the_same_files_give_the_same_registrations(program: Program, recording: Recording) -> None:
    """Two runs on the same files register the same, whatever the environment and the seed of hashes are."""
    again = program.recording(
        LAB, fresh=True, env={"DOCKER_CONFIG": str(program.folder / "docker"), "DOCKER_HOST": "tcp://1.2.3.4:1"}
    )
    assert _all(again) == _all(recording)


def test_an_edit_of_one_project_of_100_changes_its_registrations_only(program: Program) -> None:
    """What the engine is told of the 99 others is the same, to the byte."""
    lab = copy.deepcopy(LAB)
    lab["projects"] = {f"p{number}": copy.deepcopy(LAB["projects"]["nightly"]) for number in range(100)}
    before = _all(program.recording(lab))
    lab["projects"]["p42"]["env"] = {"EPOCHS": "3"}
    after = _all(program.recording(lab))
    assert {key for key in before if before[key] != after[key]} == {f"{CONTAINER} unit-p42"}
    assert before.keys() == after.keys()


def test_a_retired_volume_is_released_and_kept(program: Program) -> None:
    """Under `retired:` a volume stays registered, no longer protected, still retained."""
    lab = copy.deepcopy(LAB)
    lab["retired"] = {"home": {"owner": "anna", "host": "gpu1"}}
    del lab["volumes"]["home"], lab["projects"]["thesis"]["mounts"]["home"]
    volume = of(program.recording(lab), VOLUME, "unit-home")
    assert not volume.options.protect
    assert volume.options.retain_on_delete


def test_a_cdi_host_is_asked_by_cdi_names(program: Program) -> None:
    """`gpu_request: cdi` asks for device names, without count, capabilities or options."""
    lab = copy.deepcopy(LAB)
    lab["runs_on"]["hosts"]["gpu1"]["gpu_request"] = "cdi"
    container = of(program.recording(lab), CONTAINER, "unit-thesis")
    names = ["nvidia.com/gpu=GPU-a", "nvidia.com/gpu=GPU-b"]
    assert container.inputs["deviceRequests"] == [{"driver": "cdi", "deviceIds": names}]
    assert "memory" not in container.options.replace_on_changes


def test_podman_is_told_in_words_that_it_reports(program: Program) -> None:
    """A network for each project, volumes for mounts, a shell's health check; nothing that a refresh would change."""
    lab = copy.deepcopy(LAB)
    host = lab["runs_on"]["hosts"]["gpu1"]
    del host["gpus"], lab["projects"]["thesis"]["gpus"]
    host["engine"] = "podman"
    lab["projects"]["nightly"] = {**lab["projects"]["nightly"], "service": {"kind": "command", "command": ["serve"]}}
    del lab["projects"]["nightly"]["run"]
    recording = program.recording(lab)
    container = of(recording, CONTAINER, "unit-thesis")
    assert container.inputs["volumes"] == [
        {"containerPath": "/data", "hostPath": "/data/images", "readOnly": True},
        {"containerPath": "/home/lab", "volumeName": "unit-home"},
    ]
    assert container.inputs["healthcheck"]["tests"][0] == "CMD-SHELL"
    assert container.inputs["securityOpts"] == ["no-new-privileges"]
    assert container.inputs["capabilities"] == {"drops": ["ALL"]}
    assert not {"mounts", "ipcMode", "logOpts", "ulimits"} & {*container.inputs}
    networks = {one.name: one.inputs["name"] for one in recording.registrations if one.type == NETWORK}
    assert networks == {
        "unit-gpu1.nightly": "labform-unit.nightly",
        "unit-gpu1.thesis": "labform-unit.thesis",
    }
    assert of(recording, CONTAINER, "unit-nightly").inputs["healthcheck"] == {
        "tests": ["NONE"], "interval": "30s", "timeout": "30s", "retries": 3,
    }  # fmt: skip


def test_a_faulty_file_is_its_problems_alone(program: Program) -> None:
    """A program that is refused ends with the problems, no traceback, nothing registered."""
    (program.folder / "stacks" / "bad.yaml").write_text("format: 1\nlabb: x\n")
    recording = program.run(LAB, stack="bad")
    assert recording.exit_code != 0
    assert "stacks/bad.yaml:2:1: error[unknown-key] labb" in "".join(recording.errors)
    assert "Traceback" not in "".join(recording.errors) + recording.stderr
    assert [one.type for one in recording.registrations] == ["pulumi:pulumi:Stack"]


def _all(recording: Recording) -> dict[str, str]:
    return {
        f"{one.type} {one.name}": _canonical((one.urn, one.inputs, _options(one))) for one in recording.registrations
    }


def _options(one: Registration) -> dict[str, Any]:
    """A registration's options; what it depends on is a set that the wire carries as a list."""
    known = vars(one.options)
    return {key: sorted(value) if key in ("depends_on", "dependencies") else value for key, value in known.items()}


def _canonical(value: Any) -> str:
    """One text for values that are the same on the wire, where maps and sets have no order."""
    return json.dumps(value, sort_keys=True, default=lambda one: sorted(one) if isinstance(one, set) else repr(one))


def _clear(value: Any) -> Any:
    if isinstance(value, Secret):
        return "secret"
    if isinstance(value, dict):
        return {key: _clear(one) for key, one in value.items()}
    return [_clear(one) for one in value] if isinstance(value, list) else value
