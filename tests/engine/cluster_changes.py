"""What somebody does to a cluster lab with kubectl, and what `labform diff` says of it."""

from typing import Any

from kubernetes.client import NetworkingV1Api, RbacAuthorizationV1Api

from tests.engine.cluster_bench import ClusterBench
from tests.engine.drift import Facts

HIDDEN = "a value that is not shown"
_POD: dict[str, Any] = {
    "metadata": {"labels": {"mine": "1"}, "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
    "spec": {
        "nodeSelector": {"kubernetes.io/hostname": "a100-0"},
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "containers": [
            {
                "name": "thesis",
                "env": [{"name": "USER", "value": "ben"}, {"name": "MORE", "value": "walrus"}],
                "resources": {key: {"nvidia.com/gpu": "2", "memory": "3Gi"} for key in ("limits", "requests")},
                "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                "terminationMessagePolicy": "FallbackToLogsOnError",
            },
            {"name": "side", "image": "sandbox.invalid/side"},
        ],
    },
}


def change_by_hand(bench: ClusterBench) -> None:
    """Edit a Deployment, the rules of its owner, a Secret, and labels; add a Service and scale one that may stop."""
    name, anna = bench.name, f"{bench.name}-anna"
    network, access = NetworkingV1Api(bench.api), RbacAuthorizationV1Api(bench.api)
    bench.apps.patch_namespaced_deployment(f"{name}-thesis", anna, {"spec": {"template": _POD}})
    bench.apps.patch_namespaced_deployment_scale(f"{name}-idle", f"{name}-ben", {"spec": {"replicas": 0}})
    bench.apps.patch_namespaced_deployment_scale(f"{name}-slice", anna, {"spec": {"replicas": 0}})
    bench.core.patch_namespaced_secret(
        f"{name}-thesis", anna, {"stringData": {"TOKEN": "walrus"}}, field_manager="kubectl-edit"
    )
    bench.core.patch_namespaced_config_map(f"{name}-thesis", anna, {"data": {"passwd": "mine"}})
    bench.core.patch_namespaced_resource_quota("labform", anna, {"spec": {"hard": {"limits.cpu": "99"}}})
    bench.core.patch_namespace(f"{name}-ben", {"metadata": {"labels": {"pod-security.kubernetes.io/warn": None}}})
    bench.core.create_namespaced_service(
        anna, {"metadata": {"name": f"{name}-stray", "labels": {"labform.lab": name}}, "spec": {"ports": [{"port": 1}]}}
    )
    network.patch_namespaced_network_policy("labform", f"{name}-ben", {"spec": {"ingress": [{}]}})
    role = access.read_namespaced_role("labform", anna)
    role.rules[0].verbs.append("patch")
    access.replace_namespaced_role("labform", anna, role)


def put_labels_back(bench: ClusterBench) -> None:
    """What is not to be made anew, because data hangs on it."""
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    bench.core.patch_namespace(f"{bench.name}-ben", {"metadata": {"labels": labels}})


def changed_by_hand(name: str) -> dict[str, Facts | str]:
    """All of it, and nothing else: not a restart, not a service that may be stopped."""
    return {
        f"ConfigMap {name}-thesis": {"file passwd": ("as declared", "edited")},
        f"Deployment {name}-slice": {"replicas": ("1", "0")},
        f"Deployment {name}-thesis": {
            "container side": (None, "sandbox.invalid/side"),
            "container terminationMessagePolicy": (None, "FallbackToLogsOnError"),
            "env MORE": (None, HIDDEN),
            "env USER": ("anna", "ben"),
            "gpus": ("4 nvidia.com/gpu", "2 nvidia.com/gpu"),
            "memory": ("1Gi", "3Gi"),
            "mount /scratch": (None, "scratch"),
            "node kubernetes.io/hostname": (None, "a100-0"),
            "pod label mine": (None, "1"),
        },
        f"Namespace {name}-ben": {"label pod-security.kubernetes.io/warn": ("restricted", None)},
        "NetworkPolicy labform": {"ingress[0]": (None, "{}")},
        "ResourceQuota labform": {"hard.limits.cpu": ("16", "99")},
        "Role labform": {"rules[0].verbs": ("get, list, watch, delete", "get, list, watch, delete, patch")},
        f"Secret {name}-thesis": {"secret TOKEN": ("a secret", "another value, written by kubectl-edit")},
        f"Service {name}-stray": "is there, and no project of the lock is it; run `pulumi up`, and"
        f" `kubectl delete service {name}-stray -n {name}-anna` if it is there still",
    }


def by_name(found: list[dict[str, Any]]) -> dict[str, Facts | str]:
    """What `labform diff --json` says, by the names of objects, but for the time at which a Secret was written."""
    return {
        row["name"]: row["said"]
        or {
            one["what"]: (one["declared"], one["running"] and one["running"].partition(" at 20")[0])
            for one in row["differences"]
        }
        for row in found
    }
