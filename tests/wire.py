"""Values and resource options as Pulumi programs send them to the engine, and what they mean in plain Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The protocol's marks of values that are more than JSON, as in `pulumi.runtime.rpc`."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts."""

    value: Any


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
"""A value that nobody knows before the `up`."""


def plain(value: struct_pb2.Value | struct_pb2.Struct) -> Any:
    """Return what a value means: whole numbers as `int`, a resource as its URN, an asset as its fields."""
    if isinstance(value, struct_pb2.Struct):
        return {key: plain(member) for key, member in value.fields.items()}
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [plain(member) for member in value.list_value.values]
    if kind == "struct_value":
        return _unmarked(plain(value.struct_value))
    if kind == "string_value" and value.string_value == UNKNOWN_TEXT:
        return UNKNOWN
    if kind == "number_value" and value.number_value.is_integer():
        return int(value.number_value)
    return None if kind in {None, "null_value"} else getattr(value, kind)


def _unmarked(members: dict[str, Any]) -> Any:
    mark = members.get(SIGNATURE)
    if mark == SECRET:
        return Secret(members["value"])
    if mark == REFERENCE:
        return members["urn"]
    if mark == OUTPUT:
        value = members.get("value", UNKNOWN)
        return Secret(value) if members.get("secret") else value
    return {key: member for key, member in members.items() if key != SIGNATURE}


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return plain values as the protocol has them."""
    message = struct_pb2.Struct()
    message.update(_marked(values))
    return message


def _marked(value: Any) -> Any:
    match value:
        case Secret():
            return {SIGNATURE: SECRET, "value": _marked(value.value)}
        case _Unknown():
            return UNKNOWN_TEXT
        case Mapping():
            return {key: _marked(member) for key, member in value.items()}
        case list() | tuple():
            return [_marked(member) for member in value]
    return value


@dataclass(frozen=True)
class Options:
    """The resource options, with what the engine inherits from the parent; resources are given by URN."""

    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool | None
    replace_on_changes: list[str]
    ignore_changes: list[str]
    additional_secret_outputs: list[str]
    aliases: list[str | dict[str, Any]]
    depends_on: list[str]
    provider: str
    providers: dict[str, str]
    hooks: dict[str, list[str]]
    replacement_trigger: Any
    custom_timeouts: dict[str, str]
    deleted_with: str
    import_id: str
    version: str


def options(request: Any, parent: Options | None) -> Options:
    """Read a request to register a resource; what it leaves open comes from the parent, by the engine's rules."""
    package = request.type.partition(":")[0]
    inherited = parent.provider if parent and (not request.custom or _package(parent.provider) == package) else ""
    return Options(
        protect=_own(request, "protect", parent),
        retain_on_delete=_own(request, "retainOnDelete", parent, "retain_on_delete"),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        replace_on_changes=list(request.replaceOnChanges),
        ignore_changes=list(request.ignoreChanges),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        aliases=[*request.aliasURNs, *map(_alias, request.aliases)],
        depends_on=list(request.dependencies),
        provider=request.provider.rpartition("::")[0] or inherited,
        providers={name: reference.rpartition("::")[0] for name, reference in request.providers.items()},
        hooks={descriptor.name: list(names) for descriptor, names in request.hooks.ListFields()},
        replacement_trigger=plain(request.replacement_trigger),
        custom_timeouts={descriptor.name: text for descriptor, text in request.customTimeouts.ListFields()},
        deleted_with=request.deletedWith or (parent.deleted_with if parent else ""),
        import_id=request.importId,
        version=request.version,
    )


def _own(request: Any, field: str, parent: Options | None, name: str = "") -> bool:
    """Return a resource's own answer, or its parent's."""
    if request.HasField(field):
        return bool(getattr(request, field))
    return bool(parent and getattr(parent, name or field))


def _package(provider: str) -> str:
    """Return the package that a provider's URN is of."""
    return provider.split("::")[2].rpartition("$")[2].rpartition(":")[2] if provider else ""


def _alias(alias: Any) -> str | dict[str, Any]:
    """Return an alias as a URN or as the parts that differ."""
    return alias.urn or {descriptor.name: part for descriptor, part in alias.spec.ListFields() if part}
