"""The dev container of a project: what it says, by where it is meant to be opened."""

import json
from typing import Any

import pytest
from labform.devcontainer import HEADER, devcontainer_text

from tests.labs import GPUS, IMAGE, hosts, lab, placed, project
from tests.program import Program

LAB = lab(
    runs_on=hosts(
        gpu1={"gpus": GPUS, "host_paths": ["/data"]},
        cdi={"gpus": [{"uuid": "GPU-z", "model": "L4"}], "gpu_request": "cdi"},
    ),
    volumes={
        "home": {"owner": "anna", "host": "gpu1"},
        "set": {"path": "/data/set", "host": "gpu1", "read_only": True},
    },
    projects={
        "thesis": project(
            gpus=2,
            mounts={"home": "/home/lab", "set": {"path": "/data", "read_only": True}},
            env={"SEED": "1"},
            secrets={"HF_TOKEN": {"from": "hf-token"}},
            service={"kind": "jupyter"},
            resources={"cpus": 2, "memory": "8Gi", "shared_memory": "1Gi"},
            capabilities=["SYS_PTRACE"],
        ),
        "plain": project(),
    },
)


def said(name: str, *where: Any) -> dict[str, Any]:
    """What a project's file says."""
    text = devcontainer_text(LAB, name, IMAGE, *where)
    assert text.startswith(HEADER)
    return dict(json.loads(text.removeprefix(HEADER)))


def test_elsewhere_it_has_volumes_of_its_own_and_any_gpu() -> None:
    """No volume, device or path of the lab's host is named; secrets by their names."""
    assert said("thesis") == {
        "name": "test/thesis",
        "image": IMAGE,
        "init": True,
        "containerUser": "10042:10042",
        "remoteUser": "10042:10042",
        "updateRemoteUserUID": False,
        "containerEnv": {"HOME": "/home/lab", "LOGNAME": "anna", "SEED": "1", "USER": "anna"},
        "mounts": [
            "source=test-thesis-devcontainer-set,target=/data,type=volume",
            "source=test-thesis-devcontainer-home,target=/home/lab,type=volume",
        ],
        "capAdd": ["SYS_PTRACE"],
        "securityOpt": ["no-new-privileges:true"],
        "runArgs": ["--cap-drop=ALL", "--shm-size=1024m"],
        "hostRequirements": {"gpu": True},
        "forwardPorts": [8888],
        "secrets": {"HF_TOKEN": {"description": "hf-token of the lab"}},
    }


def test_on_the_projects_host_it_has_its_data_its_limits_and_its_gpus_alone() -> None:
    """GPUs by id: the editor is never asked for all of them."""
    here = said("thesis", placed("gpu1", "GPU-b", "GPU-a"))
    assert here["workspaceMount"] == "source=test-home,target=/home/lab,type=volume"
    assert here["workspaceFolder"] == "/home/lab"
    assert here["mounts"] == ["source=/data/set,target=/data,type=bind,readonly"]
    assert here["runArgs"][2:] == ["--cpus=2", "--memory=8192m", "--memory-swap=8192m", '--gpus="device=GPU-a,GPU-b"']
    assert "hostRequirements" not in here
    assert said("thesis", placed("cdi", "GPU-z"))["runArgs"][-1] == "--device=nvidia.com/gpu=GPU-z"


@pytest.mark.enable_socket
def test_on_the_projects_host_an_export_is_the_one_that_it_mounts(program: Program) -> None:
    """By the name of the handle that `up` makes: another name would be a new, empty volume."""
    export = {"nfs": {"server": "nas.example.org", "path": "/set"}, "read_only": True}
    sections: dict[str, Any] = {"volumes": {"set": export}, "projects": {"thesis": project(mounts={"set": "/data"})}}
    sections |= {
        "runs_on": hosts(gpu1={"address": "ssh://lab@gpu1.example.org"}),
        "registry": {"address": "registry.example.org"},
    }
    made = lab(**sections)
    here = devcontainer_text(made, "thesis", IMAGE, placed("gpu1"))
    people = {"anna": {"uid": 10042}}
    up = program.recording({"format": 1, "lab": "test", "people": people, **sections})
    (volume,) = up.of_type("docker:index/volume:Volume")
    assert f"source={volume.inputs['name']},target=/data,type=volume,readonly" in here


def test_a_project_without_gpus_sees_none() -> None:
    """Also where NVIDIA's runtime is the default one."""
    plain = said("plain", placed("gpu1"))
    assert plain["containerEnv"]["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert not [one for one in plain["runArgs"] if "gpu" in one]
    assert {"workspaceMount", "forwardPorts", "secrets", "capAdd"} & plain.keys() == set()
