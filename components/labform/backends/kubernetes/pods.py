"""A lab's workloads as its cluster has them, and how each of them is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labform.backends.kubernetes.api import condition, said, waits
from labform.naming import LAB_LABEL, PROJECT_LABEL
from labform.problems import LabformError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Kind = str
"""`Deployment` or `Job`."""
_BEGINNING = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits that is being made: what the kubelet says."""


@dataclass
class Seen:
    """What one namespace has of a lab, as the API's own models, by project."""

    workloads: dict[tuple[Kind, str], Any] = field(default_factory=dict)
    pods: dict[str, list[Any]] = field(default_factory=dict)
    """The newest first; those that are being deleted last."""

    def add(self, kind: Kind, one: Any) -> None:
        """Keep a Deployment or Job."""
        self.workloads[kind, one.metadata.labels.get(PROJECT_LABEL, "")] = one


def seen_in(client: "ApiClient", lab: str, namespaces: Iterable[str]) -> dict[str, Seen | LabformError]:
    """What a lab has, by namespace, asked once; whoever may not list them all is told of each by itself.

    LabformError stands for a namespace that this user may not look into.
    """
    from kubernetes.client import ApiException

    found: dict[str, Seen | LabformError] = {one: Seen() for one in namespaces}
    try:
        _fill(found, _listed(client, lab, None))
    except ApiException as error:
        if error.status != 403:
            raise
    else:
        return found
    for namespace in found:
        try:
            _fill(found, _listed(client, lab, namespace))
        except ApiException as error:
            if error.status != 403:
                raise
            found[namespace] = LabformError(f"namespace {namespace}: {said(error)}")
    return found


def seen_at(client: "ApiClient", lab: str, namespace: str) -> Seen:
    """What a lab has in one namespace."""
    found: dict[str, Seen | LabformError] = {}
    _fill(found, _listed(client, lab, namespace))
    seen = found.get(namespace)
    return seen if isinstance(seen, Seen) else Seen()


def _listed(client: "ApiClient", lab: str, namespace: str | None) -> Iterator[tuple[str, Any]]:
    """Deployments, Jobs and pods of a lab, of one namespace or of all."""
    from kubernetes.client import AppsV1Api, BatchV1Api, CoreV1Api

    apps, batch, core = AppsV1Api(client), BatchV1Api(client), CoreV1Api(client)
    lists: list[tuple[str, Any]]
    if namespace is None:
        every = (apps.list_deployment_for_all_namespaces, batch.list_job_for_all_namespaces)
        lists = [*zip(("Deployment", "Job"), every, strict=True), ("Pod", core.list_pod_for_all_namespaces)]
        where: tuple[str, ...] = ()
    else:
        one = (apps.list_namespaced_deployment, batch.list_namespaced_job)
        lists = [*zip(("Deployment", "Job"), one, strict=True), ("Pod", core.list_namespaced_pod)]
        where = (namespace,)
    for kind, listing in lists:
        for one in listing(*where, label_selector=f"{LAB_LABEL}={lab}", _request_timeout=10).items:
            yield kind, one


def _fill(found: dict[str, Seen | LabformError], listed: Iterable[tuple[str, Any]]) -> None:
    for kind, one in listed:
        seen = found.setdefault(one.metadata.namespace, Seen())
        if isinstance(seen, LabformError):
            continue
        if kind == "Pod":
            seen.pods.setdefault((one.metadata.labels or {}).get(PROJECT_LABEL, ""), []).append(one)
        else:
            seen.add(kind, one)
    for seen in found.values():
        for pods in seen.pods.values() if isinstance(seen, Seen) else ():
            pods.sort(key=lambda pod: pod.metadata.creation_timestamp, reverse=True)
            pods.sort(key=lambda pod: pod.metadata.deletion_timestamp is not None)


def state_of(kind: Kind, workload: Any, pods: list[Any], *, checked: bool) -> dict[str, str]:
    """`state`, and `cause` where somebody has to look; `checked` is whether a check says that it is healthy."""
    name = f"{kind.lower()}/{workload.metadata.name} -n {workload.metadata.namespace}"
    if ended := _ended(kind, workload, name):
        return ended
    if not pods:
        why = condition(workload, "ReplicaFailure", "True")
        return {"state": "pending", "cause": why.message if why else "it has no pod yet"}
    if late := condition(workload, "Progressing", "False"):
        return {"state": "unhealthy", "cause": _waiting_for(pods[0]) or late.message}
    found = _pod_state(pods[0], name, checked=checked)
    # The Job says whether that was its last try.
    return {**found, "state": "restarting"} if (kind, found["state"]) == ("Job", "failed") else found


def _ended(kind: Kind, workload: Any, name: str) -> dict[str, str] | None:
    if kind == "Deployment":
        cause = f"`kubectl scale {name} --replicas=1` starts it"
        return {"state": "stopped", "cause": cause} if workload.spec.replicas == 0 else None
    if condition(workload, "Complete", "True"):
        return {"state": "done"}
    if failed := condition(workload, "Failed", "True"):
        return {"state": "failed", "cause": f"{failed.message}; see `kubectl logs {name}`"}
    return None


def _pod_state(pod: Any, name: str, *, checked: bool) -> dict[str, str]:
    see = f"see `kubectl logs {name}`"
    status = next(iter(pod.status.container_statuses or []), None)
    if status and status.state and status.state.waiting and status.state.waiting.reason == "CrashLoopBackOff":
        ended = status.last_state and status.last_state.terminated
        return {"state": "restarting", "cause": f"exit code {ended.exit_code if ended else 'unknown'}; {see}"}
    if waits := _waiting_for(pod):
        return {"state": "pending", "cause": waits}
    if pod.status.phase == "Failed":
        return {"state": "failed", "cause": f"{pod.status.message or pod.status.reason or 'its pod failed'}; {see}"}
    if pod.status.phase != "Running" or pod.metadata.deletion_timestamp is not None:
        return {"state": "starting"}
    ready = condition(pod, "Ready", "True")
    if ready or (status and status.started and not checked):
        return {"state": "healthy" if checked else "running"}
    if status and status.started:
        return {"state": "unhealthy", "cause": f"its check fails, or its node {pod.spec.node_name} is gone; {see}"}
    return {"state": "starting"}


def _waiting_for(pod: Any) -> str:
    """What a pod waits for that does not come by itself: a node, as the scheduler says it, or its image."""
    if unplaced := condition(pod, "PodScheduled", "False"):
        return str(unplaced.message or unplaced.reason)
    for status in pod.status.container_statuses or []:
        waiting = status.state and status.state.waiting
        if waiting and waiting.reason not in _BEGINNING:
            return waits(status)
    return ""


def unplanned(seen: Mapping[str, Seen | LabformError], planned: Mapping[str, str]) -> Iterator[tuple[Kind, Any]]:
    """Workloads of a lab that no running project is; `planned` is the kind of each that is one."""
    for namespace in sorted(seen):
        found = seen[namespace]
        for (kind, project), one in sorted(found.workloads.items()) if isinstance(found, Seen) else ():
            if planned.get(project) != kind:
                yield kind, one


def to_remove(kind: Kind, namespace: str, name: str) -> str:
    """What to do about an object of the lab that is not declared."""
    return f"run `pulumi up`, and `kubectl delete {kind.lower()} {name} -n {namespace}` if it is there still"
