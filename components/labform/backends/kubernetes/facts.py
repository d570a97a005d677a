"""An object of a lab in facts: what is declared and what the API server has, both read by the same code. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from labform.backends.drift import AS_DECLARED, EDITED, Fact, Facts
from labform.backends.kubernetes.fields import flat
from labform.backends.kubernetes.pod_facts import memory, pod_facts
from labform.declaration import duration_text
from labform.naming import PROJECT_LABEL

_OURS = "pod-security.kubernetes.io/"
"""Labels of a domain of others that labform sets."""
_PROVIDER = "pulumi.com/"
"""Annotations that tell the provider how to go about it."""
_DEFAULTS: Mapping[str, Mapping[str, str | None]] = {
    "Deployment": {"revisionHistoryLimit": "10", "progressDeadlineSeconds": "600"},
    "Job": {
        "parallelism": "1",
        "completions": "1",
        "completionMode": "NonIndexed",
        "backoffLimit": "6",
        "suspend": "no",
        "manualSelector": "no",
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector.matchLabels.batch.kubernetes.io/controller-uid": None,
    },
    "Service": {
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        **dict.fromkeys(("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")),
    },
    "Ingress": {"ingressClassName": None},
    "Namespace": {"finalizers": None},
    "PersistentVolume": {
        "volumeMode": "Filesystem",
        **{f"claimRef.{key}": None for key in ("apiVersion", "kind", "resourceVersion", "uid")},
    },
    "PersistentVolumeClaim": {"volumeMode": "Filesystem", "volumeName": None, "storageClassName": None},
}
"""What the API server, its admission and its controllers fill in, by kind and path; None is whatever they choose.

k8s.io/kubernetes: pkg/apis/{apps,batch,core}/*/defaults.go, plugin/pkg/admission/{network,storage}.
"""
_CALLED = {
    ("Deployment", "progressDeadlineSeconds"): "wait",
    ("Job", "activeDeadlineSeconds"): "deadline",
    ("Job", "backoffLimit"): "retries",
    ("PersistentVolumeClaim", "accessModes"): "access",
    ("PersistentVolumeClaim", "resources.requests.storage"): "size",
    ("PersistentVolumeClaim", "storageClassName"): "class",
}
"""The words of the stack file for fields."""


def _duration(text: str) -> str:
    return duration_text(int(text))


_READ: Mapping[str, Callable[[str], str]] = {"size": memory, "deadline": _duration, "wait": _duration}
"""How the amounts among those are written there."""
_MAY_STOP = "0 or 1"


def facts(kind: str, one: Mapping[str, Any], declared: Facts | None = None) -> dict[Fact, str]:
    """The facts of an object; `declared` are those that it should have, None for those of the declaration itself.

    A Secret has none here but its labels: see `secrets`.
    """
    metadata = one["metadata"]
    found = _metadata(metadata, declared)
    if kind == "ConfigMap":
        return found | {("file", name): text for name, text in (one.get("data") or {}).items()}
    if kind == "Secret":
        return found
    body = {key: value for key, value in one.items() if key not in ("apiVersion", "kind", "metadata", "status", "spec")}
    spec = dict(one.get("spec") or {})
    if template := spec.pop("template", None):
        found |= pod_facts(template, metadata["labels"].get(PROJECT_LABEL, ""), declared)
    if kind == "Deployment":
        found |= _replicas(spec, declared)
    return found | _words(kind, flat("", {**spec, **body}, _left_out(kind, declared)))


def as_files(declared: Facts, running: Facts) -> tuple[dict[Fact, str], dict[Fact, str]]:
    """Both sides, with what is to be said of files instead of their content."""
    said = {
        fact: AS_DECLARED if fact not in declared or declared[fact] == text else EDITED
        for fact, text in running.items()
        if fact[0] == "file"
    }
    return {**declared, **{fact: AS_DECLARED for fact in declared if fact[0] == "file"}}, {**running, **said}


def _metadata(metadata: Mapping[str, Any], declared: Facts | None) -> dict[Fact, str]:
    """Labels, and the annotations that are declared: others are for programs that leave them there."""
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    found = {("label", key): value for key, value in labels.items() if _counts(("label", key), declared)}
    return found | {
        ("annotation", key): value
        for key, value in notes.items()
        if not key.startswith(_PROVIDER) and (declared is None or ("annotation", key) in declared)
    }


def _counts(fact: Fact, declared: Facts | None) -> bool:
    """Whether a label says anything here: one with a domain in front is for the programs of that domain."""
    return declared is None or fact in declared or "/" not in fact[1] or fact[1].startswith(_OURS)


def _replicas(spec: dict[str, Any], declared: Facts | None) -> dict[Fact, str]:
    """How many pods there are to be; a project that need not run may have none."""
    count = spec.pop("replicas", None)
    if declared is None:
        return {("replicas", ""): _MAY_STOP if count is None else str(count)}
    may_stop = declared.get(("replicas", "")) == _MAY_STOP and count in (0, 1)
    return {("replicas", ""): _MAY_STOP if may_stop else str(count)}


def _left_out(kind: str, declared: Facts | None) -> dict[str, str | None]:
    """The defaults that count, where the declaration says nothing else."""
    given = _DEFAULTS.get(kind, {}) if declared is not None else {}
    names = {path: _CALLED.get((kind, path), path) for path in given}
    return {path: value for path, value in given.items() if (names[path], "") not in (declared or {})}


def _words(kind: str, found: Mapping[Fact, str]) -> dict[Fact, str]:
    called = {fact: _CALLED.get((kind, fact[0]), fact[0]) for fact in found}
    return {(word, ""): _READ.get(word, str)(found[fact]) for fact, word in called.items()}
