"""A pod's template in facts: what is declared and what the API server has, both read by the same code. Pure.

What labform sets has the word that the stack file or `labform diff` on Docker has for it; any other field has its
path, unless it is as the API server fills it in.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from labform.backends.drift import SECRET, Fact, Facts, told, words
from labform.backends.kubernetes.fields import flat
from labform.backends.kubernetes.nodes import GPU_PREFIX
from labform.backends.kubernetes.pod import FILES_MARK, SECRETS_MARK
from labform.backends.kubernetes.quantity import quantity
from labform.declaration import size_text

_WHO = ("runAsUser", "runAsGroup")
_SHARED = "/dev/shm"  # noqa: S108  the container's own
_READ_BY_OTHERS = 0o644
"""The mode of files that come of a ConfigMap or Secret, unless it is given."""
_NOT_OURS = {"controller-uid", "job-name"}
"""Labels that the Job controller gives its pods, beside those of its domain."""
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` writes: a restart is no other declaration."""
_POD_DEFAULTS = {
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": "30",
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": "0",
}
_CONTAINER_DEFAULTS = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
"""What the API server fills in: k8s.io/kubernetes, pkg/apis/core/v1/defaults.go."""


def pod_facts(template: Mapping[str, Any], project: str, declared: Facts | None = None) -> dict[Fact, str]:
    """The facts of a pod's template, whose main container is called as its project.

    With `declared`, the facts that it should have, the value of a variable is told only where it is declared in clear.
    """
    metadata, spec = template.get("metadata") or {}, dict(template["spec"])
    containers = spec.pop("containers")
    main = next((one for one in containers if one["name"] == project), containers[0])
    volumes = {one["name"]: one for one in spec.pop("volumes", None) or []}
    others = [one for one in containers if one["name"] != project]
    return {
        **_metadata(metadata),
        **_container(dict(main), declared),
        **_user(spec, main),
        **_mounts(main.get("volumeMounts") or [], volumes),
        **{("container", one["name"]): one.get("image", "") for one in others},
        **{("init container", one["name"]): one.get("image", "") for one in spec.pop("initContainers", None) or []},
        **_pod(spec),
    }


def cpus(text: str) -> str:
    """CPUs as a stack file has them: `0.5` for `500m`."""
    return f"{quantity(text).normalize():f}"


def memory(text: str) -> str:
    """A size as a stack file has it."""
    return size_text(int(quantity(text)))


def _metadata(metadata: Mapping[str, Any]) -> dict[Fact, str]:
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    found = {("pod label", key): one for key, one in labels.items() if not _of_controllers(key)}
    marks = {FILES_MARK: "owner files", SECRETS_MARK: "secrets"}
    found |= {("pod annotation", key): one for key, one in notes.items() if key not in {_RESTARTED, *marks}}
    return found | {(word, ""): notes[key] for key, word in marks.items() if key in notes}


def _of_controllers(label: str) -> bool:
    return label in _NOT_OURS or label.startswith("batch.kubernetes.io/")


def _container(one: dict[str, Any], declared: Facts | None) -> dict[Fact, str]:
    """The facts of the main container but for its user and mounts."""
    one.pop("name")
    one.pop("volumeMounts", None)
    security = dict(one.pop("securityContext", None) or {})
    probes = {word: _probe(one.pop(key, None)) for word, key in _PROBES.items()}
    return {
        ("image", ""): one.pop("image", ""),
        ("command", ""): shlex.join(map(_plain, one.pop("args", None) or [])),
        **({("entrypoint", ""): shlex.join(entry)} if (entry := one.pop("command", None)) else {}),
        **{("env", each["name"]): _variable(each, declared) for each in one.pop("env", None) or []},
        **{("port", _port(each)): _host_port(each) for each in one.pop("ports", None) or []},
        **_resources(one.pop("resources", None) or {}),
        **_hardening(security),
        ("healthcheck", ""): _probe(one.pop("readinessProbe", None)) or "none",
        **{(word, ""): text for word, text in probes.items() if text},
        **flat("container", one, _CONTAINER_DEFAULTS),
    }


_PROBES = {"healthcheck at start": "startupProbe", "liveness": "livenessProbe"}


def _plain(text: str) -> str:
    """Text as the container has it, in which `$$(` stands for `$(`."""
    return text.replace("$$(", "$(")


def _variable(one: Mapping[str, Any], declared: Facts | None) -> str:
    """A variable's value, or where it comes from."""
    if source := one.get("valueFrom"):
        secret = source.get("secretKeyRef")
        return f"{_OF_SECRET}{secret.get('key')} of {secret.get('name')}" if secret else _compact(source)
    value = _plain(one.get("value") or "")
    if declared is None:
        return value
    wanted = declared.get(("env", one["name"]), _OF_SECRET)
    return told(value, None if wanted.startswith(_OF_SECRET) else wanted)


_OF_SECRET = f"{SECRET}: "
"""How it begins what is said of a variable whose value is in a Secret."""


def _port(one: Mapping[str, Any]) -> str:
    return f"{one['containerPort']}/{one.get('protocol', 'TCP').lower()}"


def _host_port(one: Mapping[str, Any]) -> str:
    host = one.get("hostPort")
    return f"{one.get('hostIP') or '0.0.0.0'}:{host} of its node" if host else "in the pod"  # noqa: S104


