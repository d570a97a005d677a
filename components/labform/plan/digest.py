"""One step of a preview, in the words of the engine, and the resource that it is about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labform.plan import kubernetes_rules

CONTAINER = "docker:index/container:Container"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that nobody knows yet: plugin.UnknownStringValue of Pulumi's Go SDK."""
Operation = Literal["same", "create", "update", "replace", "delete"]

StepKind = Literal[
    "same",
    "create",
    "update",
    "delete",
    "replace",
    "create-replacement",
    "delete-replaced",
    "read",
    "read-replacement",
    "refresh",
    "discard",
    "discard-replaced",
    "remove-pending-replace",
    "import",
    "import-replacement",
    "diff",
]
"""The kinds of steps: resource/deploy/step.go of Pulumi 3.259, but for providers' extension parameters."""

_OPERATIONS: Mapping[StepKind, Operation] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read": "same",
    "read-replacement": "replace",
    "refresh": "same",
    "discard": "same",
    "discard-replaced": "replace",
    "remove-pending-replace": "delete",
    "import": "create",
    "import-replacement": "replace",
    "diff": "same",
}


class _State(BaseModel):
    """What of a resource's state is read."""

    model_config = ConfigDict(extra="ignore")
    type: str = ""
    custom: bool = False
    parent: str = ""
    provider: str = ""
    protect: bool = False
    retain_on_delete: bool = Field(False, alias="retainOnDelete")
    inputs: dict[str, Any] = {}


class Step(BaseModel):
    """A step of a preview."""

    model_config = ConfigDict(extra="ignore")
    op: StepKind
    urn: str = Field(pattern=r"^urn:pulumi:[^:]*::[^:]*::.+::.+$")
    old: _State | None = Field(None, alias="oldState")
    new: _State | None = Field(None, alias="newState")
    diff_reasons: list[str] | None = Field(None, alias="diffReasons")
    detailed_diff: dict[str, Any] | None = Field(None, alias="detailedDiff")


@dataclass(frozen=True)
class Resource:
    """A resource before and after."""

    operation: Operation
    urn: str
    step: Step

    @property
    def _state(self) -> _State:
        return self.step.new or self.step.old or _State()

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @cached_property
    def type(self) -> str:
        """Its type token."""
        return self._state.type or self.urn.split("::")[2].rpartition("$")[2]

    @property
    def kind(self) -> str:
        """The last word of its type."""
        return self.type.rpartition(":")[2]

    @property
    def custom(self) -> bool:
        """False for components."""
        return self._state.custom

    @property
    def parent(self) -> str:
        """The URN of what it is a child of."""
        return self._state.parent

    @property
    def old(self) -> Mapping[str, Any]:
        """Its inputs as they are deployed."""
        return _shown(self.step.old.inputs) if self.step.old else {}

    @property
    def new(self) -> Mapping[str, Any]:
        """Its inputs as they will be."""
        return _shown(self.step.new.inputs) if self.step.new and self.operation != "delete" else {}

    @property
    def protected(self) -> bool:
        """Whether the engine refuses to remove it."""
        return self._state.protect

    @property
    def was_protected(self) -> bool:
        """Whether it was so far."""
        return bool(self.step.old and self.step.old.protect)

    @property
    def retained(self) -> bool:
        """Whether what it stands for outlives it."""
        return bool(self.step.old and self.step.old.retain_on_delete)

    @property
    def host(self) -> str:
        """The name of its provider, which is its host's."""
        return _provider(self._state.provider)

    @property
    def old_host(self) -> str:
        """The name of the provider that it was made with."""
        return _provider((self.step.old or self._state).provider)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the inputs that differ."""
        found = self.step.diff_reasons or [one.split("[")[0].split(".")[0] for one in self.step.detailed_diff or {}]
        return tuple(sorted({*found} - {"__meta"}))

    @property
    def component(self) -> str | None:
        """The name of the component of one project that it is a child of; the engine shows no unchanged component."""
        kind, _, name = self.parent.rpartition("::")
        of_one = kind.endswith(("Workspace", "$labform:index:Image", "::labform:index:Image"))
        return name if of_one and ":labform:index:" in f":{kind.rpartition('$')[2]}" else None

    def label(self, key: str) -> str:
        """One of its labels; empty if it has none of that name."""
        return labels_in(self.new or self.old).get(key, "")

    @property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths of a cluster's object that differ, through lists without their indexes."""
        found = kubernetes_rules.paths(self.old, self.new) if self.old and self.new else ()
        return tuple(dict.fromkeys(found)) or tuple(
            re.sub(r"\[\d+\]", "", one) for one in self.step.detailed_diff or {}
        )


def labels_in(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a container, or of an object in a cluster."""
    labels = inputs.get("labels")
    if isinstance(labels, list):
        return {str(one.get("label")): str(one.get("value")) for one in labels if isinstance(one, dict)}
    metadata = inputs.get("metadata")
    found = metadata.get("labels") if isinstance(metadata, dict) else None
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def resource(step: Step) -> Resource:
    """The resource that a step is about."""
    return Resource(_OPERATIONS[step.op], step.urn, step)


def _provider(reference: str) -> str:
    return reference.rpartition("::")[0].rpartition("::")[2]


def _shown(value: Any) -> Any:
    """Values with the unknown ones in words."""
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return "unknown" if value == UNKNOWN else value
