"""What each field of a project becomes on Docker and on Kubernetes: seen by an edit, and what it changes.

A lab with one project for each edit is registered before and after all edits, on both backends. What differs of a
project's own registrations is what the field is there; a backend that refuses the field says so. The page
docs/backends.md is this table, and a field that a backend ignores is a failing test.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labform.checks import check
from labform.schema_errors import problems_of
from labform.stack_file import LabArgs
from pydantic import ValidationError

from tests.engine import every_field
from tests.engine.dotted import edited, filled
from tests.engine.edits import OTHER, PATHS, SERVE, Edit
from tests.engine.every_field import EDITS
from tests.fakes import Recording, Registration

DIGEST = f"base@sha256:{'a' * 64}"
NAMES = {OTHER: f"other@sha256:{'b' * 64}", PATHS: "/srv"}
Run = Callable[[dict[str, Any]], Recording]
"""Registers a lab, its lock up to date."""

ELSEWHERE = {
    ("docker", "ManagedVolume.size"): "Docker has no sizes; it counts for quotas",
    ("docker", "ProjectArgs.host"): "the host whose provider registers the container; a move replaces it",
}
"""Edits that change no registration of their project, and what the field does instead."""


def _exported(key: str, **more: Any) -> dict[str, Any]:
    return {f"volumes.{key}": {"nfs": {"server": "one.invalid", "path": "/one"}, **more}}


CLUSTER_EDITS = [
    Edit("ProjectArgs.capabilities (admitted)", {"capabilities": ["NET_BIND_SERVICE"]}),
] + [
    Edit(f"NfsExport.{part}", before={"mounts": {f"n{place}": "/data"}}, lab_before=_exported(f"n{place}"),
         lab_after={f"volumes.n{place}.nfs.{part}": new})
    for place, (part, new) in enumerate({"server": "two.invalid", "path": "/two", "options": "rw,nfsvers=3"}.items())
] + [
    Edit("NfsVolume.read_only", before={"mounts": {"n7": "/data"}}, lab_before=_exported("n7"),
         lab_after={"volumes.n7.read_only": True}),
    Edit("ClaimVolume.claim", before={"mounts": {"c1": "/data"}},
         lab_before={"volumes.c1": {"claim": "one", "owner": "anna"}}, lab_after={"volumes.c1.claim": "two"}),
    Edit("ClaimVolume.read_only", before={"mounts": {"c2": "/data"}},
         lab_before={"volumes.c2": {"claim": "one", "owner": "anna"}}, lab_after={"volumes.c2.read_only": True}),
]  # fmt: skip


@dataclass
class Row:
    """A field, and by backend the places of registrations that its edits change, or the refusal."""

    field: str
    places: dict[str, set[str]] = field(default_factory=lambda: {"docker": set(), "kubernetes": set()})
    refused: dict[str, str] = field(default_factory=dict)


def edits() -> list[Edit]:
    """One edit for each field, and for each value where it makes a difference; environments by their image alone."""
    before = ("environment", "requires")
    plain = [one for one in EDITS if not any(key.startswith(before) for key in {**one.before, **one.after})]
    image = Edit("Prebuilt.image", {"environment": {"kind": "prebuilt", "image": OTHER}})
    return [image, *plain, *CLUSTER_EDITS]


def rows(run: Run) -> list[Row]:
    """The table, in the order of the fields' names."""
    table: dict[str, Row] = {}
    for backend, world in (("docker", docker_world), ("kubernetes", cluster_world)):
        refused = {one.of: why for one in edits() if (why := refusal(one, world))}
        kept = [one for one in edits() if one.of not in refused]
        before, after = run(lab_before(kept, world)), run(lab_after(kept, world))
        for one in edits():
            row = table.setdefault(one.field, Row(one.field))
            if one.of in refused:
                row.refused[backend] = refused[one.of]
            else:
                row.places[backend] |= changed(of_project(before, one), of_project(after, one))
    return [table[key] for key in sorted(table)]


MODELS = {"A100": 30, "V100": 4, "H200": 4}
"""The GPUs of the cluster, one node for each model."""
World = Callable[[dict[str, Any]], dict[str, Any]]


def docker_world(lab: dict[str, Any]) -> dict[str, Any]:
    """A lab on one Docker host."""
    slices = [{"uuid": f"MIG-more{size}", "profile": f"{size}g.{size}0gb"} for size in (1, 2)]
    sliced = {"uuid": "GPU-more", "model": "A100", "mig": slices}
    address = {"address": "ssh://lab@one.invalid", "host_paths": ["/srv"], "gpus": [*every_field.gpus(), sliced]}
    return {**lab, "runs_on": {"kind": "docker", "hosts": {"local": {**address, "ports": "21000-29999"}}}}


def cluster_world(lab: dict[str, Any]) -> dict[str, Any]:
    """The same lab on a cluster, whose managed volumes have sizes and no host."""
    nodes = {
        name.lower(): {"count": 1, "product": f"NVIDIA-{name}", "model": name, "gpus": n} for name, n in MODELS.items()
    }
    nodes["mig"] = {"count": 1, "product": "NVIDIA-A100", "model": "A100", "mig": {"1g.10gb": 4, "2g.20gb": 4}}
    made = {**lab, "runs_on": {"kind": "kubernetes", "nodes": nodes}}
    for volume in made["volumes"].values():
        if not {"path", "nfs", "claim"} & set(volume):
            volume.setdefault("size", "1Gi")
    return made


