"""Properties of resources, between the SDK's property values and plain Python values."""

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental.property_value import Computed, PropertyValue

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that is not known before the update (SDK: `rpc.UNKNOWN`)."""

Values = dict[str, Any]
"""Properties as plain Python values; an unknown value is the string `UNKNOWN`."""

Properties = dict[str, PropertyValue]
"""Properties as the SDK hands them over."""


def plain(properties: Any) -> Any:
    """Return the SDK's property values as plain Python values."""
    value = properties.value if isinstance(properties, PropertyValue) else properties
    if isinstance(value, Computed):
        return UNKNOWN
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return value


def wrapped(values: Values) -> Properties:
    """Return plain values as the SDK's property values."""
    return {name: _wrap(value) for name, value in values.items()}


def _wrap(value: Any) -> PropertyValue:
    """Wrap one value, unless it is wrapped already."""
    if isinstance(value, PropertyValue):
        return value
    if isinstance(value, dict):
        return PropertyValue(wrapped(value))
    if isinstance(value, list):
        return PropertyValue([_wrap(item) for item in value])
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value))
    return PropertyValue(value)
