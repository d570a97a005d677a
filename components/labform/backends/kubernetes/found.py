"""What a cluster has of a lab, object by object, as its API server writes them. Asks only; no secret's value."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labform.backends.kubernetes.api import said
from labform.backends.kubernetes.live import called
from labform.backends.kubernetes.manifest import VERSIONS
from labform.naming import LAB_LABEL

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = Mapping[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace (empty for what is in none) and name."""
_TABLE = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
"""How `kubectl get secrets` asks: the type, the number of keys and the metadata of each, and no value."""
CLUSTER_WIDE = frozenset({"Namespace", "PersistentVolume"})
"""Kinds that are in no namespace."""


@dataclass
class Found:
    """What was found, and what this user may not see."""

    objects: dict[Key, Object] = field(default_factory=dict)
    """Of a Secret: `metadata`, `type`, `keys` (how many it has)."""
    closed: set[tuple[str, str]] = field(default_factory=set)
    """Kinds and namespaces that could not be asked for."""
    refusals: list[str] = field(default_factory=list)
    """Why, one line for each namespace."""


def key_of(kind: str, metadata: Mapping[str, Any]) -> Key:
    """By what an object is found."""
    return kind, metadata.get("namespace", ""), metadata["name"]


def find(client: "ApiClient", lab: str, wanted: Collection[Key], *, alone: bool = False) -> Found:
    """All that has the lab's label, and what is `wanted` by its name too, whatever its labels are.

    Whoever may not see all namespaces is asked for those of what is wanted. Only kinds that are wanted are asked for if
    they are meant `alone`. Raises the API's exception unless it is a refusal (403), which is kept.
    """
    found, refused = Found(), dict[str, dict[str, str]]()
    selected = {"label_selector": f"{LAB_LABEL}={lab}"}
    namespaces = sorted({namespace for _, namespace, _ in wanted if namespace})
    for kind in sorted({kind for kind, _, _ in wanted} if alone else VERSIONS):
        for namespace, items in _listings(client, kind, namespaces, selected):
            if isinstance(items, str):
                found.closed.add((kind, namespace))
                refused.setdefault(namespace, {})[kind] = items
            else:
                found.objects |= {key_of(kind, one["metadata"]): one for one in items}
    for kind, namespace, name in wanted:
        if (kind, namespace, name) in found.objects or (kind, namespace) in found.closed:
            continue
        for _, items in _listings(client, kind, [namespace], {"field_selector": f"metadata.name={name}"}, each=True):
            if not isinstance(items, str):
                found.objects |= {key_of(kind, one["metadata"]): one for one in items}
    found.refusals = [f"{where or 'the cluster'}: {_kinds(kinds)}" for where, kinds in sorted(refused.items())]
    return found


def _kinds(refused: Mapping[str, str]) -> str:
    """What was not compared, and why; the API server says the same of each kind."""
    return f"{', '.join(refused)} not compared; {next(iter(refused.values()))}"


def _listings(
    client: "ApiClient", kind: str, namespaces: Collection[str], chosen: Mapping[str, str], *, each: bool = False
) -> Iterator[tuple[str, list[Object] | str]]:
    """The objects of a kind, of all namespaces at once or of `each`; the refusal of those that may not be seen."""
    wide = kind in CLUSTER_WIDE
    if wide or not each:
        everywhere = _allowed(client, kind, None, chosen)
        if wide or not isinstance(everywhere, str):
            yield "", everywhere
            return
    for namespace in namespaces:
        yield namespace, _allowed(client, kind, namespace, chosen)


def _allowed(client: "ApiClient", kind: str, namespace: str | None, chosen: Mapping[str, str]) -> list[Object] | str:
    """The objects of a kind, of all namespaces without one; the refusal where they may not be seen."""
    from kubernetes.client import ApiException

    try:
        return _listed(client, kind, namespace, chosen)
    except ApiException as error:
        if error.status != 403:
            raise
        return said(error)


def _listed(client: "ApiClient", kind: str, namespace: str | None, chosen: Mapping[str, str]) -> list[Object]:
    """Objects as JSON: the client's models drop fields that they do not know."""
    api, word = called(client, kind)
    name = f"list_namespaced_{word}" if namespace else f"list_{word}"
    name += "" if namespace or kind in CLUSTER_WIDE else "_for_all_namespaces"
    headers = _TABLE if kind == "Secret" else None
    answer = getattr(api, name)(
        *([namespace] if namespace else []), **chosen, _preload_content=False, _headers=headers, _request_timeout=30
    )
    listed = json.loads(answer.data)
    return [_secret(row) for row in listed["rows"]] if kind == "Secret" else listed["items"]


def _secret(row: Mapping[str, Any]) -> Object:
    """What a table says of a Secret: name, type and number of keys are its first columns."""
    return {"metadata": row["object"]["metadata"], "type": row["cells"][1], "keys": row["cells"][2]}
