"""Questions to an API server that the provider does not ask: who holds GPUs, why a pod waits, which claims exist."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labform.naming import LAB_LABEL, OWNER_LABEL, PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_GPU = "nvidia.com/"
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Holder:
    """A pod that has GPUs: its project where it is one of labform's, else its own name, and how many of what."""

    pod: str
    owner: str
    project: str
    node: str
    gpus: Mapping[str, int]

    def __str__(self) -> str:
        """`thesis of anna: 1 nvidia.com/gpu on a100-0`."""
        amounts = ", ".join(f"{count} {resource}" for resource, count in sorted(self.gpus.items()))
        return f"{f'{self.project} of {self.owner}' if self.project else self.pod}: {amounts} on {self.node}"


@contextmanager
def connected(context: str | None) -> "Iterator[ApiClient]":
    """A client of the cluster that the kubeconfig names; LabformError, with what to do, if it does not answer."""
    # The client takes a second to load, and a preview needs none.
    try:
        from kubernetes import config
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
    except ModuleNotFoundError as error:
        raise LabformError(f"{error}: a lab on Kubernetes needs `pip install 'labform[kubernetes]'`") from None
    from urllib3.exceptions import HTTPError

    where = f"cluster {context}" if context else "the kubeconfig's current cluster"
    try:
        client: ApiClient = config.new_client_from_config(context=context)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise LabformError(f"{where}: {error}; correct the kubeconfig, or runs_on.context") from error
    try:
        yield client
    except ApiException as error:
        raise LabformError(f"{where}: the API server says {error.status} {error.reason}") from error
    except HTTPError as error:
        raise LabformError(f"{where} does not answer; start it, or correct the kubeconfig") from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def claims_of(client: "ApiClient", lab: str) -> set[str]:
    """The ids of a lab's managed volumes that exist in the cluster."""
    from kubernetes.client import CoreV1Api

    found: Any = CoreV1Api(client).list_persistent_volume_claim_for_all_namespaces(
        label_selector=f"{LAB_LABEL}={lab},{VOLUME_LABEL}", _request_timeout=30
    )
    return {one.metadata.labels[VOLUME_LABEL] for one in found.items}


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
            if resource.startswith(_GPU):
                gpus[resource] = gpus.get(resource, 0) + int(count)
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    return Holder(name, labels.get(OWNER_LABEL, ""), labels.get(PROJECT_LABEL, ""), pod.spec.node_name, gpus)


def reasons(client: "ApiClient", namespace: str, lab: str, project: str) -> list[str]:
    """Why a project's pod does not run, as the scheduler, the admission and the node say it."""
    from kubernetes.client import AppsV1Api, CoreV1Api

    selector = f"{LAB_LABEL}={lab},{PROJECT_LABEL}={project}"
    pods: Any = CoreV1Api(client).list_namespaced_pod(namespace, label_selector=selector, _request_timeout=30).items
    made: Any = (
        AppsV1Api(client).list_namespaced_deployment(namespace, label_selector=selector, _request_timeout=30).items
    )
    said = [one.message for deployment in made for one in _failed(deployment.status.conditions, "ReplicaFailure")]
    for pod in pods:
        said += [one.message for one in _waiting(pod.status.conditions)]
        said += [_state(one) for one in pod.status.container_statuses or [] if one.state and one.state.waiting]
    return sorted({one for one in said if one})


def _failed(conditions: Any, kind: str) -> list[Any]:
    return [one for one in conditions or [] if one.type == kind and one.status == "True"]


def _waiting(conditions: Any) -> list[Any]:
    return [one for one in conditions or [] if one.type == "PodScheduled" and one.status == "False"]


def _state(status: Any) -> str:
    waiting = status.state.waiting
    return f"{waiting.reason}: {waiting.message or status.image}"


def claim_reasons(client: "ApiClient", namespace: str, name: str) -> list[str]:
    """Why a claim has no volume, as the controllers and its storage class say it."""
    from kubernetes.client import CoreV1Api

    selector = f"involvedObject.kind=PersistentVolumeClaim,involvedObject.name={name}"
    events: Any = CoreV1Api(client).list_namespaced_event(namespace, field_selector=selector, _request_timeout=30).items
    return sorted({one.message for one in events if one.message})


def leavers(client: "ApiClient", lab: str, staying: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Workloads of a lab that it declares no longer, as kind, namespace, name; `staying` is the kind by project."""
    from kubernetes.client import AppsV1Api, BatchV1Api

    there: Any = AppsV1Api(client).list_deployment_for_all_namespaces(label_selector=f"{LAB_LABEL}={lab}").items
    jobs: Any = BatchV1Api(client).list_job_for_all_namespaces(label_selector=f"{LAB_LABEL}={lab}").items
    found = [("Deployment", one) for one in there] + [("Job", one) for one in jobs]
    return [
        (kind, one.metadata.namespace, one.metadata.name)
        for kind, one in found
        if staying.get(one.metadata.labels.get(PROJECT_LABEL, "")) != kind
    ]
