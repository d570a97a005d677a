"""The provider: one answer for each question of the engine, whatever the kind."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import yaml
from kubernetes.config import ConfigException
from pulumi.provider.experimental import provider as sdk

from toolchain.kubernetes_plugin import operations
from toolchain.kubernetes_plugin.api import CONNECTIONS, Api, ApiError, UnreachableError
from toolchain.kubernetes_plugin.diff import MISSING, changes, ignored, pruned
from toolchain.kubernetes_plugin.normal import normal
from toolchain.kubernetes_plugin.objects import annotation, marked, named, parsed, refuse_unsupported
from toolchain.kubernetes_plugin.operations import Cluster, Request
from toolchain.kubernetes_plugin.replaces import replacing
from toolchain.kubernetes_plugin.settings import KNOWN, Settings
from toolchain.properties import Values, plain
from toolchain.provider_errors import PluginError
from toolchain.provider_server import Log


class KubernetesProvider(sdk.Provider):
    """Answers as the official plugin; what blocks runs in threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._cluster = Cluster(Settings(), None, "it is not configured", threading.Event())

    def use(self, cluster: Cluster) -> None:
        """Work on this cluster."""
        self._cluster = cluster

    async def check_config(self, request: sdk.CheckRequest) -> sdk.CheckResponse:
        """Pass the settings on; refuse what the stand-in does not know."""
        inputs = plain(request.new_inputs)
        failures = [
            sdk.CheckFailure(name, f"the stand-in kubernetes plugin does not know {name}: use the official plugin")
            for name in sorted(inputs.keys() - KNOWN)
        ]
        if str(inputs.get("enableServerSideApply", "true")).lower() == "false":
            reason = "the stand-in kubernetes plugin knows server-side apply only: use the official plugin"
            failures.append(sdk.CheckFailure("enableServerSideApply", reason))
        return sdk.CheckResponse(request.new_inputs, failures)

    async def configure(self, request: sdk.ConfigureRequest) -> sdk.ConfigureResponse:
        """Find the cluster; one that does not answer is told of later, by what needs it."""
        self.use(await self._run(partial(_connected, Settings.of(plain(request.args)))))
        return sdk.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def cancel(self) -> None:
        """End what waits."""
        self._cluster.cancelled.set()

    async def check(self, request: sdk.CheckRequest) -> sdk.CheckResponse:
        """Complete and normalise the inputs of an object."""
        refuse_unsupported(_type(request.urn))
        given = plain(request.new_inputs)
        inputs = named(normal(given), plain(request.old_inputs), _name(request.urn), request.random_seed)
        inputs = await self._run(partial(self._cluster.placed, inputs))
        return sdk.CheckResponse(marked(inputs, request.new_inputs))

    async def diff(self, request: sdk.DiffRequest) -> sdk.DiffResponse:
        """Say what an edit changes and what it replaces."""
        old_inputs, live = parsed(request.old_state)
        inputs = normal(plain(request.new_inputs))
        before = pruned(live, normal(old_inputs))
        before.update(apiVersion=inputs["apiVersion"], kind=inputs["kind"])
        await self._run(partial(self._cluster.align, before, inputs))
        if inputs["metadata"].get("name"):
            before.setdefault("metadata", {})["name"] = live["metadata"]["name"]
        settings = self._cluster.settings
        fields = replacing(
            inputs, config_maps_change=settings.config_maps_change, secrets_change=settings.secrets_change
        )
        found = changes(before, inputs, fields)
        found = {path: change for path, change in found.items() if not ignored(path, list(request.ignore_changes))}
        replaces = [path for path, change in found.items() if change.kind.endswith("_REPLACE")]
        kinds = sdk.PropertyDiffKind
        details = {path: sdk.PropertyDiff(kinds[change.kind], change.of_input) for path, change in found.items()}
        return sdk.DiffResponse(
            changes=bool(found),
            replaces=sorted(replaces),
            detailed_diff=details,
            delete_before_replace=bool(replaces) and _same_place(inputs, live),
        )

    async def create(self, request: sdk.CreateRequest) -> sdk.CreateResponse:
        """Make an object, or foretell it by a dry run."""
        inputs = plain(request.properties)
        if request.preview and not await self._run(partial(self._cluster.can_preview, inputs)):
            return sdk.CreateResponse("", request.properties)
        asked = Request(request.urn, inputs, request.properties, request.timeout, request.preview, self._tell(request))
        try:
            made, state = await self._run(partial(operations.create, self._cluster, asked))
        except ApiError as error:
            # Not to be foretold: a replaced object is still there, its namespace not yet.
            if request.preview and (error.status in (403, 404, 409)):
                return sdk.CreateResponse("", request.properties)
            raise operations.not_created(request.urn, error) from error
        return sdk.CreateResponse("" if request.preview else made, state)

    async def read(self, request: sdk.ReadRequest) -> sdk.ReadResponse:
        """Read an object back; an empty answer if it is gone."""
        found = await self._run(partial(operations.read, self._cluster, request))
        return sdk.ReadResponse("") if found is None else sdk.ReadResponse(*found)

    async def update(self, request: sdk.UpdateRequest) -> sdk.UpdateResponse:
        """Change an object in place, or foretell it by a dry run."""
        inputs = normal(plain(request.news))
        if request.preview and not await self._run(partial(self._cluster.can_preview, inputs)):
            return sdk.UpdateResponse(request.news)
        asked = Request(request.urn, inputs, request.news, request.timeout, request.preview, self._tell(request))
        ignore = list(request.ignore_changes)
        return sdk.UpdateResponse(
            await self._run(partial(operations.update, self._cluster, asked, request.olds, ignore))
        )

    async def delete(self, request: sdk.DeleteRequest) -> None:
        """Remove an object and wait until it is gone."""
        await self._run(partial(operations.delete, self._cluster, request))

    async def invoke(self, request: sdk.InvokeRequest) -> sdk.InvokeResponse:
        """Refuse: Helm templates, Kustomize and YAML files are the official plugin's."""
        raise PluginError(f"the stand-in kubernetes plugin has no {request.tok}: use the official plugin")

    def _tell(self, request: Any) -> Callable[[str], None]:
        return partial(self._log, request.urn)

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _connected(settings: Settings) -> Cluster:
    """Return the cluster, which may not answer."""
    server, reason = None, ""
    try:
        server = Api.of(settings.loaded())
        server.request("GET", "/version")
    except UnreachableError as error:
        server, reason = None, f"unable to load schema information from the API server: {error}"
    except ApiError as error:
        server, reason = None, f"unable to load schema information from the API server: {error}"
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, ConfigException, ssl.SSLError) as error:
        reason = f"failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
    return Cluster(settings, server, reason, threading.Event())


def _same_place(inputs: Values, live: Values) -> bool:
    """Tell whether the new object must have the name that the old one still holds."""
    autonamed = annotation(inputs, "autonamed") == "true"
    places = ((side["metadata"].get("name", MISSING), _namespace(side)) for side in (inputs, live))
    return not autonamed and next(places) == next(places)


def _namespace(values: Values) -> str:
    return values["metadata"].get("namespace") or "default"


def _type(urn: str) -> str:
    """Return the type in a URN, without its parents."""
    return urn.split("::")[-2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
