"""The provider: one answer for each question of the engine, whatever the resource."""

import asyncio
from dataclasses import replace
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from toolchain.docker_plugin import containers, images, networks, volumes
from toolchain.docker_plugin.check import (
    Failure,
    auto_name,
    bad_values,
    unknown_names,
    with_defaults,
)
from toolchain.docker_plugin.daemon import Daemon
from toolchain.docker_plugin.diff import Diff, diff
from toolchain.docker_plugin.errors import FAILURES, reported, said
from toolchain.docker_plugin.plan import plan
from toolchain.docker_plugin.schema import (
    CONTAINER,
    IMAGE,
    IMAGE_TABLE,
    NETWORK,
    PROVIDER_TABLE,
    TABLES,
    VOLUME,
)
from toolchain.docker_plugin.state import created, inputs_read, known, refreshed, updated
from toolchain.properties import UNKNOWN, Properties, Values, plain, wrapped
from toolchain.provider_errors import PartialFailureError, PluginError
from toolchain.provider_server import Log

_MODULES: dict[str, Any] = {VOLUME: volumes, NETWORK: networks, CONTAINER: containers}
"""Where each type's `read` and `delete` are."""


class DockerProvider(api.Provider):
    """Answers as the official plugin; blocking calls to the daemon run in threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._daemon = Daemon()

    async def check_config(self, request: api.CheckRequest) -> api.CheckResponse:
        """Pass the configuration on; refuse what the stand-in does not know."""
        inputs = plain(request.new_inputs)
        failures = unknown_names("pulumi:providers:docker", inputs, PROVIDER_TABLE)
        return api.CheckResponse(request.new_inputs, _failures([*failures]))

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        """Connect to a local daemon and load the registry credentials."""
        self._daemon = await asyncio.to_thread(Daemon.configured, plain(request.args))
        return api.ConfigureResponse(supports_preview=True)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        """Complete the inputs of a resource."""
        inputs = {name: v for name, v in plain(request.new_inputs).items() if v is not None}
        table = TABLES.get(_type(request.urn), IMAGE_TABLE if _type(request.urn) == IMAGE else {})
        if not table:
            raise PluginError(f"the stand-in docker plugin does not know {_type(request.urn)}")
        if "name" in table and "name" not in inputs:
            old_inputs = plain(request.old_inputs)
            name = auto_name(request.name, request.random_seed, old_inputs)
            table = {**table, "name": replace(table["name"], default=name, required=False)}
        failures = [*unknown_names(_type(request.urn), inputs, table), *bad_values(inputs, table)]
        if failures:
            return api.CheckResponse(request.new_inputs, _failures(failures))
        checked = images.check(inputs) if _type(request.urn) == IMAGE else with_defaults(inputs, table)
        return api.CheckResponse(wrapped(checked))

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        """Say what an edit changes and what it replaces."""
        olds, inputs = plain(request.old_state), plain(request.new_inputs)
        if _type(request.urn) == IMAGE:
            return _response(Diff(images.diff(olds, inputs)), native=True)
        table = TABLES[_type(request.urn)]
        found = diff(olds, inputs, table, list(request.ignore_changes))
        response = _response(found)
        stable = (name for name, field in table.items() if field.replaces)
        response.stables = sorted(name for name in stable if name not in found.replaces)
        named = _type(request.urn) == CONTAINER or "name" not in inputs.get("__defaults", [])
        response.delete_before_replace = bool(found.replaces) and named
        return response

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        """Make a resource, or foretell what it will look like."""
        inputs = plain(request.properties)
        if _type(request.urn) == IMAGE:
            if request.preview and not images.can_preview(inputs):
                return api.CreateResponse("", request.properties)
            return api.CreateResponse(inputs["imageName"], await self._build(request, inputs))
        planned = plan(None, inputs, TABLES[_type(request.urn)])
        if request.preview:
            return api.CreateResponse("", wrapped({**planned, "id": UNKNOWN}))
        made, state = await asyncio.to_thread(self._create, request, planned)
        return api.CreateResponse(made, wrapped(state))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        """Read a resource back; an empty answer if it is gone."""
        if _type(request.urn) == IMAGE:
            return api.ReadResponse(request.resource_id, request.properties, request.inputs)
        olds, inputs = plain(request.properties), plain(request.inputs)
        found = await asyncio.to_thread(self._read, request, olds)
        if found is None:
            return api.ReadResponse("")
        state = refreshed(olds, found, TABLES[_type(request.urn)])
        state["id"] = request.resource_id
        inputs = inputs_read(inputs, state, TABLES[_type(request.urn)])
        return api.ReadResponse(request.resource_id, wrapped(state), wrapped(inputs))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        """Change a resource in place, or foretell what it will look like."""
        olds, inputs = plain(request.olds), plain(request.news)
        if _type(request.urn) == IMAGE:
            if request.preview and not images.can_preview(inputs):
                return api.UpdateResponse(request.news)
            return api.UpdateResponse(await self._build(request, inputs))
        table = TABLES[_type(request.urn)]
        planned = plan(olds, inputs, table)
        planned |= {name: olds.get(name) for name in request.ignore_changes if name in table}
        if request.preview:
            return api.UpdateResponse(wrapped({**planned, "id": request.resource_id}))
        planned = known(planned)
        state = {**updated(olds, planned, table), "id": request.resource_id}
        if _type(request.urn) == CONTAINER:
            during = f"updating {request.urn}"
            container = request.resource_id
            try:
                await asyncio.to_thread(containers.update, self._client(), container, olds, planned)
            except PluginError as error:
                message = reported(str(error), during=during)
                raise PartialFailureError(message, request.resource_id, olds) from error
        return api.UpdateResponse(wrapped(state))

    async def delete(self, request: api.DeleteRequest) -> None:
        """Remove a resource; an image stays in daemon and registry."""
        if _type(request.urn) == IMAGE:
            return
        state, during = plain(request.properties), f"deleting {request.urn}"
        delete = _MODULES[_type(request.urn)].delete
        try:
            await asyncio.to_thread(delete, self._client(), request.resource_id, state)
        except (PluginError, *FAILURES) as error:
            raise PluginError(reported(said(error), during=during)) from error

    def _client(self) -> Any:
        """Return the client of the daemon."""
        try:
            return self._daemon.client()
        except PluginError as error:
            raise PluginError(reported(f"failed to create Docker client: {error}")) from error

    async def _build(self, request: Any, inputs: Values) -> Properties:
        """Build an image and return its outputs with the inputs, which a diff compares."""

        def log(line: str) -> None:
            self._log(request.urn, line)

        outputs = await asyncio.to_thread(images.build, self._daemon, inputs, log, preview=request.preview)
        secret = PropertyValue(wrapped(inputs), is_secret=True)
        return {**wrapped(outputs), "__inputs": secret}

    def _create(self, request: api.CreateRequest, planned: Values) -> tuple[str, Values]:
        """Make a resource and read it back."""
        client, table, wanted = self._client(), TABLES[_type(request.urn)], known(planned)
        module = _MODULES[_type(request.urn)]
        owner = self._daemon if _type(request.urn) == CONTAINER else client
        try:
            made = module.create(owner, wanted)
        except (PluginError, *FAILURES) as error:
            kind = _type(request.urn).rpartition(":")[2].lower()
            known_words = isinstance(error, PluginError)
            message = str(error) if known_words else f"Unable to create {kind}: {said(error)}"
            raise PluginError(reported(message)) from error
        left: Values = {}
        if _type(request.urn) == CONTAINER:
            try:
                left = containers.finish(client, made, wanted)
            except (PluginError, *FAILURES) as error:
                message = reported(said(error), during=f"creating {request.urn}")
                raise PartialFailureError(message, made, {**wanted, "id": made}) from error
        found = module.read(client, made, wanted)
        if found is None:
            problem = "expected non-empty ID for new state during Create of"
            raise PluginError(f"{problem} {request.urn}")
        return made, {**created(planned, {**found, **left}, table), "id": made}

    def _read(self, request: api.ReadRequest, olds: Values) -> Values | None:
        """Read a resource back."""
        found = _MODULES[_type(request.urn)].read(self._client(), request.resource_id, olds)
        return found if found is None else dict(found)


def _type(urn: str) -> str:
    """Return the type in a URN, without its parents: requests name the one with the other, or not at all."""
    return urn.split("::")[-2].rpartition("$")[2]


def _failures(failures: list[Failure]) -> list[api.CheckFailure]:
    """Return failures as the SDK has them."""
    return [api.CheckFailure(path, reason) for path, reason in failures]


def _response(found: Diff, *, native: bool = False) -> api.DiffResponse:
    """Return a diff as the SDK has it; the native half names no properties."""
    kinds = api.PropertyDiffKind
    details = {path: api.PropertyDiff(kinds[kind], input_diff=False) for path, kind in found.details.items()}
    return api.DiffResponse(
        changes=bool(found.details),
        replaces=found.replaces,
        diffs=[] if native else found.properties,
        detailed_diff=details,
    )