def _base(one: Edit) -> dict[str, Any]:
    made = edited(one.base, one.before)
    return {**made, "environment": SERVE["environment"]}


def lab_before(kept: list[Edit], world: World) -> dict[str, Any]:
    """The lab with the projects of these edits, as they are before."""
    made: dict[str, Any] = {
        "format": 1,
        "lab": "same",
        "registry": {"address": "registry.invalid/same"},
        "people": {"anna": {"uid": 10042}, "ben": {"uid": 10044}},
        "volumes": {},
        "projects": {},
    }
    for one in kept:
        made = edited(made, {f"projects.{one.project}": _base(one), **one.lab_before})
    return _filled(world(made))


def lab_after(kept: list[Edit], world: World) -> dict[str, Any]:
    """The same lab after all edits."""
    made = lab_before(kept, world)
    for one in kept:
        project = edited(made["projects"][one.project], one.after)
        made = edited(made, {f"projects.{one.project}": project, **one.lab_after})
    return _filled(made)


def _filled(lab: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(filled(lab, NAMES)).replace("python:3.12-slim", DIGEST)
    made: dict[str, Any] = json.loads(text)
    return made


def refusal(one: Edit, world: World) -> str:
    """Why a backend refuses one of an edit's two states; empty if it takes both."""
    for lab in (lab_before([one], world), lab_after([one], world)):
        try:
            problems = check(LabArgs.model_validate_json(json.dumps(lab)))
        except ValidationError as error:
            problems = problems_of(error, LabArgs, None)
        said = [f"{problem.message}; {problem.hint}" if problem.hint else problem.message for problem in problems]
        if said:
            return said[0]
    return ""


def of_project(recording: Recording, one: Edit) -> dict[str, Registration]:
    """The registrations of a project and of the volumes that only it has, by their type and name."""
    volumes = {key.split(".")[1] for key in {**one.lab_before, **one.lab_after} if key.startswith("volumes.")}
    parents = tuple(
        f"::labform:index:{kind}::same-{one.project}" for kind in ("Image", "DockerWorkspace", "KubernetesWorkspace")
    )
    found = []
    for each in recording.registrations:
        parent = each.parent.replace("labform:index:Lab$", "")
        if each.custom and (parent.endswith(parents) or _volume(each) in volumes):
            found.append(each)
    return {f"{each.type.rsplit(':', 1)[-1]} {each.name}": each for each in found}


def _volume(one: Registration) -> str:
    """The id of the volume that an object is of."""
    labels = one.inputs.get("labels") or (one.inputs.get("metadata") or {}).get("labels") or {}
    if isinstance(labels, list):
        labels = {each["label"]: each["value"] for each in labels}
    return str(labels.get("labform.volume", ""))


def changed(before: Mapping[str, Registration], after: Mapping[str, Registration]) -> set[str]:
    """The places of objects that differ, as `Container.memory`; whole objects that come or go as `Container`."""
    found: set[str] = set()
    for key in {*before, *after}:
        kind = key.split(" ")[0]
        if key not in before or key not in after:
            found.add(kind)
        else:
            found |= {f"{kind}.{place}" for place in _differences(before[key].inputs, after[key].inputs)}
            found |= _options(kind, before[key], after[key])
    return found


def _options(kind: str, before: Registration, after: Registration) -> set[str]:
    return {f"{kind} wait"} if before.options.custom_timeouts != after.options.custom_timeouts else set()


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Paths at which two values differ; places in a list are not told apart, and a map's own keys stand for it."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            if one != other:
                yield from _differences(one, other, path)
    elif old != new:
        yield path


def page(table: list[Row]) -> str:
    """docs/backends.md."""
    head = Path(__file__).with_name("parity_head.md").read_text()
    lines = ["| field | Docker | Kubernetes |", "| --- | --- | --- |"]
    lines += [f"| `{row.field}` | {_cell(row, 'docker')} | {_cell(row, 'kubernetes')} |" for row in table]
    return f"{head}\n" + "\n".join(lines) + "\n"


def _cell(row: Row, backend: str) -> str:
    told = [ELSEWHERE[backend, row.field]] if (backend, row.field) in ELSEWHERE else []
    told += [", ".join(f"`{one}`" for one in sorted({_short(place) for place in row.places[backend]}))]
    told += [f"refused: {row.refused[backend]}"] if backend in row.refused else []
    return "; ".join(one for one in told if one).replace("|", "\\|")


def _short(place: str) -> str:
    """A place without its depths: of a Container its field, of a pod or its container the field there."""
    for long, short in (("spec.template.spec.containers", "container"), ("spec.template.spec", "pod"),
                        ("spec.template.metadata", "pod.metadata")):  # fmt: skip
        place = place.replace(long, short)
    parts = place.split(".")
    return ".".join(parts[: 2 if parts[0] in ("Container", "Image") else 3])
