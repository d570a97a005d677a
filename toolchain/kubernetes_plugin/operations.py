"""What the provider does to objects: made, read, changed and deleted, each with the state that it leaves."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolchain.kubernetes_plugin import waiting, writing
from toolchain.kubernetes_plugin.api import Api, ApiError, NoMatchError, UnreachableError
from toolchain.kubernetes_plugin.diff import pruned
from toolchain.kubernetes_plugin.normal import READ_ONLY, has_unknown, normal
from toolchain.kubernetes_plugin.objects import (
    FIELD_MANAGER,
    INITIAL_VERSION,
    annotation,
    identity,
    marked,
    parsed,
    state_of,
)
from toolchain.kubernetes_plugin.settings import Settings
from toolchain.kubernetes_plugin.waiting import NotReadyError
from toolchain.properties import Properties, Values, plain
from toolchain.provider_errors import PartialFailureError, PluginError

UNREACHABLE = (
    "{}. If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with "
    'the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


@dataclass(frozen=True)
class Cluster:
    """The cluster that the provider is configured for."""

    settings: Settings
    server: Api | None
    reason: str
    """Why there is no server."""
    cancelled: threading.Event

    def reached(self) -> Api:
        """Return the server; PluginError if it did not answer."""
        if self.server is None:
            raise PluginError(f"configured Kubernetes cluster is unreachable: {self.reason}")
        return self.server

    def can_preview(self, inputs: Values) -> bool:
        """Tell whether a dry run can foretell an object."""
        if self.server is None or has_unknown(inputs):
            return False
        try:
            self.server.kind(inputs["apiVersion"], inputs["kind"])
        except (NoMatchError, ApiError, UnreachableError):
            return False
        return True

    def placed(self, inputs: Values) -> Values:
        """Return inputs in the provider's namespace, if they name none and their kind lives in one."""
        metadata = inputs.get("metadata") or {}
        if not self.settings.namespace or metadata.get("namespace") or not self._namespaced(inputs):
            return inputs
        return {**inputs, "metadata": {**metadata, "namespace": self.settings.namespace}}

    def align(self, before: Values, inputs: Values) -> None:
        """Give both sides of a comparison the namespace they are in, `default` where none is named."""
        namespaced = self._namespaced(inputs)
        for side in (before, inputs):
            metadata = side["metadata"] = dict(side.get("metadata") or {})
            if namespaced:
                metadata["namespace"] = metadata.get("namespace") or "default"
            else:
                metadata.pop("namespace", None)

    def _namespaced(self, inputs: Values) -> bool:
        try:
            return self.server is None or self.server.kind(inputs["apiVersion"], inputs["kind"]).namespaced
        except (NoMatchError, ApiError, UnreachableError):
            return True


@dataclass(frozen=True)
class Request:
    """What a create and an update are asked for."""

    urn: str
    inputs: Values
    secrets: Properties
    """The inputs as the engine sent them."""
    timeout: float
    preview: bool
    tell: Callable[[str], None]


def create(cluster: Cluster, asked: Request) -> tuple[str, Properties]:
    """Make an object and wait for it; ApiError if the server refuses."""
    server, inputs, version = cluster.reached(), asked.inputs, str(asked.inputs["apiVersion"])
    manager = annotation(inputs, "patchFieldManager") or writing.new_manager()
    try:
        if cluster.settings.upsert:
            # A dry run must not conflict with what a replacement is going to remove.
            force = cluster.settings.force or asked.preview
            live = writing.applied(server, inputs, manager, force=force, preview=asked.preview)
        else:
            live = writing.created(server, inputs, preview=asked.preview, tell=asked.tell)
    except NoMatchError as error:
        kind = f"{version}/{inputs['kind']}"
        raise PluginError(
            f'creation of resource "{asked.urn}" with kind {kind} failed because the Kubernetes API server reported '
            "that the apiVersion for this resource does not exist. Verify that any required CRDs have been created: "
            f"{error}"
        ) from error
    except UnreachableError as error:
        raise not_created(asked.urn, error) from error
    if asked.preview:
        live.pop("status", None)
        return "", state_of(inputs, live, asked.secrets, version, manager)
    try:
        live = _ready(cluster, asked, live)
    except NotReadyError as error:
        message = (
            f'resource "{asked.urn}" was successfully created, but the Kubernetes API server reported that it failed '
            f"to fully initialize or become live: {error}"
        )
        state = state_of(inputs, error.live, asked.secrets, version, manager)
        raise PartialFailureError(message, identity(error.live), state, reasons=error.reasons) from error
    return identity(live), state_of(inputs, live, asked.secrets, version, manager)


def not_created(urn: str, error: Exception) -> PluginError:
    """Return the error of a create that left nothing."""
    exists = isinstance(error, ApiError) and error.reason == "AlreadyExists"
    help_ = writing.ALREADY_EXISTS if exists else ""
    return PluginError(f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}{help_}')


