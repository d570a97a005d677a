"""The stand-in on a real API server, for tests: `Plugin(kubeconfig).create(POD, {...})`, and what to make."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Cluster
from tests.toolchain.recorded import AbortedError, ask
from toolchain.kubernetes_plugin import VERSION
from toolchain.kubernetes_plugin.provider import KubernetesProvider
from toolchain.kubernetes_plugin.server import Servicer
from toolchain.provider_server import Log

CONFIG_MAP, DEPLOYMENT, JOB = "core/v1:ConfigMap", "apps/v1:Deployment", "batch/v1:Job"
CLAIM, POD, SERVICE = "core/v1:PersistentVolumeClaim", "core/v1:Pod", "core/v1:Service"
SHORT = {"pulumi.com/timeoutSeconds": "2"}


class Plugin:
    """The stand-in, configured for a cluster: `Plugin(path).create(POD, {...})`."""

    def __init__(self, kubeconfig: Path, log: Log = lambda urn, line: None, **settings: str) -> None:
        self.servicer = Servicer([], VERSION, KubernetesProvider(log), "")
        ask(self.servicer, "Configure", {"args": {"kubeconfig": str(kubeconfig), **settings}})

    def check(self, type_: str, values: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the checked inputs."""
        api, _, kind = type_.rpartition(":")
        news = {"apiVersion": api.removeprefix("core/"), "kind": kind, **values}
        request = {"urn": urn(type_), "news": news, "olds": olds or {}, "randomSeed": "c2VlZA=="}
        return dict(ask(self.servicer, "Check", request)["inputs"])

    def create(self, type_: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Check and create; the answer."""
        return ask(self.servicer, "Create", {"urn": urn(type_), "properties": self.check(type_, values), **more})

    def update(self, type_: str, made: dict[str, Any], values: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Check and update; the answer."""
        olds = made["properties"]
        news = self.check(type_, values, olds["__inputs"])
        request = {"urn": urn(type_), "id": made.get("id", ""), "olds": olds, "news": news, **more}
        return ask(self.servicer, "Update", request)

    def diff(self, type_: str, made: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """Check and compare; the answer."""
        news = self.check(type_, values, made["properties"]["__inputs"])
        return ask(self.servicer, "Diff", {"urn": urn(type_), "olds": made["properties"], "news": news})

    def read(self, type_: str, made: dict[str, Any]) -> dict[str, Any]:
        """Read back; the answer."""
        state = made["properties"]
        request = {"urn": urn(type_), "id": made["id"], "properties": state, "inputs": state["__inputs"]}
        return ask(self.servicer, "Read", request)

    def delete(self, type_: str, made: dict[str, Any]) -> None:
        """Delete."""
        ask(self.servicer, "Delete", {"urn": urn(type_), "id": made["id"], "properties": made["properties"]})


def urn(type_: str) -> str:
    """A URN of this type."""
    return f"urn:pulumi:dev::t::kubernetes:{type_}::it"


def kubectl(running: Cluster, *words: str) -> str:
    """Run kubectl; what it prints."""
    return subprocess.run([*running.kubectl, *words], capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def refused(words: str) -> Iterator[list[AbortedError]]:
    """Expect an error with these words."""
    caught: list[AbortedError] = []
    with pytest.raises(AbortedError) as aborted:
        yield caught
    assert words in aborted.value.message
    caught.append(aborted.value)


def config(name: str, **data: str) -> dict[str, Any]:
    """The inputs of a ConfigMap."""
    return {"metadata": {"name": name}, "data": data}


def claim(name: str, size: str, storage_class: str = "standard", **metadata: Any) -> dict[str, Any]:
    """The inputs of a claim."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class}
    return {"metadata": {"name": name, **metadata}, "spec": spec | {"resources": {"requests": {"storage": size}}}}


def deployment(name: str, image: str = "x", *, gpus: int = 0, env: str = "1") -> dict[str, Any]:
    """The inputs of a Deployment with one pod, which is waited for two seconds."""
    container = {"name": "main", "image": image, "env": [{"name": "A", "value": env}]}
    container |= {"resources": {"limits": {"nvidia.com/gpu": str(gpus), "memory": "1024Mi"}}}
    spec = {"hostNetwork": False, "terminationGracePeriodSeconds": 0, "containers": [container]}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    whole = {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": name}}}
    return {"metadata": {"name": name, "annotations": SHORT}, "spec": {**whole, "template": template}}


def job(name: str, image: str) -> dict[str, Any]:
    """The inputs of a Job that is not tried again."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
    return {"metadata": {"name": name, "annotations": SHORT}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
