"""Objects in Pulumi's state: the live one with the inputs it was made from, secrets marked."""

import hashlib
from collections.abc import Mapping

from pulumi.provider.experimental.property_value import PropertyValue

from toolchain.properties import UNKNOWN, Properties, Values, plain, wrapped
from toolchain.provider_errors import PluginError

FIELD_MANAGER, INITIAL_VERSION, INPUTS = "__fieldManager", "__initialApiVersion", "__inputs"

UNSUPPORTED = ("helm.sh/", "kustomize", "yaml:", "yaml/")
"""Modules of the official package that are no objects of the API server."""


def refuse_unsupported(type_: str) -> None:
    """Raise PluginError for a resource that the stand-in does not implement."""
    module, kind = type_.removeprefix("kubernetes:").split(":")
    if module.startswith(UNSUPPORTED) or kind.endswith("Patch"):
        raise PluginError(f"the stand-in kubernetes plugin has no {type_}: use the official plugin, or plain objects")
    if kind.endswith("List"):
        raise PluginError(
            "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be created "
            "directly. Use the underlying resource type instead"
        )


def state_of(inputs: Values, live: Values, secrets: Properties, version: str, manager: str) -> Properties:
    """Return what goes into the state: the live object, and the inputs below `__inputs`."""
    shown = PropertyValue(marked(inputs, secrets))
    return {
        **marked(live, secrets),
        INPUTS: shown,
        INITIAL_VERSION: PropertyValue(version),
        FIELD_MANAGER: PropertyValue(manager),
    }


def parsed(state: Properties) -> tuple[Values, Values]:
    """Return inputs and live object of a state."""
    live = plain(state)
    inputs = live.pop(INPUTS, {})
    for name in (INITIAL_VERSION, FIELD_MANAGER):
        live.pop(name, None)
    return inputs, live


def marked(values: Values, secrets: Mapping[str, PropertyValue]) -> Properties:
    """Return values with what is secret in others: a Secret's data always, a list as a whole."""
    result = {}
    for name, value in values.items():
        like = secrets.get(name)
        if values.get("kind") == "Secret" and name in {"data", "stringData"}:
            result[name] = PropertyValue(wrapped({name: value})[name].value, is_secret=True)
        elif isinstance(value, dict) and like is not None and isinstance(like.value, Mapping) and not like.is_secret:
            result[name] = PropertyValue(marked(value, like.value))
        else:
            secret = like is not None and like.contains_secret()
            result[name] = PropertyValue(wrapped({name: value})[name].value, is_secret=secret)
    return result


def identity(values: Values) -> str:
    """Return the id of an object: `namespace/name`, or its name alone in `default` or in none."""
    metadata = values["metadata"]
    namespace = metadata.get("namespace", "")
    return f"{namespace}/{metadata['name']}" if namespace not in ("", "default") else str(metadata["name"])


def named(inputs: Values, olds: Values, name: str, seed: bytes) -> Values:
    """Return inputs with a name: the program's, the one the object has, or a new one."""
    metadata = dict(inputs.get("metadata") or {})
    if metadata.get("name"):
        return inputs
    if metadata.get("generateName"):
        raise PluginError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
    old = olds.get("metadata") or {}
    autonamed = (old.get("annotations") or {}).get("pulumi.com/autonamed") == "true"
    if olds and not autonamed:
        return inputs
    metadata["name"] = old["name"] if olds else f"{name}-{hashlib.sha256(seed).hexdigest()[:8]}"
    if metadata.get("annotations") != UNKNOWN:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), "pulumi.com/autonamed": "true"}
    return {**inputs, "metadata": metadata}


def annotation(inputs: Values, name: str) -> str:
    """Return the value of an annotation `pulumi.com/NAME`, or nothing."""
    annotations = (inputs.get("metadata") or {}).get("annotations")
    return str(annotations.get(f"pulumi.com/{name}", "")) if isinstance(annotations, dict) else ""
