"""Questions to an API server that the provider does not ask: who holds GPUs, why a pod waits, which claims exist."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labform import naming
from labform.backends.kubernetes.nodes import GPU_PREFIX
from labform.naming import LAB_LABEL, OWNER_LABEL, PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError, brief

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, ApiException

_LONGEST = 400
"""Characters of what the API server says: its admission explains itself at length."""
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Holder:
    """A pod that has GPUs: its project where it is one of labform's, else its own name, and how many of what."""

    pod: str
    owner: str
    project: str
    node: str
    gpus: Mapping[str, int]
    lab: str = ""

    def __str__(self) -> str:
        """`thesis of anna: 1 nvidia.com/gpu on a100-0`."""
        return f"{f'{self.project} of {self.owner}' if self.project else self.pod}: {amounts(self.gpus)} on {self.node}"


def amounts(gpus: Mapping[str, int]) -> str:
    """GPUs in words: `2 nvidia.com/gpu, 1 nvidia.com/mig-1g.10gb`."""
    return ", ".join(f"{count} {resource}" for resource, count in sorted(gpus.items()))


@contextmanager
def connected(context: str | None) -> "Iterator[ApiClient]":
    """A client of the cluster that the kubeconfig names; LabformError, with what to do, if it does not answer."""
    # The client takes a second to load, and a preview needs none.
    try:
        from kubernetes import config
        from kubernetes.client import ApiException, Configuration
        from kubernetes.config import ConfigException
    except ModuleNotFoundError as error:
        raise LabformError(f"{error}: a lab on Kubernetes needs `pip install 'labform[kubernetes]'`") from None
    from urllib3.exceptions import HTTPError

    where = f"cluster {context}" if context else "the kubeconfig's current cluster"
    settings = Configuration()
    # Whoever waits for an answer is told at once that there is none.
    settings.retries = False
    try:
        client: ApiClient = config.new_client_from_config(context=context, client_configuration=settings)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError) as error:
        raise LabformError(f"{where}: {brief(str(error))}; correct the kubeconfig, or runs_on.context") from error
    try:
        yield client
    except ApiException as error:
        raise LabformError(f"{where}: {said(error)}") from error
    except HTTPError as error:
        raise LabformError(f"{where} does not answer; start it, or correct the kubeconfig") from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def said(error: "ApiException") -> str:
    """What the API server says of a request that it refuses, on one line; a stream's refusal is in its handshake."""
    reason, _, stream = str(error.reason).partition(" -+-+- ")
    body = error.body or stream.rpartition(" -+-+- ")[2].removeprefix("b").strip("'")
    status = error.status or next(iter(re.findall(r"status (\d{3})", reason)), "")
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        message = reason
    return f"the API server says {status}: {message[:_LONGEST]}" + _TODO.get(int(status or 0), "")


_TODO = {
    401: "; log in again: the kubeconfig's credentials are not accepted",
    403: "; a person reaches their own projects, whoever deploys the lab reaches all",
}


def claims_of(client: "ApiClient", lab: str) -> dict[str, str]:
    """A lab's managed volumes that exist in the cluster, by id: `Bound, 20Gi of fast`."""
    from kubernetes.client import CoreV1Api

    found: Any = CoreV1Api(client).list_persistent_volume_claim_for_all_namespaces(
        label_selector=f"{LAB_LABEL}={lab},{VOLUME_LABEL}", _request_timeout=30
    )
    # A claim of no class is the handle on an export, whose id may since have become a managed volume's.
    made = [one for one in found.items if one.spec.storage_class_name != ""]
    return {one.metadata.labels[VOLUME_LABEL]: _claim(one) for one in made}


def _claim(one: Any) -> str:
    size = (one.status.capacity or {}).get("storage")
    known = size and one.spec.storage_class_name
    return f"{one.status.phase}, {size} of {known}" if known else str(one.status.phase)


