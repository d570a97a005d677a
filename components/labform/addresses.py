"""Addresses that one deployment replaces: a tunnel, a test, a machine of its own. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from labform.problems import LabformError, suggestion
from labform.stack_file import LabArgs


@dataclass(frozen=True)
class Addresses:
    """Addresses that one deployment replaces: a tunnel, a test. Everything else is the stack file's."""

    registry: str | None = None
    builder: str | None = None
    hosts: Mapping[str, str] | None = None
    context: str | None = None

    @classmethod
    def given(cls, data: Mapping[str, Any]) -> "Addresses":
        """Addresses as configuration or a command line gives them; LabformError for a key that is none of them."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(data) - set(known)):
            raise LabformError(f'error[addresses] unknown key "{unknown[0]}"; {suggestion(unknown[0], known)}')
        return cls(**data)


def readdressed(lab: LabArgs, addresses: Addresses) -> LabArgs:
    """The lab with this deployment's addresses; raises LabformError for a host it does not have, or for no address."""
    if unknown := sorted(set(addresses.hosts or {}) - set(lab.hosts)):
        raise LabformError(f'error[addresses] no host "{unknown[0]}" in the lab; {suggestion(unknown[0], lab.hosts)}')
    if addresses.registry and lab.registry is None:
        raise LabformError("error[addresses] registry: the lab has none")
    if addresses.context and lab.hosts:
        raise LabformError("error[addresses] context: the lab runs on Docker")
    data = lab.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if addresses.registry:
        data["registry"]["address"] = addresses.registry
    if addresses.builder:
        data.setdefault("builder", {})["address"] = addresses.builder
    for name, address in (addresses.hosts or {}).items():
        data["runs_on"]["hosts"][name]["address"] = address
    if addresses.context:
        data["runs_on"]["context"] = addresses.context
    if addresses == Addresses():
        return lab
    try:
        return LabArgs.model_validate_json(json.dumps(data))
    except ValidationError as error:
        wrong = {".".join(map(str, one["loc"])) for one in error.errors()}
        raise LabformError(f"error[addresses] not an address: {', '.join(sorted(wrong))}") from None
