"""Whether an object is ready, kind by kind, in the words of the official plugin (its `provider/pkg/await`)."""

from collections.abc import Callable
from typing import NamedTuple

from toolchain.kubernetes_plugin.api import Api, ApiError
from toolchain.kubernetes_plugin.objects import identity
from toolchain.properties import Values

REVISION = "deployment.kubernetes.io/revision"


class Outlook(NamedTuple):
    """What one look finds: ready, or what is missing, or that it will never be."""

    ready: bool
    reasons: list[str] = []  # noqa: RUF012 - never changed
    waiting: str = ""
    """A line for the user who waits."""
    failed: bool = False
    settles: bool = False
    """Whether it counts as ready if it stays so for a while."""


Look = Callable[[Api, Values], Outlook]


def workload_deployment(server: Api, live: Values) -> Outlook:
    """A Deployment is ready with its current ReplicaSet, its claims bound."""
    metadata, status = live["metadata"], live.get("status") or {}
    revision = (metadata.get("annotations") or {}).get(REVISION, "0")
    conditions = {entry["type"]: entry for entry in status.get("conditions") or []}
    current = _replica_set(server, live, revision)
    progress = conditions.get("Progressing", {})
    available = conditions.get("Available", {}).get("status") == "True"
    rolled_out = progress.get("status") == "True" and progress.get("reason") == "NewReplicaSetAvailable"
    wanted = (current.get("spec") or {}).get("replicas", 1)
    has = (current.get("status") or {}).get("readyReplicas", 0)
    unbound = _unbound_claims(server, live)
    observed = status.get("observedGeneration") == metadata.get("generation")
    first = revision == "1"
    # While old pods end, the status still speaks of the old ReplicaSet.
    complete = bool(current) and has >= wanted and status.get("updatedReplicas", 0) >= live["spec"]["replicas"]
    if observed and available and complete and not unbound and (rolled_out or first):
        return Outlook(ready=True)
    reasons = [
        f"[{entry['reason']}] {entry['message']}"
        for name in ("Progressing", "Available")
        if (entry := conditions.get(name)) and entry["status"] != "True"
    ]
    if unbound:
        reasons.append(f'Failed to bind PersistentVolumeClaim(s): "{",".join(unbound)}"')
    if not available:
        reasons.append("Minimum number of live Pods was not attained")
    elif not first and rolled_out and not complete:
        reasons.append("Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live")
    elif not complete or not rolled_out:
        reasons.append("Minimum number of Pods to consider the application live was not attained")
    waiting = f"Waiting for app ReplicaSet to be available ({has}/{wanted} Pods available)"
    return Outlook(ready=False, reasons=reasons + _pod_errors(server, current), waiting=waiting)


def workload_replicas(server: Api, live: Values) -> Outlook:
    """A StatefulSet or DaemonSet is ready when all of its pods are, in the current revision."""
    status = live.get("status") or {}
    if live["kind"] == "DaemonSet":
        wanted, has = (status.get(name, 0) for name in ("desiredNumberScheduled", "numberReady"))
        current = status.get("updatedNumberScheduled", 0)
    else:
        wanted, has = live["spec"].get("replicas", 1), status.get("readyReplicas", 0)
        current = status.get("updatedReplicas", status.get("currentReplicas", 0))
    observed = status.get("observedGeneration") == live["metadata"].get("generation")
    if observed and has >= wanted and current >= wanted:
        return Outlook(ready=True)
    reasons = [f"{has} out of {wanted} replicas succeeded readiness checks", *_pod_errors(server, live)]
    return Outlook(ready=False, reasons=reasons, waiting=f"Waiting for {live['kind']} ({has}/{wanted} Pods ready)")


def workload_job(server: Api, live: Values) -> Outlook:
    """A Job is ready when it has completed; one that failed for good is an error at once."""
    status = live.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or [] if entry["status"] == "True"}
    if "Complete" in conditions:
        return Outlook(ready=True)
    failure = conditions.get("Failed", {})
    counts = " | ".join(f"{name.title()}: {status.get(name, 0)}" for name in ("active", "succeeded", "failed"))
    waiting = f'Waiting for Job "{identity(live)}" to succeed ({counts})'
    reasons = _pod_errors(server, live)
    if failure.get("reason") in {"BackoffLimitExceeded", "DeadlineExceeded"}:
        reasons.append(f"[{failure['reason']}] {failure['message']}")
        return Outlook(ready=False, reasons=reasons, failed=True)
    return Outlook(ready=False, reasons=reasons, waiting=waiting)


def workload_pod(_: Api, live: Values) -> Outlook:
    """A Pod is ready when it says so, or has succeeded."""
    status = live.get("status") or {}
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions") or [])
    if ready or status.get("phase") == "Succeeded":
        return Outlook(ready=True)
    return Outlook(ready=False, reasons=_errors_of(live), waiting=f'Waiting for Pod "{identity(live)}" to be ready')


def workload_service(server: Api, live: Values) -> Outlook:
    """A Service is ready when no endpoint is not; one that has none at all, after a while."""
    spec = live.get("spec") or {}
    balancer = spec.get("type") == "LoadBalancer"
    has_address = not balancer or bool((live["status"].get("loadBalancer") or {}).get("ingress"))
    selects = spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None" and bool(spec.get("selector"))
    if not selects:
        return Outlook(ready=has_address, reasons=[] if has_address else [NO_ADDRESS])
    ready, pending = _endpoints(server, live)
    if has_address and ready and not pending:
        return Outlook(ready=True)
    reasons = [] if ready else [NO_PODS]
    reasons += [] if has_address else [NO_ADDRESS]
    settles = has_address and not pending
    return Outlook(ready=False, reasons=reasons, waiting="Finding Pods to direct traffic to", settles=settles)


