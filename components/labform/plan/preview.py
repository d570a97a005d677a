"""The JSON of `pulumi preview --json` as a page: what a change does to what is really deployed.

Nothing but names, reasons and public figures is repeated; a secret is `[secret]` already, and what nobody knows before
the `up` is said to be unknown. A step of a kind that is not known here is an error, never left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labform.plan import kubernetes_rules, pods
from labform.plan.digest import CONTAINER, Resource, Step, resource
from labform.plan.effects import IMAGES, KEPT, words
from labform.plan.holdings import asked, handed_over, held
from labform.plan.page import Action, GpuMove, Page, ProjectChange, Quota, Risk, scalar
from labform.policy import is_handle
from labform.problems import LabformError, brief
from labform.quotas import KINDS, amount_text

CLUSTER = "pulumi:providers:kubernetes"
PROVIDERS = "pulumi:providers:"
"""How the types of providers begin."""
_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
_VALUES = frozenset({"image", "cpus", "memory", "shmSize", "user", "restart", "maxRetryCount", "mustRun", "hostname"})
"""Fields of a container whose values a page repeats: single, short, and public by design."""


class _Diagnostic(BaseModel):
    model_config = ConfigDict(extra="ignore")
    message: str = ""
    severity: str = ""


class _Digest(BaseModel):
    """What of `PreviewDigest` (pkg/display/json.go of Pulumi 3.259) is read."""

    model_config = ConfigDict(extra="ignore")
    steps: list[Step] = []
    diagnostics: list[_Diagnostic] = []
    maybe_corrupt: bool = Field(False, alias="maybeCorrupt")


def page_of(text: str, name: str = "preview") -> Page:
    """The page of a preview; LabformError where the text is not one, or holds a step of an unknown kind."""
    digest = _read(text)
    errors = [_COLOUR.sub("", one.message).strip() for one in digest.diagnostics if one.severity == "error"]
    resources = [resource(one) for one in digest.steps]
    owned: dict[str | None, list[Resource]] = {}
    for one in resources:
        owned.setdefault(one.component, []).append(one)
    changes = (_change(key, found) for key, found in sorted(owned.items(), key=str) if key is not None)
    apart = [one for one in owned.get(None, []) if one.custom and one.operation != "same"]
    return Page(
        name,
        risks=tuple(_risks(resources)),
        projects=tuple(one for one in changes if one),
        gpus=tuple(_gpus(resources)),
        quotas=tuple(_quotas(resources)),
        lab=tuple(_words(one) for one in apart),
        head_error="\n".join(dict.fromkeys(errors)),
        notes=("the engine says that the state may be corrupt",) if digest.maybe_corrupt else (),
    )


def _read(text: str) -> _Digest:
    if not text.strip():
        raise LabformError("error[preview] is empty; write it with `pulumi preview --json`")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise LabformError(f"error[preview] is not JSON, or not all of it: {error}") from None
    except RecursionError:
        raise LabformError("error[preview] is nested too deep") from None
    if not isinstance(data, dict) or not {"steps", "diagnostics", "changeSummary"} & set(data):
        raise LabformError("error[preview] is JSON of something else; write it with `pulumi preview --json`")
    try:
        return _Digest.model_validate(data)
    except ValidationError as error:
        said = [_fault(one) for one in error.errors(include_url=False, include_input=True)[:20]]
        raise LabformError("\n".join(said)) from None


def _fault(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["loc"][-1] == "op":
        return f'error[preview] {where}: a step of an unknown kind "{brief(str(error["input"]))}"; update labform'
    return f"error[preview] {where}: {error['msg'].lower()}"


def _change(component: str, found: list[Resource]) -> ProjectChange | None:
    """What happens to a project; None if nothing does."""
    project = next((name for one in found if (name := one.label("labform.project"))), component)
    custom = [one for one in found if one.custom]
    images, rest = [one for one in custom if one.type in IMAGES], [one for one in custom if one.type not in IMAGES]
    builds = any(one.operation in ("create", "update", "replace") for one in images)
    operations = {one.operation for one in rest} - {"same"}
    if not operations and all(one.operation == "same" for one in images):
        return None
    owner = next((one.label("labform.owner") for one in rest if one.label("labform.owner")), "")
    if {one.operation for one in rest} == {"delete"}:
        return ProjectChange(project, owner, "removed")
    if {one.operation for one in rest} == {"create"}:
        return ProjectChange(project, owner, "created", builds)
    why = [reason for one in rest for reason in _reasons(one)]
    return ProjectChange(project, owner, _action(rest), builds, tuple(dict.fromkeys(why)))


def _action(rest: list[Resource]) -> Action:
    if any(one.type == CONTAINER and one.host != one.old_host for one in rest):
        return "moved"
    running = [one for one in rest if pods.is_workload(one.type) or not kubernetes_rules.kind_of(one.type)]
    if any(one.operation not in ("update", "same") for one in running):
        return "replaced"
    edited = [
        (kubernetes_rules.kind_of(one.type), path) for one in running if one.operation == "update" for path in one.paths
    ]
    return "restarted" if any(kind and kubernetes_rules.restarts(kind, path) for kind, path in edited) else "updated"


def _reasons(one: Resource) -> Iterator[str]:
    if one.type == CONTAINER and one.host != one.old_host and one.operation == "replace":
        yield f"host: {one.old_host} → {one.host}"
    if pods.is_workload(one.type) and one.operation in ("update", "replace"):
        yield from _pod_reasons(one)
        return
    for field in one.fields:
        if one.type == CONTAINER and field in _VALUES:
            yield f"{field}: {_text(one.old.get(field))} → {_text(one.new.get(field))}"
        elif field == "deviceRequests":
            yield f"GPUs: {', '.join(held(one.old)) or 'none'} → {', '.join(held(one.new)) or 'none'}"
        else:
            yield field


def _pod_reasons(one: Resource) -> Iterator[str]:
    """What differs of a pod: its GPUs in words, the rest by the fields' last names."""
    old, new = (", ".join(f"{count} {key}" for key, count in pods.gpus(side).items()) for side in (one.old, one.new))
    if old != new:
        yield f"GPUs: {old or 'none'} → {new or 'none'}"
    for path in one.paths:
        if not path.startswith("spec.template.spec.containers.resources"):
            yield path.removeprefix("spec.template.").removeprefix("spec.")


