"""The objects of the lab in `cluster_lab` as a Kubernetes 1.36 API server had them right after they were applied.

Of Secrets there is what its table says of them. Status and what every object has anew are left out.
"""

import copy
import json
from pathlib import Path
from typing import Any

from labform.backends.kubernetes.found import Found, key_of
from labform.backends.kubernetes.lab_objects import declared
from labform.backends.kubernetes.manifest import Manifest

from tests.backends.kubernetes.cluster_lab import lab

_OBJECTS: dict[str, Any] = json.loads(Path(__file__).with_name("cluster_lab.json").read_text())


def manifests() -> dict[str, Manifest]:
    """What is declared, by kind and place: `Deployment unit-anna/unit-thesis`."""
    one = lab()
    images = {name: f"registry.invalid/unit/{name}@sha256:{'b' * 64}" for name in one.running()}
    return {_called(each["kind"], each["metadata"]): each for each in declared(one, images, {})}


def objects() -> dict[str, Any]:
    """What was found, by kind and place, to be edited."""
    return copy.deepcopy(_OBJECTS)


def found(given: dict[str, Any]) -> Found:
    """What an API server that has these says."""
    return Found({key_of(name.partition(" ")[0], one["metadata"]): one for name, one in given.items()})


def _called(kind: str, metadata: dict[str, Any]) -> str:
    return f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"