def gpu_holders(client: "ApiClient") -> list[Holder]:
    """Every pod of the cluster that has a node and GPUs on it, of this lab or not."""
    from kubernetes.client import CoreV1Api

    pods: Any = CoreV1Api(client).list_pod_for_all_namespaces(_request_timeout=30).items
    holders = [_holder(pod) for pod in pods if pod.spec.node_name and pod.status.phase not in _ENDED]
    return sorted((one for one in holders if one.gpus), key=str)


def _holder(pod: Any) -> Holder:
    labels = pod.metadata.labels or {}
    gpus: dict[str, int] = {}
    for container in pod.spec.containers:
        for resource, count in ((container.resources and container.resources.requests) or {}).items():
            if resource.startswith(GPU_PREFIX):
                gpus[resource] = gpus.get(resource, 0) + int(count)
    lab, owner, project = (labels.get(key, "") for key in (LAB_LABEL, OWNER_LABEL, PROJECT_LABEL))
    return Holder(f"{pod.metadata.namespace}/{pod.metadata.name}", owner, project, pod.spec.node_name, gpus, lab)


def reasons(client: "ApiClient", namespace: str, lab: str, project: str) -> list[str]:
    """Why a project's pod does not run, as the scheduler, the admission and the node say it."""
    from kubernetes.client import AppsV1Api, CoreV1Api

    selector = f"{LAB_LABEL}={lab},{PROJECT_LABEL}={project}"
    pods: Any = CoreV1Api(client).list_namespaced_pod(namespace, label_selector=selector, _request_timeout=30).items
    made: Any = (
        AppsV1Api(client).list_namespaced_deployment(namespace, label_selector=selector, _request_timeout=30).items
    )
    conditions = [condition(one, "ReplicaFailure", "True") for one in made]
    conditions += [condition(pod, "PodScheduled", "False") for pod in pods]
    said = [one.message for one in conditions if one]
    for pod in pods:
        said += [waits(one) for one in pod.status.container_statuses or [] if one.state and one.state.waiting]
    return sorted({one for one in said if one})


def condition(one: Any, kind: str, status: str) -> Any | None:
    """The condition of a kind that an object has with a status, if it has it."""
    conditions = (one.status and one.status.conditions) or []
    return next((each for each in conditions if each.type == kind and each.status == status), None)


def waits(status: Any) -> str:
    """What a container waits for: `ImagePullBackOff: …`."""
    waiting = status.state.waiting
    return f"{waiting.reason}: {waiting.message or status.image}"


def claim_reasons(client: "ApiClient", namespace: str, name: str) -> list[str]:
    """Why a claim has no volume, as the controllers and its storage class say it."""
    from kubernetes.client import CoreV1Api

    selector = f"involvedObject.kind=PersistentVolumeClaim,involvedObject.name={name}"
    events: Any = CoreV1Api(client).list_namespaced_event(namespace, field_selector=selector, _request_timeout=30).items
    return sorted({one.message for one in events if one.message})


def leavers(client: "ApiClient", lab: str, prefix: str, staying: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Workloads of a lab that it declares no longer, as kind, namespace, name; `staying` is the kind by project.

    Only those in its own namespaces, whose names begin with `prefix`: another lab may have the same name.
    """
    from kubernetes.client import AppsV1Api, BatchV1Api

    there: Any = AppsV1Api(client).list_deployment_for_all_namespaces(label_selector=f"{LAB_LABEL}={lab}").items
    jobs: Any = BatchV1Api(client).list_job_for_all_namespaces(label_selector=f"{LAB_LABEL}={lab}").items
    found = [("Deployment", one) for one in there] + [("Job", one) for one in jobs]
    return [
        (kind, one.metadata.namespace, one.metadata.name)
        for kind, one in found
        if staying.get(one.metadata.labels.get(PROJECT_LABEL, "")) != kind
        and one.metadata.namespace == naming.in_cluster(prefix, one.metadata.labels.get(OWNER_LABEL, ""))
    ]
