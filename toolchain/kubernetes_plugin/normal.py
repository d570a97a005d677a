"""Inputs in the form that the API server gives them back in, so that two spellings of one thing are no change.

The official plugin converts an object to the Go type of its kind and back. Here the models of the Kubernetes client say
which fields a kind has; custom resources stay as they are, as they do there.
"""

import base64
import binascii
import re
from functools import cache
from typing import Any

from kubernetes.client import models

from toolchain.kubernetes_plugin.quantities import canonical
from toolchain.properties import UNKNOWN, Values

READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
"""Fields of the metadata that only the server sets."""

QUANTITIES = {
    *("limits", "requests", "capacity", "hard", "overhead", "default", "defaultRequest", "max", "min"),
    *("maxLimitRequestRatio", "sizeLimit", "divisor"),
}
"""Fields that hold quantities, or maps of them, in the kinds of Kubernetes."""

PLAIN_FALSE = {
    *("hostNetwork", "hostPID", "hostIPC", "readOnly", "stdin", "stdinOnce", "tty", "unschedulable", "paused"),
    "publishNotReadyAddresses",
}
PLAIN_ZERO = {"minReadySeconds", "hostPort", "initialDelaySeconds", "failureThreshold", "successThreshold"}
KEPT_EMPTY = {"storageClassName", "runtimeClassName", "ingressClassName", "volumeAttributesClassName"}
"""Zero values that Go's `omitempty` hides, and empty texts that it does not (k8s.io/api: pointers or not)."""

GROUPS = {"v1": "Core", "events.k8s.io/v1": "Events"}
"""Prefixes of models whose kind two groups have."""


def normal(inputs: Values) -> Values:
    """Return inputs without what the server ignores, in the spelling that it uses."""
    model = _model(str(inputs.get("apiVersion")), str(inputs.get("kind")))
    fresh: Values = dict(inputs)
    if has_unknown(inputs) or model is None:
        pass
    elif inputs.get("kind") == "Secret":
        fresh = _secret(fresh)
    else:
        fresh = {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"], **_object(inputs, model)}
    if isinstance(fresh.get("metadata"), dict):
        fresh["metadata"] = {k: v for k, v in fresh["metadata"].items() if k not in READ_ONLY}
    return fresh


def has_unknown(value: Any) -> bool:
    """Tell whether something in a value is not known yet."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)


@cache
def _model(api_version: str, kind: str) -> Any:
    version = api_version.rpartition("/")[2]
    name = f"{version[:1].upper()}{version[1:]}{kind}"
    group = api_version.partition(".")[0].partition("/")[0]
    names = [GROUPS.get(api_version, group.capitalize()) + name, name]
    return next((getattr(models, name) for name in names if hasattr(models, name)), None)


def _object(value: Any, model: Any) -> Any:
    """Return an object with only the fields of its model."""
    if not isinstance(value, dict) or not hasattr(model, "openapi_types"):
        return value
    fields = {json: model.openapi_types[name] for name, json in model.attribute_map.items()}
    shaped = {name: _field(name, item, fields[name]) for name, item in value.items() if name in fields}
    return {name: item for name, item in shaped.items() if not _left_out(name, item, fields[name])}


def _field(name: str, value: Any, type_: str) -> Any:
    """Return one field in the form of its type."""
    element = re.fullmatch(r"[Ll]ist\[(.*)\]|[Dd]ict\[str, (.*)\]", type_)
    inner = getattr(models, (element[1] or element[2]) if element else type_, None)
    if name in QUANTITIES:
        return _quantities(value)
    if name == "storage" and isinstance(value, str):
        return canonical(value)
    if isinstance(value, list):
        return [_object(item, inner) for item in value]
    if element and isinstance(value, dict):
        return {key: _object(item, inner) for key, item in value.items()}
    return _object(value, inner)


def _left_out(name: str, value: Any, type_: str) -> bool:
    """Tell what Go's `omitempty` leaves out."""
    if isinstance(value, bool):
        return not value and name in PLAIN_FALSE
    if isinstance(value, int):
        return value == 0 and name in PLAIN_ZERO
    if value == "":
        return name not in KEPT_EMPTY
    return value is None or (value in ([], {}) and type_[:4].lower() in {"list", "dict"})


def _quantities(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _quantities(item) for name, item in value.items()}
    return canonical(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else value


def _secret(inputs: Values) -> Values:
    """Return a Secret with its text where the server puts it."""
    data = {name: _recoded(value) for name, value in (inputs.get("data") or {}).items()}
    plain = inputs.get("stringData") or {}
    data |= {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    rest = {name: value for name, value in inputs.items() if name not in {"data", "stringData"}}
    return rest | ({"data": data} if data else {})


def _recoded(value: Any) -> Any:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (binascii.Error, TypeError, ValueError):
        return value
