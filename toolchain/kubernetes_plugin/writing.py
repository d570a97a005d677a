"""Objects on the API server: created, applied, taken over from other managers, deleted; dry in a preview."""

import random
import time
from collections.abc import Callable
from typing import Any

from toolchain.kubernetes_plugin import api
from toolchain.kubernetes_plugin.api import Api, ApiError, NoMatchError
from toolchain.kubernetes_plugin.objects import annotation
from toolchain.properties import Values

CREATOR = "pulumi-kubernetes"
"""The manager of what a create sets; the first update gives it to the object's own manager."""

OWN_NAMES = {CREATOR, "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"}

PREDECESSORS = {
    ("kubectl", "Apply"),
    *((name, "Update") for name in (*OWN_NAMES, "kubectl", "before-first-apply")),
}
"""Managers, by how their names begin (`kubectl-set`), whose fields an update takes over without force."""

RETRIES = 5
"""How often a create waits for its namespace or its kind, twice as long each time, from a second on."""

ALREADY_EXISTS = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""

CONFLICT = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n"
    'The resource managed by field manager "{}" had an apply conflict: {}'
)


def new_manager() -> str:
    """Return a name for the manager of one object, as the official plugin makes them up."""
    return f"{CREATOR}-{random.getrandbits(32):08x}"


def forced(inputs: Values, live: Values, *, by_default: bool, preview: bool) -> bool:
    """Tell whether fields of other managers are taken: where asked for, or where the update takes them over anyway."""
    entries = live["metadata"].get("managedFields") or []
    taken_later = preview and any(entry["operation"] == "Update" and entry["manager"] in OWN_NAMES for entry in entries)
    return annotation(inputs, "patchForce") == "true" or by_default or taken_later or not entries


def created(server: Api, inputs: Values, *, preview: bool, tell: Callable[[str], None]) -> Values:
    """Make an object, waiting for its namespace or kind to appear; a preview does not wait."""
    query = {"fieldManager": CREATOR} | _dry(preview)
    for attempt in range(1, RETRIES + 2):
        try:
            kind = server.kind(inputs["apiVersion"], inputs["kind"])
            path = kind.path(inputs["metadata"].get("namespace", ""))
            return server.request("POST", path, inputs, query=query)
        except (ApiError, NoMatchError) as error:
            absent = isinstance(error, NoMatchError) or error.status == 404
            if preview or not absent or attempt > RETRIES:
                raise
            tell(f"Retry #{attempt}; creation failed: {error}")
            time.sleep(2 ** (attempt - 1))
    raise AssertionError


def applied(server: Api, inputs: Values, manager: str, *, force: bool, preview: bool) -> Values:
    """Apply inputs to an object; a conflict names the other manager and what to read."""
    query = {"fieldManager": manager, "force": str(force).lower()} | _dry(preview)
    try:
        return server.request("PATCH", server.path(inputs), inputs, type_=api.APPLY, query=query)
    except ApiError as error:
        if error.status == 409 and error.details.get("causes"):
            error.args = (CONFLICT.format(manager, error),)
        raise


def taken_over(server: Api, live: Values, manager: str) -> Values:
    """Give this manager the fields that a create or kubectl set, so that they don't conflict."""
    entries = _merged(live["metadata"].get("managedFields") or [], manager)
    if entries is None:
        return live
    operation = {"op": "replace", "path": "/metadata/managedFields", "value": entries}
    return server.request("PATCH", server.path(live), [operation], type_=api.PATCH)


def kept(inputs: Values, live: Values, ignored: list[str], manager: str) -> Values:
    """Return inputs with what `ignoreChanges` names as it is, or left to the manager that it has."""
    result = inputs
    ours, theirs = (_fields(live, manager, own=own) for own in (True, False))
    for path in ignored:
        steps = path.split(".")
        if _managed(theirs, steps) and not _managed(ours, steps):
            result = _without(result, steps)
        elif (value := _at(live, steps)) is not None:
            result = _with(result, steps, value)
    return result


def deleted(server: Api, inputs: Values, live: Values) -> None:
    """Delete an object with what belongs to it; nothing if it is gone."""
    policy = {"orphan": "Orphan", "background": "Background"}
    chosen = policy.get(annotation(inputs, "deletionPropagationPolicy").lower(), "Foreground")
    try:
        server.request("DELETE", server.path(live), {"propagationPolicy": chosen})
    except ApiError as error:
        if error.status != 404:
            raise
    except NoMatchError:
        return


def _dry(preview: bool) -> Values:
    return {"dryRun": "All"} if preview else {}


def _merged(entries: list[Values], manager: str) -> list[Values] | None:
    """Return the managers of an object with the predecessors' fields in this one's; None if there are none."""
    old = [entry for entry in entries if not entry.get("subresource") and _is_predecessor(*_key(entry))]
    if not old:
        return None
    own = next((entry for entry in entries if _key(entry) == (manager, "Apply")), None)
    fields = own["fieldsV1"] if own else {}
    for entry in old:
        fields = _union(fields, entry["fieldsV1"])
    left = [entry for entry in entries if entry is not own and entry not in old]
    return [*left, {**(own or old[0]), "manager": manager, "operation": "Apply", "fieldsV1": fields}]


def _key(entry: Values) -> tuple[str, str]:
    return entry["manager"], entry["operation"]


def _is_predecessor(manager: str, operation: str) -> bool:
    return any(manager.startswith(name) and operation == known for name, known in PREDECESSORS)


def _union(one: Values, other: Values) -> Values:
    return {name: _union(one.get(name, {}), other.get(name, {})) for name in {**one, **other}}


def _fields(live: Values, manager: str, *, own: bool) -> list[Values]:
    entries = live["metadata"].get("managedFields") or []
    return [entry["fieldsV1"] for entry in entries if (entry["manager"] == manager) == own and entry.get("fieldsV1")]


def _managed(sets: list[Values], steps: list[str]) -> bool:
    return any(_at(fields, [f"f:{step}" for step in steps]) is not None for fields in sets)


def _at(values: Any, steps: list[str]) -> Any:
    for step in steps:
        values = values.get(step) if isinstance(values, dict) else None
    return values


def _with(values: Values, steps: list[str], value: Any) -> Values:
    inner = value if len(steps) == 1 else _with(values.get(steps[0]) or {}, steps[1:], value)
    return {**values, steps[0]: inner}


def _without(values: Values, steps: list[str]) -> Values:
    if steps[0] not in values:
        return values
    if len(steps) == 1:
        return {name: value for name, value in values.items() if name != steps[0]}
    return {**values, steps[0]: _without(values[steps[0]], steps[1:])}
