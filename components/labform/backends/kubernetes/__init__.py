"""Projects as pods of a cluster. This file is pure; `workspace` and `cluster` load the provider's SDK."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from labform.declaration import Cpus, Declaration, Duration, Name, Size
from labform.gpus import Profile

_ClassName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
_Domain = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,180}[a-z0-9])?$", examples=["lab.example.org"])]
_LabelValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
_Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/\d{1,3}$", examples=["10.0.0.0/8"])]


class NodePool(Declaration):
    """Nodes that are alike."""

    count: Annotated[int, Field(ge=1)]
    """How many nodes."""
    product: _LabelValue | None = None
    """Their GPU, as the label nvidia.com/gpu.product says. Default: no GPU."""
    model: _LabelValue | None = None
    """The word by which projects ask for that GPU, for example A100-40GB. Default: `product`."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """Whole GPUs of one node. Default: none."""
    mig: Mapping[Profile, Annotated[int, Field(ge=1)]] = {}
    """MIG instances of one node, by profile. Default: none."""
    driver: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$")] | None = None
    """The NVIDIA driver's version. Default: not checked."""
    cpus: Cpus | None = None
    """CPUs that pods of one node may have. Default: not checked."""
    memory: Size | None = None
    """Memory that pods of one node may have. Default: not checked."""


class StorageClasses(Declaration):
    """Where managed volumes are made. What they are made with stays with them: see `labform lock`."""

    volumes: _ClassName | None = None
    """The class of managed volumes. Default: the cluster's default class."""
    access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    """`ReadWriteMany` where the class can give a volume to pods of several nodes. Default: one node at a time."""


class Ingress(Declaration):
    """How services are reached by name; `ingress: lab.example.org` is short for `ingress: {domain: …}`."""

    domain: _Domain
    """A service is `https://<project>.<domain>`."""
    class_name: _ClassName | None = None
    """The ingress class. Default: the cluster's default class."""
    issuer: _ClassName | None = None
    """The ClusterIssuer of cert-manager that signs. Default: the controller's own certificate for the domain."""
    namespace: _ClassName = "ingress-nginx"
    """The namespace of the controller's pods, which alone may reach services. Default: ingress-nginx."""


class Network(Declaration):
    """What pods may reach beside DNS; nothing reaches them but the ingress, and `kubectl port-forward`."""

    egress: tuple[_Cidr, ...] = ("0.0.0.0/0", "::/0")
    """Addresses that pods may open connections to. Default: all, as on Docker."""
    denied: tuple[_Cidr, ...] = ("169.254.0.0/16",)
    """Addresses within those that stay closed. Default: link-local ones, where clouds keep a node's credentials."""


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
    ingress: _Domain | Ingress | None = None
    """The domain below which services get a name. Default: services are reached by port-forward."""
    network: Network = Network()
    """What pods may reach."""
    user: Annotated[str, Field(pattern=r"^[^{}\s]*\{(name|email)\}[^{}\s]*$", examples=["oidc:{email}"])] = "{name}"
    """What the cluster calls a person, made of `{name}` or `{email}`. Default: the person's name."""
    wait: Duration = 180
    """How long `up` waits for a pod to get a node and its image, and a volume to be made. Default: 3m."""

    def ingress_rule(self) -> Ingress | None:
        """The ingress in full."""
        return Ingress(domain=self.ingress) if isinstance(self.ingress, str) else self.ingress