def workload_ingress(_: Api, live: Values) -> Outlook:
    """An Ingress is ready when its controller has written an address."""
    if ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return Outlook(ready=True)
    reason = (
        "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
        "\n    for more information about this error, see https://pulumi.io/xdv72s"
    )
    return Outlook(ready=False, reasons=[reason], waiting="Waiting for update of .status.loadBalancer with hostname/IP")


def claim(server: Api, live: Values) -> Outlook:
    """A claim is ready when bound; one that waits for its first pod, when pending."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Bound":
        return Outlook(ready=True)
    name = live["spec"].get("storageClassName")
    try:
        found = server.request("GET", server.kind("storage.k8s.io/v1", "StorageClass").path("", name)) if name else {}
    except ApiError:
        found = {}
    waits = found.get("volumeBindingMode") == "WaitForFirstConsumer"
    return Outlook(ready=waits and phase == "Pending", waiting=f"Waiting for PersistentVolumeClaim ({phase})")


def volume(_: Api, live: Values) -> Outlook:
    """A volume is ready when it can be bound, or is."""
    return Outlook(ready=(live.get("status") or {}).get("phase") in {"Available", "Bound"})


def quota(_: Api, live: Values) -> Outlook:
    """A quota is ready when its controller enforces what was asked for."""
    return Outlook(ready=(live.get("status") or {}).get("hard") == live["spec"].get("hard"))


LOOKS: dict[str, Look] = {
    "apps/v1/DaemonSet": workload_replicas,
    "apps/v1/Deployment": workload_deployment,
    "apps/v1/StatefulSet": workload_replicas,
    "batch/v1/Job": workload_job,
    "networking.k8s.io/v1/Ingress": workload_ingress,
    "v1/PersistentVolume": volume,
    "v1/PersistentVolumeClaim": claim,
    "v1/Pod": workload_pod,
    "v1/ResourceQuota": quota,
    "v1/Service": workload_service,
}
"""By kind; those called `workload_` are looked at by a read too."""

NO_PODS = (
    "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels "
    "on any Pods"
)
NO_ADDRESS = "Service was not allocated an IP address; does your cloud provider support this?"


def _replica_set(server: Api, live: Values, revision: str) -> Values:
    """Return the ReplicaSet of a Deployment's revision, or nothing."""
    found = server.listed("apps/v1", "ReplicaSet", live["metadata"].get("namespace", ""))
    owned = (entry for entry in found if _owned(entry, live))
    return next((rs for rs in owned if (rs["metadata"].get("annotations") or {}).get(REVISION) == revision), {})


def _unbound_claims(server: Api, live: Values) -> list[str]:
    volumes = live["spec"]["template"]["spec"].get("volumes") or []
    wanted = {entry["persistentVolumeClaim"]["claimName"] for entry in volumes if entry.get("persistentVolumeClaim")}
    found = server.listed("v1", "PersistentVolumeClaim", live["metadata"].get("namespace", "")) if wanted else []
    return [
        entry["metadata"]["name"]
        for entry in found
        if entry["metadata"]["name"] in wanted and entry["status"].get("phase") != "Bound"
    ]


def _endpoints(server: Api, live: Values) -> tuple[bool, bool]:
    """Tell whether a Service has endpoints, and whether some of them are not ready."""
    metadata = live["metadata"]
    selector = f"kubernetes.io/service-name={metadata['name']}"
    namespace = metadata.get("namespace", "")
    own = server.listed("discovery.k8s.io/v1", "EndpointSlice", namespace, labelSelector=selector)
    ready = [bool((e.get("conditions") or {}).get("ready")) for entry in own for e in entry.get("endpoints") or []]
    return any(ready), not all(ready)


def _pod_errors(server: Api, owner: Values) -> list[str]:
    if not owner:
        return []
    pods = server.listed("v1", "Pod", owner["metadata"].get("namespace", ""))
    return [error for pod in pods if _owned(pod, owner) for error in _errors_of(pod)]


def _errors_of(pod: Values) -> list[str]:
    """Return what a scheduled pod says of itself; why one is not scheduled is no error there."""
    conditions = {entry["type"]: entry for entry in (pod.get("status") or {}).get("conditions") or []}
    if conditions.get("PodScheduled", {}).get("status") != "True":
        return []
    for name in ("Initialized", "Ready"):
        entry = conditions.get(name)
        if entry is None or entry["status"] == "True":
            continue
        said = entry.get("message", "") if entry.get("reason") else ""
        statuses = pod["status"].get("containerStatuses") or []
        errors = [error for status in statuses if not status.get("ready") for error in _container_errors(status)]
        return [f"[Pod {identity(pod)}]: {said}" + "\n".join(errors)] if errors or entry.get("message") else []
    return []


def _container_errors(status: Values) -> list[str]:
    state = status.get("state") or {}
    errors = []
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting and waiting.get("reason") != "ContainerCreating":
        errors.append(f"[{waiting.get('reason', '')}] {waiting.get('message', '')}")
    if ended and ended.get("reason"):
        plain = f'container "{status["name"]}" completed with exit code {ended.get("exitCode")}'
        errors.append(f"[{ended['reason']}] {ended['message']}" if ended.get("message") else plain)
    return errors


def _owned(child: Values, owner: Values) -> bool:
    owners = child["metadata"].get("ownerReferences") or []
    return any(entry["uid"] == owner["metadata"]["uid"] for entry in owners)
