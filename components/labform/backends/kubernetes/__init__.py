"""Projects as pods of a cluster. The declaration is complete, so that the file format fits both backends."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from labform.declaration import Declaration, Name
from labform.gpus import Profile

_ClassName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


class NodePool(Declaration):
    """Nodes that are alike."""

    count: Annotated[int, Field(ge=1)]
    """How many nodes."""
    product: str | None = None
    """Their GPU, as the label nvidia.com/gpu.product says. Default: no GPU."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """Whole GPUs of one node. Default: none."""
    mig: Mapping[Profile, Annotated[int, Field(ge=1)]] = {}
    """MIG instances of one node, by profile. Default: none."""


class StorageClasses(Declaration):
    """Where managed volumes are made."""

    volumes: _ClassName | None = None
    """The class of managed volumes. Default: the cluster's default class."""


class Kubernetes(Declaration):
    """One cluster."""

    kind: Literal["kubernetes"]
    """Kubernetes."""
    context: Annotated[str, Field(pattern=r"^[^\s]+$")] | None = None
    """The kubeconfig's context. Default: the current one."""
    namespace: Name | None = None
    """The prefix of the owners' namespaces. Default: the lab's name."""
    nodes: Mapping[Name, NodePool] = {}
    """The cluster's nodes, by product and count, so that a request nobody can serve is refused at preview."""
    storage_classes: StorageClasses = StorageClasses()
    """Storage classes."""
    ingress: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")] | None = None
    """The domain below which services get a name. Default: services are reached by port-forward."""
