"""The recorded calls of the official plugins, and how one is put to a stand-in."""

import asyncio
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, status_pb2

from toolchain.provider_server import Servicer

RECORDINGS = Path(__file__).parent / "recordings"
"""Copies of the traffic between the engine and the official plugins."""

IGNORED = {
    "__meta": "private data of the Terraform SDK; the bridge fills it in again if it is missing",
    "__pulumi_raw_state_delta": "how to rebuild Terraform's state; absent in older states as well",
}
"""Properties that are not compared, each with the reason."""

_REQUESTS = {
    "CheckConfig": "CheckRequest",
    "DiffConfig": "DiffRequest",
    "Configure": "ConfigureRequest",
    "Check": "CheckRequest",
    "Diff": "DiffRequest",
    "Create": "CreateRequest",
    "Read": "ReadRequest",
    "Update": "UpdateRequest",
    "Delete": "DeleteRequest",
}


class Call(NamedTuple):
    """One recorded call: `Call(7, "01-create", "Check", {...}, {...}, "")`."""

    number: int
    scenario: str
    method: str
    request: dict[str, Any]
    response: dict[str, Any]
    error: str

    @property
    def type(self) -> str:
        """The type of the resource."""
        return str(self.request.get("type", ""))

    def __str__(self) -> str:
        """Name the call in test output."""
        return f"{self.number}-{self.scenario}-{self.method}-{self.request.get('name')}"


class AbortedError(Exception):
    """What the servicer answered instead of a response."""

    def __init__(self, status: Any) -> None:
        super().__init__(status.details)
        self.message = status.details
        self.metadata = dict(status.trailing_metadata)

    def init_failed(self) -> provider_pb2.ErrorResourceInitFailed | None:
        """Return the partial failure in the status, if it is one."""
        if "grpc-status-details-bin" not in self.metadata:
            return None
        status = status_pb2.Status.FromString(self.metadata["grpc-status-details-bin"])
        failure = provider_pb2.ErrorResourceInitFailed()
        assert status.details[0].Unpack(failure)
        return failure


class _Context:
    """A gRPC context that raises what it is told to abort with."""

    async def abort_with_status(self, status: Any) -> None:
        """Raise the status."""
        raise AbortedError(status)


@cache
def calls(plugin: str = "docker-plugin-5.1.0") -> list[Call]:
    """Return all recorded calls of a plugin in order."""
    with gzip.open(RECORDINGS / f"{plugin}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Call(
            number,
            row["scenario"],
            row["method"],
            row["request"],
            row["response"] or {},
            (row.get("errors") or [""])[0].removeprefix("rpc error: code = Unknown desc = "),
        )
        for number, row in enumerate(rows, 1)
    ]


def ask(servicer: Servicer, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """Put a request to the stand-in and return its answer as the recording writes it."""
    message = getattr(provider_pb2, _REQUESTS[method])()
    ParseDict(request, message, ignore_unknown_fields=True)
    answer = asyncio.run(getattr(servicer, method)(message, _Context()))
    return cleaned(MessageToDict(answer))


def cleaned(answer: dict[str, Any]) -> dict[str, Any]:
    """Drop what is not compared, and parts of an answer that say nothing."""
    parts = {
        part: {k: v for k, v in value.items() if k not in IGNORED} if part == "properties" else value
        for part, value in answer.items()
    }
    return {part: value for part, value in parts.items() if value not in ({}, None)}


def properties_of(struct: Struct) -> dict[str, Any]:
    """Return properties in a message as the recording writes them."""
    return dict(MessageToDict(struct))