def _text(value: Any) -> str:
    name, mark, digest = (text := scalar(value)).partition("@sha256:")
    return f"{name}@{digest[:12]}" if mark else brief(text)


def _risks(resources: list[Resource]) -> Iterator[Risk]:
    for one in resources:
        if one.type in KEPT:
            yield from () if is_handle(one.old) else _volume(one)
        elif (one.type == CONTAINER or pods.is_workload(one.type)) and one.operation not in ("create", "delete"):
            yield from _mounts(one)
        elif one.type == CLUSTER and one.operation != "create" and {"context", "kubeconfig", "cluster"} & {*one.fields}:
            yield Risk(
                f"the cluster {one.name}", f"{', '.join(one.fields)}: if that is another, pods and volumes stay behind"
            )
        elif one.type.startswith(PROVIDERS) and one.operation in ("update", "replace") and "host" in one.fields:
            change = f"{_text(one.old.get('host'))} → {_text(one.new.get('host'))}"
            said = f"{change}: if that is another machine, its containers and volumes stay behind"
            yield Risk(f"host {one.name}", said)
        if one.operation in ("delete", "replace") and one.protected and one.type not in KEPT:
            yield Risk(f"{one.kind} {one.name}", "is protected, and would be removed")


def _volume(one: Resource) -> Iterator[Risk]:
    called = "namespace" if one.kind == "Namespace" else "volume"
    if one.operation == "delete":
        kept = f"its data stays {KEPT[one.type]}" if one.retained else "AND ITS DATA IS DELETED"
        yield Risk(f"{called} {one.name}", f"leaves the state; {kept}")
    elif one.operation == "replace":
        yield Risk(f"{called} {one.name}", f"is made anew and empty ({', '.join(one.fields)})")
    elif one.was_protected and not one.protected:
        yield Risk(f"{called} {one.name}", "is no longer protected: on its way out")


def _container_mounts(inputs: Mapping[str, Any]) -> dict[Any, Any]:
    """Where each volume or folder is mounted, as a Docker host is told and as a Podman host is."""
    mounts = {one.get("source"): one.get("target") for one in inputs.get("mounts") or []}
    volumes = inputs.get("volumes") or []
    return mounts | {one.get("volumeName") or one.get("hostPath"): one.get("containerPath") for one in volumes}


def _mounts(one: Resource) -> Iterator[Risk]:
    had, has = (
        pods.mounts(side) if pods.is_workload(one.type) else _container_mounts(side) for side in (one.old, one.new)
    )
    for source, target in had.items():
        if source not in has:
            yield Risk(one.name, f"no longer has {_text(source)}, which was at {_text(target)}; its data stays")
        elif has[source] != target:
            yield Risk(one.name, f"{_text(source)} moves from {_text(target)} to {_text(has[source])}")


def _gpus(resources: list[Resource]) -> Iterator[GpuMove]:
    before: dict[tuple[str, str], str] = {}
    after: dict[tuple[str, str], str] = {}
    for one in (one for one in resources if one.type == CONTAINER):
        project = one.label("labform.project") or one.name
        before.update(((one.old_host, gpu), project) for gpu in held(one.old))
        after.update(((one.host, gpu), project) for gpu in held(one.new))
    for host, gpu in sorted({*before, *after}):
        was, now = before.get((host, gpu)), after.get((host, gpu))
        if was != now:
            yield GpuMove(host, gpu, "", was, now)
    sides: tuple[list[dict[str, Any]], ...] = ([], [])
    for one in (one for one in resources if pods.is_workload(one.type)):
        for side, inputs in zip(sides, (one.old, one.new), strict=True):
            side.extend(pods.gpu_rows(inputs, one.label("labform.project") or one.name))
    yield from handed_over(*sides)


def _quotas(resources: list[Resource]) -> Iterator[Quota]:
    """How much more or less people's containers ask for; a preview shows neither the unchanged ones nor limits."""
    containers = [one for one in resources if one.type == CONTAINER or pods.is_workload(one.type)]
    before, after = asked(containers, new=False), asked(containers, new=True)
    for person in sorted({*before, *after}):
        for kind in KINDS:
            more = (after[person][kind] - before[person][kind]).normalize()
            if more:
                sign = "+" if more > 0 else "-"
                yield Quota(person, kind, "unknown", f"{sign}{amount_text(kind, abs(more))}", "unknown")


def _words(one: Resource) -> str:
    """An effect that belongs to no project, for people."""
    fields = one.paths if kubernetes_rules.kind_of(one.type) and one.operation == "update" else one.fields
    return words(one.type, one.name, one.operation, fields, kept=one.retained)