def update(cluster: Cluster, asked: Request, olds: Properties, ignore: list[str]) -> Properties:
    """Apply new inputs to an object and wait for it."""
    server = cluster.reached()
    old_inputs, old_live = parsed(olds)
    version, manager = _kept(olds, old_inputs)
    new_manager = annotation(asked.inputs, "patchFieldManager") or manager
    inputs = asked.inputs
    try:
        live = server.get(old_live)
        if not asked.preview:
            live = writing.taken_over(server, live, new_manager)
        force = writing.forced(inputs, live, by_default=cluster.settings.force, preview=asked.preview)
        inputs = writing.kept(inputs, live, ignore, new_manager) if ignore else inputs
        live = writing.applied(server, inputs, new_manager, force=force, preview=asked.preview)
        if not asked.preview:
            live = _ready(cluster, asked, live)
    except (ApiError, NotReadyError, UnreachableError, NoMatchError) as error:
        if asked.preview and isinstance(error, ApiError) and error.status == 403:
            return asked.secrets
        raise _not_updated(server, asked, old_live, error, (version, new_manager)) from error
    return state_of(inputs, live, asked.secrets, version, new_manager)


def read(cluster: Cluster, request: Any) -> tuple[str, Properties, Properties] | None:
    """Return id, state and inputs of the live object; None if it is gone."""
    if cluster.server is None:
        if cluster.settings.delete_unreachable:
            return None
        raise PluginError(UNREACHABLE.format("failed to read resource state due to unreachable cluster"))
    olds = normal(plain(request.inputs))
    version, manager = _kept(request.properties, olds)
    named = olds or _named_by(request, version)
    try:
        live = cluster.server.get(named)
        inputs = pruned(live, olds) if olds else _as_inputs(live)
        state = state_of(inputs, live, request.inputs, version or live["apiVersion"], manager)
        if olds:
            waiting.as_read(cluster.server, olds, live)
    except NoMatchError:
        return None
    except NotReadyError as error:
        shown = marked(inputs, request.inputs)
        raise PartialFailureError(
            str(error), request.resource_id, state, inputs=shown, reasons=error.reasons
        ) from error
    except UnreachableError as error:
        raise PluginError(str(error)) from error
    except ApiError as error:
        if error.status == 404:
            return None
        raise PluginError(str(error)) from error
    return request.resource_id, state, marked(inputs, request.inputs)


def delete(cluster: Cluster, request: Any) -> None:
    """Delete an object and wait until it is gone."""
    if cluster.server is None:
        if cluster.settings.delete_unreachable:
            return
        raise PluginError(UNREACHABLE.format("configured Kubernetes cluster is unreachable"))
    inputs, live = parsed(request.properties)
    try:
        writing.deleted(cluster.server, inputs, live)
        limit = waiting.limit_of(inputs, request.timeout)
        waiting.until_gone(cluster.server, inputs, live, limit, cluster.cancelled)
    except NoMatchError:
        return
    except NotReadyError as error:
        version, manager = _kept(request.properties, inputs)
        state = state_of(inputs, error.live, request.properties, version, manager)
        raise PartialFailureError(str(error), request.resource_id, state, reasons=error.reasons) from error
    except (ApiError, UnreachableError) as error:
        raise PluginError(str(error)) from error


def _ready(cluster: Cluster, asked: Request, live: Values) -> Values:
    """Wait for an object that was just written."""
    limit = waiting.limit_of(asked.inputs, asked.timeout)
    return waiting.until_ready(cluster.reached(), asked.inputs, live, limit, cluster.cancelled, asked.tell)


def _not_updated(server: Api, asked: Request, old_live: Values, error: Exception, kept: tuple[str, str]) -> PluginError:
    """Return the error of an update: the object, as it is now, belongs into the state with the new inputs."""
    try:
        live = server.get(old_live)
    except (ApiError, UnreachableError, NoMatchError) as absent:
        return PluginError(f'update of resource "{asked.urn}" failed: {error}\nunable to get cluster state: {absent}')
    name = identity(live)
    message = f'the Kubernetes API server reported that "{name}" failed to fully initialize or become live: {error}'
    reasons = error.reasons if isinstance(error, NotReadyError) else []
    state = state_of(asked.inputs, live, asked.secrets, *kept)
    return PartialFailureError(message, name, state, reasons=reasons)


def _kept(state: Properties, inputs: Values) -> tuple[str, str]:
    """Return the first API version and the field manager that a state holds."""
    version = plain(state[INITIAL_VERSION]) if INITIAL_VERSION in state else inputs.get("apiVersion", "")
    manager = annotation(inputs, "patchFieldManager")
    return version, manager or (plain(state[FIELD_MANAGER]) if FIELD_MANAGER in state else writing.new_manager())


def _named_by(request: Any, version: str) -> Values:
    """Return what an import names: a kind by the URN's type, an object by its id."""
    _, module, kind = request.urn.split("::")[-2].rpartition("$")[2].split(":")
    namespace, _, name = request.resource_id.rpartition("/")
    group = module.removeprefix("core/")
    return {"apiVersion": version or group, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def _as_inputs(live: Values) -> Values:
    """Return an imported object as a program would write it."""
    metadata = {name: value for name, value in live["metadata"].items() if name not in READ_ONLY}
    return {**{name: value for name, value in live.items() if name != "status"}, "metadata": metadata}