def _resources(given: Mapping[str, Any]) -> dict[Fact, str]:
    """The limits; what is promised only where that is less."""
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    found = {("cpus", ""): "no limit", ("memory", ""): "no limit"}
    for kind, amounts in (("", limits), (" requested", {k: v for k, v in requests.items() if limits.get(k) != v})):
        gpus = [f"{count} {name}" for name, count in sorted(amounts.items()) if name.startswith(GPU_PREFIX)]
        found |= words(f"gpus{kind}", gpus)
        found |= {(f"cpus{kind}", ""): cpus(amounts["cpu"])} if "cpu" in amounts else {}
        found |= {(f"memory{kind}", ""): memory(amounts["memory"])} if "memory" in amounts else {}
        rest = {name for name in amounts if name not in ("cpu", "memory") and not name.startswith(GPU_PREFIX)}
        found |= {(f"resource{kind}", name): amounts[name] for name in rest}
    return found | flat("resources", {key: given[key] for key in set(given) - {"limits", "requests"}}, {})


def _hardening(security: dict[str, Any]) -> dict[Fact, str]:
    capabilities = security.pop("capabilities", None) or {}
    return {
        **words("capabilities added", capabilities.get("add") or []),
        **words("capabilities dropped", capabilities.get("drop") or []),
        **({("privileged", ""): "yes"} if security.pop("privileged", None) else {}),
        ("new privileges", ""): "yes" if security.pop("allowPrivilegeEscalation", True) else "no",
        **{fact: text for fact, text in flat("container security", security, {}).items() if fact[1] not in _WHO},
    }


def _user(spec: Mapping[str, Any], main: Mapping[str, Any]) -> dict[Fact, str]:
    """Who it runs as; what the container says goes before what the pod says."""
    found = {**(spec.get("securityContext") or {}), **(main.get("securityContext") or {})}
    user, group = (found.get(key) for key in _WHO)
    return {("user", ""): f"{'of the image' if user is None else user}{'' if group is None else f':{group}'}"}


def _mounts(mounts: list[Mapping[str, Any]], volumes: Mapping[str, Mapping[str, Any]]) -> dict[Fact, str]:
    """What is where; a volume that nobody mounts by its name."""
    found: dict[Fact, str] = {}
    for one in mounts:
        volume = volumes.get(one["name"], {})
        memory_ = volume.get("emptyDir") or {}
        if one["mountPath"] == _SHARED and memory_.get("medium") == "Memory":
            found["shared memory", ""] = memory(memory_["sizeLimit"]) if "sizeLimit" in memory_ else "no limit"
        else:
            found["mount", one["mountPath"]] = ", ".join(_mount(one, volume))
    unused = set(volumes) - {one["name"] for one in mounts}
    return found | {("volume", name): _source(volumes[name]) for name in unused}


def _mount(one: Mapping[str, Any], volume: Mapping[str, Any]) -> Iterator[str]:
    yield _source(volume)
    if path := one.get("subPath"):
        yield str(path)
    if one.get("readOnly"):
        yield "read only"
    rest = {key: value for key, value in one.items() if key not in ("name", "mountPath", "subPath", "readOnly")}
    yield from ([_compact(rest)] if rest else [])


def _source(volume: Mapping[str, Any]) -> str:
    """What a volume is: `claim ds01-home`, `ConfigMap ds01-web`."""
    kind, given = next(((key, value or {}) for key, value in volume.items() if key != "name"), ("volume", {}))
    body = {key: one for key, one in given.items() if one}
    mode = body.pop("defaultMode", _READ_BY_OTHERS)
    items = [f"{one['key']} as {one['path']}" for one in body.pop("items", None) or []]
    for known, (word, key) in _SOURCES.items():
        if kind == known:
            kind = f"{word} {body.pop(key, '')}".strip()
    rest = _compact(body) if body else ""
    return " ".join(filter(None, (kind, *items, rest, "" if mode == _READ_BY_OTHERS else f"mode {mode:04o}")))


_SOURCES = {
    "persistentVolumeClaim": ("claim", "claimName"),
    "configMap": ("ConfigMap", "name"),
    "secret": ("Secret", "secretName"),
    "hostPath": ("directory of the node", "path"),
    "emptyDir": ("scratch", "medium"),
}
"""What kinds of volumes are called, and the field that says which."""


def _pod(spec: dict[str, Any]) -> dict[Fact, str]:
    """The facts of the pod itself."""
    security = {key: one for key, one in (spec.pop("securityContext", None) or {}).items() if key not in _WHO}
    # Another spelling of serviceAccountName, which the API server keeps alike.
    spec.pop("serviceAccount", None)
    return {
        ("hostname", ""): spec.pop("hostname", ""),
        ("restart", ""): spec.pop("restartPolicy", ""),
        ("stop", ""): f"within {spec.pop('terminationGracePeriodSeconds', 30)} s",
        **{("node", key): one for key, one in (spec.pop("nodeSelector", None) or {}).items()},
        **words("tolerations", map(_compact, spec.pop("tolerations", None) or [])),
        **flat("pod security", security, {}),
        **flat("pod", spec, _POD_DEFAULTS),
    }


def _probe(given: Mapping[str, Any] | None) -> str:
    """A check and its times; nothing where there is none."""
    if not given:
        return ""
    rest = dict(given)
    command = (rest.pop("exec", None) or {}).get("command")
    times = f"every {rest.pop('periodSeconds', 10)} s, within {rest.pop('timeoutSeconds', 1)} s"
    times += f", {rest.pop('failureThreshold', 3)} times"
    if delay := rest.pop("initialDelaySeconds", 0):
        times += f", after {delay} s"
    if rest.get("successThreshold") == 1:
        del rest["successThreshold"]
    what = [shlex.join(command)] if command else []
    return f"{' '.join([*what, *([_compact(rest)] if rest else [])])} ({times})"


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
