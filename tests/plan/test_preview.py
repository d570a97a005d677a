"""Summaries of previews: every kind of step is known, what is unknown or secret stays so, and garbage is refused."""

import json
from typing import Any

import pytest
from labform.plan.digest import UNKNOWN, StepKind
from labform.plan.markdown import markdown
from labform.plan.preview import page_of
from labform.problems import LabformError

LAB = "urn:pulumi:t::labform::labform:index:Lab"
SECRET = "[secret]"


def provider(host: str) -> str:
    """A reference to a host's provider."""
    return f"{LAB}$pulumi:providers:docker::ds-{host}::6f1c"


def container(
    project: str, op: str, *, host: str = "one", old_host: str = "", **fields: tuple[Any, Any]
) -> dict[str, Any]:
    """A step on a project's container; `fields` are inputs before and after."""
    labels = [{"label": "labform.project", "value": project}, {"label": "labform.owner", "value": "anna"}]
    state = {"type": "docker:index/container:Container", "custom": True, "provider": provider(host)}
    state["parent"] = f"{LAB}$labform:index:DockerWorkspace::ds-{project}"
    old, new = ({**{key: pair[side] for key, pair in fields.items()}, "labels": labels} for side in (0, 1))
    step: dict[str, Any] = {"op": op, "urn": f"{state['parent'].rpartition('::')[0]}$docker:x::ds-{project}"}
    if op != "create":
        step["oldState"] = {**state, "provider": provider(old_host or host), "inputs": old}
    if op != "delete":
        step["newState"] = {**state, "inputs": new}
    return {**step, "diffReasons": [*fields]}


def volume(op: str, **state: Any) -> dict[str, Any]:
    """A step on a volume."""
    full = {"type": "docker:index/volume:Volume", "custom": True, "parent": f"{LAB}::ds", "inputs": {}, **state}
    return {"op": op, "urn": f"{LAB}$docker:index/volume:Volume::ds-home", "oldState": full, "newState": full}


def page(*steps: dict[str, Any], **more: Any) -> Any:
    """The page of a preview with these steps."""
    return page_of(json.dumps({"steps": [*steps], "changeSummary": {}, **more}))


@pytest.mark.parametrize("op", StepKind.__args__)
def test_every_kind_of_step_is_known(op: str) -> None:
    """And says something unless nothing happens."""
    found = page(container("thesis", op, image=("a", "b")))
    quiet = {"same", "read", "refresh", "discard", "diff"}
    assert bool(found.projects) == (op not in quiet)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"steps": [', "is not JSON, or not all of it"),
        ("hello", "is not JSON"),
        ("[]", "JSON of something else"),
        ('{"a": 1}', "JSON of something else"),
        ('{"steps": [{"op": "melt", "urn": "urn:pulumi:t::l::k::n"}]}', 'steps.0.op: a step of an unknown kind "melt"'),
        ('{"steps": [{"op": "same", "urn": "x"}]}', "steps.0.urn"),
        ('{"steps": 3}', "steps: "),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_preview_is_refused(text: str, said: str) -> None:
    """One clear error, never half a page."""
    with pytest.raises(LabformError, match=r"^error\[preview\]") as error:
        page_of(text)
    assert said in str(error.value)


def test_unknown_stays_unknown_and_secret_stays_secret() -> None:
    """A digest of an image not yet built is `unknown`; of uploads and variables only the names are said."""
    found = page(
        container(
            "thesis",
            "replace",
            image=(f"r/thesis@sha256:{'a' * 64}", UNKNOWN),
            envs=(SECRET, SECRET),
            uploads=([{"content": "hush"}], [{"content": "hush2"}]),
        )
    )
    text = markdown([found], kind="preview")
    assert "image: r/thesis@aaaaaaaaaaaa → unknown" in text
    assert UNKNOWN not in text
    assert "hush" not in text
    assert "envs" in text


def test_what_a_preview_says_of_gpus_hosts_and_people() -> None:
    """Who gives a GPU to whom, which project moves, and how much more a person asks for."""
    one, two = ([{"deviceIds": [gpu]}] for gpu in ("GPU-a", "nvidia.com/gpu=GPU-b"))
    found = page(
        container("gone", "delete", deviceRequests=(one, None), cpus=("2.0", None)),
        container("more", "replace", deviceRequests=(two, one), cpus=("1.0", "4.0")),
        container("moves", "replace", host="two", old_host="one"),
        container("new", "create", image=(None, UNKNOWN)),
    )
    assert {one.name: one.action for one in found.projects} == {
        "gone": "removed",
        "more": "replaced",
        "moves": "moved",
        "new": "created",
    }
    assert [(one.gpu, one.before, one.after) for one in found.gpus] == [
        ("GPU-a", "gone", "more"),
        ("GPU-b", "more", None),
    ]
    assert [(one.kind, one.after) for one in found.quotas if one.kind in ("gpus", "cpus")] == [
        ("gpus", "-1"),
        ("cpus", "+1"),
    ]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (volume("delete", retainOnDelete=True), "its data stays on its host"),
        (volume("delete"), "AND ITS DATA IS DELETED"),
        (volume("replace", retainOnDelete=True), "made anew and empty"),
        (container("a", "replace", mounts=([{"source": "ds-home", "target": "/x"}], [])), "no longer has ds-home"),
        (
            container("a", "replace", mounts=([{"source": "v", "target": "/x"}], [{"source": "v", "target": "/y"}])),
            "v moves from /x to /y",
        ),
    ],
)
def test_data_at_risk(step: dict[str, Any], said: str) -> None:
    """Said first, in bold."""
    found = page(step)
    assert said in found.risks[0].message
    assert "**Data at risk**" in markdown([found], kind="preview")


@pytest.mark.parametrize(
    "inputs", [{"driverOpts": {"type": "nfs"}}, {"spec": {"volumeName": "set", "storageClassName": ""}}]
)
def test_a_handle_on_an_export_is_no_data(inputs: dict[str, Any]) -> None:
    """The server keeps it, whatever becomes of the volume or claim that leads there."""
    found = page(volume("delete", inputs=inputs))
    assert (found.risks, found.lab) == ((), ("volume ds-home: removed",))


def test_errors_are_the_page() -> None:
    """What the engine says went wrong, without its colours; nothing is called unchanged."""
    said = {"severity": "error", "message": "<{%fg 1%}>stacks/a.yaml:1:1: error[x] no<{%reset%}>\n"}
    found = page(diagnostics=[said, {"severity": "warning", "message": "hm"}])
    assert found.head_error == "stacks/a.yaml:1:1: error[x] no"
