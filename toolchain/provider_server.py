"""The server of the stand-in plugins: the SDK's, with errors as the official plugins send them.

The SDK's own servicer puts a Python traceback behind each message and knows no partial failures.
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import grpc.aio
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from toolchain.properties import wrapped
from toolchain.provider_errors import PartialFailureError, PluginError

_MESSAGE_LIMIT = 400 * 1024 * 1024
"""The size of a message that engine and plugins agree on."""

Log = Callable[[str, str], None]
"""Shows a line of progress of the resource with this URN."""

_ANSWERED = ("Configure", "Check", "Diff", "Create", "Read", "Update", "Delete", "CheckConfig")
"""The calls whose errors reach the user."""


class Status(NamedTuple):
    """A gRPC status, as `abort_with_status` takes it."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...] = ()


class Servicer(ProviderServicer):
    """The SDK's servicer, closer to the official plugins where they differ."""

    async def Configure(self, request: Any, context: Any) -> Any:
        """Claim what the official plugins claim."""
        response = await super().Configure(request, context)
        response.supports_autonaming_configuration = True
        return response


def status_of(error: BaseException) -> Status:
    """Return the status that tells the engine about an error, partial failures in detail."""
    if not isinstance(error, PartialFailureError):
        return Status(grpc.StatusCode.UNKNOWN, str(error))
    failure = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=PropertyValue.marshal_map(wrapped(error.properties)),
        inputs=PropertyValue.marshal_map(wrapped(error.inputs)) if error.inputs is not None else None,
        reasons=[str(error), *error.reasons],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(failure)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    return Status(grpc.StatusCode.UNKNOWN, str(error), metadata)


def _plain(name: str) -> Any:
    """Return a call of the servicer that reports our own errors without a traceback."""
    method = getattr(Servicer, name)

    async def call(self: Servicer, request: Any, context: Any) -> Any:
        try:
            return await method(self, request, context)
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine must hear of it
            # The SDK raises its own exception, with the traceback in the text, during ours.
            cause = error.__context__ if isinstance(error.__context__, PluginError) else error
            await context.abort_with_status(status_of(cause))

    return call


for _name in _ANSWERED:
    setattr(Servicer, _name, _plain(_name))


def _logger(engine: str) -> Log:
    """Return a function that shows progress of a resource in the engine's display."""
    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(engine))

    def log(urn: str, line: str) -> None:
        info = engine_pb2.LogSeverity.INFO
        request = engine_pb2.LogRequest(severity=info, message=line, urn=urn, ephemeral=True)
        with contextlib.suppress(grpc.RpcError):
            stub.Log(request)

    return log


async def _serve(servicer: Callable[[str, Log], Servicer], engine: str) -> None:
    """Serve the plugin on a free port and print it."""
    sizes = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    server = grpc.aio.server(options=[(size, _MESSAGE_LIMIT) for size in sizes])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer(engine, _logger(engine)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    started_by = os.getppid()
    while os.getppid() == started_by:  # noqa: ASYNC110  nobody tells an orphan
        await asyncio.sleep(1)
    # The engine was killed: do not outlive it, whatever a call is waiting for.
    os._exit(1)


def main(arguments: list[str], servicer: Callable[[str, Log], Servicer]) -> None:
    """Serve until the engine ends the plugin; stops quietly on SIGINT."""
    parser = argparse.ArgumentParser(description="A stand-in for a Pulumi plugin.")
    parser.add_argument("engine", help="address of the Pulumi engine")
    known, _ = parser.parse_known_args(arguments)
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_serve(servicer, known.engine))
    # At once: threads that still wait would be joined, and a second SIGINT then prints a traceback.
    os._exit(0)
