"""What is declared beside what an API server recorded: nothing differs, and then each change by its name."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from labform.backends.drift import SECRET, UNSHOWN, Drift
from labform.backends.kubernetes.drift import UNKNOWN, drift
from labform.backends.kubernetes.found import Found

from tests.backends.kubernetes.recorded import found, manifests, objects

THESIS, WEB, JOB = "Deployment unit-anna/unit-thesis", "Deployment unit-ben/unit-web", "Job unit-anna/unit-nightly"
TOKENS, HOME = "Secret unit-anna/unit-thesis", "PersistentVolumeClaim unit-anna/unit-home"
RULES = "unit-anna/labform"
TOKEN = f"hf_{'CANARY' * 5}"
CONTAINER = "spec.template.spec.containers.0"
Sides = dict[str, tuple[str | None, str | None]]


def compared(given: dict[str, Any], **options: Any) -> list[Drift]:
    """What differs where these are the objects."""
    return list(drift(list(manifests().values()), found(given), **options))


def sides(one: Drift) -> Sides:
    """Both sides of each fact."""
    return {each.what: (each.declared, each.running) for each in one.differences}


def put(one: Any, path: str, value: Any) -> None:
    """Set what is at a path; None removes it."""
    *steps, last = (int(step) if step.isdigit() else step.replace("~", ".") for step in path.split("."))
    for step in steps:
        one = one[step] if isinstance(step, int) else one.setdefault(step, {})
    if isinstance(one, list) and last == len(one):
        one.append(value)
    elif value is None:
        del one[last]
    else:
        one[last] = value


def test_nothing_differs_right_after_it_was_applied() -> None:
    """What the API server and its controllers fill in is no difference; every kind is there."""
    assert compared(objects()) == []
    assert {one["kind"] for one in manifests().values()} == {name.partition(" ")[0] for name in objects()}


CHANGES: list[tuple[str, str, Any, Sides]] = [
    (THESIS, f"{CONTAINER}.env.0.value", "4", {"env EPOCHS": ("3", "4")}),
    (THESIS, f"{CONTAINER}.env.0.value", TOKEN, {"env EPOCHS": ("3", UNSHOWN)}),
    (THESIS, f"{CONTAINER}.env.7", {"name": "A", "value": "canary"}, {"env A": (None, UNSHOWN)}),
    (
        THESIS,
        f"{CONTAINER}.env.6",
        {"name": "KEY", "value": "canary"},
        {"env KEY": (f"{SECRET}: KEY of unit-thesis", UNSHOWN)},
    ),
    (
        THESIS,
        f"{CONTAINER}.env.6.valueFrom.secretKeyRef.name",
        "mine",
        {"env KEY": (f"{SECRET}: KEY of unit-thesis", f"{SECRET}: KEY of mine")},
    ),
    (THESIS, f"{CONTAINER}.env.3.value", "$(HOME)", {}),
    (WEB, f"{CONTAINER}.args", ["serve", "a b"], {"command": ("serve", "serve 'a b'")}),
    (WEB, f"{CONTAINER}.command", ["sh"], {"entrypoint": (None, "sh")}),
    (
        THESIS,
        f"{CONTAINER}.resources",
        {"limits": {"cpu": "1500m", "memory": "512Mi"}, "requests": {"cpu": "500m", "memory": "512Mi"}},
        {
            "cpus": ("8", "1.5"),
            "cpus requested": (None, "0.5"),
            "gpus": ("2 nvidia.com/gpu", None),
            "memory": ("32Gi", "512Mi"),
        },
    ),
    (WEB, f"{CONTAINER}.resources", {}, {"cpus": ("1", "no limit"), "memory": ("2Gi", "no limit")}),
    (
        WEB,
        f"{CONTAINER}.securityContext",
        {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"]}, "readOnlyRootFilesystem": True},
        {
            "capabilities added": ("NET_BIND_SERVICE", "SYS_ADMIN"),
            "capabilities dropped": ("ALL", None),
            "container security readOnlyRootFilesystem": (None, "yes"),
            "new privileges": ("no", "yes"),
            "privileged": (None, "yes"),
            "user": ("10044:10044", "0:10044"),
        },
    ),
    (WEB, f"{CONTAINER}.readinessProbe", None, {"healthcheck": ("true (every 5 s, within 5 s, 3 times)", "none")}),
    (
        WEB,
        f"{CONTAINER}.livenessProbe",
        {"tcpSocket": {"port": 80}, "initialDelaySeconds": 9},
        {"liveness": (None, '{"tcpSocket": {"port": 80}} (every 10 s, within 1 s, 3 times, after 9 s)')},
    ),
    (
        WEB,
        f"{CONTAINER}.ports.0",
        {"containerPort": 80, "hostPort": 80, "protocol": "TCP"},
        {"port 80/tcp": (None, "0.0.0.0:80 of its node"), "port 8000/tcp": ("in the pod", None)},
    ),
    (WEB, f"{CONTAINER}.imagePullPolicy", "Always", {"container imagePullPolicy": ("IfNotPresent", "Always")}),
    (WEB, "spec.template.spec.containers.1", {"name": "side", "image": "i"}, {"container side": (None, "i")}),
    (WEB, "spec.template.spec.initContainers", [{"name": "a", "image": "i"}], {"init container a": (None, "i")}),
    (THESIS, "spec.template.spec.volumes.0.emptyDir.sizeLimit", "1Gi", {"shared memory": ("8Gi", "1Gi")}),
    (
        THESIS,
        "spec.template.spec.volumes.4",
        {"name": "data-home", "hostPath": {"path": "/srv", "type": ""}},
        {"mount /home/lab": ("claim unit-home", "directory of the node /srv")},
    ),
    (
        THESIS,
        f"{CONTAINER}.volumeMounts.5.readOnly",
        None,
        {"mount /data": ("claim unit-data-anna-6e6d211c, read only", "claim unit-data-anna-6e6d211c")},
    ),
    (WEB, "spec.template.spec.volumes.2", {"name": "x", "emptyDir": {}}, {"volume x": (None, "scratch")}),
    (WEB, "spec.template.spec.hostPID", True, {"pod hostPID": (None, "yes")}),
    (WEB, "spec.template.spec.dnsPolicy", "None", {"pod dnsPolicy": (None, "None")}),
    (WEB, "spec.template.spec.securityContext.fsGroup", 0, {"pod security fsGroup": ("10044", "0")}),
    (WEB, "spec.template.spec.nodeSelector", {"a": "b"}, {"node a": (None, "b")}),
    (
        THESIS,
        "spec.template.spec.tolerations",
        None,
        {
            "tolerations": (
                '{"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"}',
                None,
            )
        },
    ),
    (WEB, "spec.template.metadata.labels.mine", "1", {"pod label mine": (None, "1")}),
    (WEB, "spec.template.metadata.annotations.kubectl~kubernetes~io/restartedAt", "now", {}),
    (WEB, "spec.replicas", 0, {}),
    (WEB, "spec.replicas", 3, {"replicas": ("0 or 1", "3")}),
    (THESIS, "spec.replicas", 0, {"replicas": ("1", "0")}),
    (THESIS, "spec.paused", True, {"paused": (None, "yes")}),
    (THESIS, "metadata.labels.labform~owner", "ben", {"label labform.owner": ("anna", "ben")}),
    (THESIS, "metadata.labels.labform~lab", None, {"label labform.lab": ("unit", None)}),
    (THESIS, "metadata.labels.mine", "1", {"label mine": (None, "1")}),
    (THESIS, "metadata.labels.example~org/mine", "1", {}),
    (THESIS, "metadata.annotations.mine", "1", {}),
    (JOB, "spec.suspend", True, {"suspend": (None, "yes")}),
    (JOB, "spec.activeDeadlineSeconds", 5400, {"deadline": ("1h", "90m")}),
    (JOB, "spec.backoffLimit", 6, {"retries": ("2", "6")}),
    (HOME, "spec.resources.requests.storage", "30Gi", {"size": ("20Gi", "30Gi")}),
    (HOME, "spec.storageClassName", "slow", {"class": ("fast", "slow")}),
    ("PersistentVolume /unit-data-anna-6e6d211c", "spec.nfs.path", "/x", {"nfs.path": ("/data", "/x")}),
    ("Service unit-anna/unit-thesis", "spec.type", "NodePort", {"type": ("ClusterIP", "NodePort")}),
    ("Service unit-anna/unit-thesis", "spec.ports.0.nodePort", 30000, {"ports[0].nodePort": (None, "30000")}),
    (f"ResourceQuota {RULES}", "spec.hard.pods", None, {"hard.pods": ("3", None)}),
    (f"LimitRange {RULES}", "spec.limits.0.default.cpu", "2", {"limits[0].default.cpu": ("1", "2")}),
    (f"NetworkPolicy {RULES}", "spec.egress.2", {}, {"egress[2]": (None, "{}")}),
    (f"Role {RULES}", "rules.1.verbs", ["*"], {"rules[1].verbs": ("get", "*")}),
    (f"RoleBinding {RULES}", "subjects.0.name", "eve", {"subjects[0].name": ("anna", "eve")}),
    (f"ServiceAccount {RULES}", "automountServiceAccountToken", True, {"automountServiceAccountToken": ("no", "yes")}),
    ("ConfigMap unit-ben/unit-web", "data.passwd", "x", {"file passwd": ("as declared", "edited")}),
    ("ConfigMap unit-ben/unit-web", "data.more", "x", {"file more": (None, "as declared")}),
    (
        "Namespace /unit-ben",
        "metadata.labels.pod-security~kubernetes~io/enforce",
        "baseline",
        {"label pod-security.kubernetes.io/enforce": ("restricted", "baseline")},
    ),
    (
        "Ingress unit-ben/unit-web",
        "metadata.annotations.cert-manager~io/cluster-issuer",
        "other",
        {"annotation cert-manager.io/cluster-issuer": ("letsencrypt", "other")},
    ),
]


@pytest.mark.parametrize(("name", "path", "value", "expected"), CHANGES)
def test_a_change_is_named(name: str, path: str, value: Any, expected: Sides) -> None:
    """Alone, at its object, in the words of the stack file where it has some; no value that may be a secret."""
    given = objects()
    put(given[name], path, value)
    assert [sides(one) for one in compared(given)] == ([expected] if expected else [])
    assert [f"{one.name.split()[0]} {one.host}" for one in compared(given)] in ([], [name.partition("/")[0]])


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The path of every field that says something, with another value for it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield from leaves(one, f"{path}.{str(key).replace('.', '~')}".lstrip("."))
    if isinstance(value, (bool, int)):
        yield path, not value if isinstance(value, bool) else value + 1
    if isinstance(value, str):
        yield path, f"1{value}" if value[:1].isdigit() else f"{value}x"


@pytest.mark.parametrize("name", [one for one in manifests() if not one.startswith("Secret")])
def test_every_field_that_is_declared_counts(name: str) -> None:
    """Whichever has another value, something differs: no field is silently left out."""
    one, given = manifests()[name], objects()
    ignored = ("apiVersion", "kind", "metadata.name", "metadata.annotations.pulumi")
    for path, other in leaves(one):
        if path.startswith(ignored):
            continue
        there = copy.deepcopy(given)
        put(there[name], path, other)
        assert list(drift([one], found(there), alone=True)), path


def test_another_value_of_a_secret_is_seen_by_who_wrote_it() -> None:
    """What is in it is not known; nor is what is gone, but how many there are."""
    given = objects()
    edit = {"manager": "kubectl-edit", "time": "2027-01-01T00:00:00Z", "fieldsV1": {"f:data": {"f:KEY": {}, ".": {}}}}
    given[TOKENS]["metadata"]["managedFields"].append(edit)
    given[TOKENS] |= {"keys": 2, "type": "mine"}
    (one,) = compared(given)
    assert sides(one) == {
        "keys": ("3", "2"),
        "secret KEY": (SECRET, "another value, written by kubectl-edit at 2027-01-01T00:00:00Z"),
        "type": ("Opaque", "mine"),
    }


def test_pods_of_a_secret_that_is_gone_are_named() -> None:
    """A Secret that somebody made anew has another uid than the one that pods were started with."""
    given = objects()
    notes = given[THESIS]["spec"]["template"]["metadata"]["annotations"]
    notes["labform.secrets"] = given[TOKENS]["metadata"]["uid"]
    assert compared(given) == []
    notes["labform.secrets"] = "other"
    (one,) = compared(given)
    assert sides(one) == {"secrets": ("of their Secret", "of one that is gone")}


@pytest.mark.parametrize(
    ("image", "differs"),
    [(f"registry.invalid/unit/web@sha256:{'c' * 64}", False), ("registry.invalid/unit/web:1", True), ("x", True)],
)
def test_a_digest_that_nobody_knows_may_be_any(image: str, differs: bool) -> None:
    """Where the lock does not know it, the repository counts, and that it is by digest."""
    given, one = objects(), manifests()[WEB]
    put(one, f"{CONTAINER}.image", f"registry.invalid/unit/web@{UNKNOWN}")
    put(given[WEB], f"{CONTAINER}.image", image)
    assert bool([*drift([one], found(given), alone=True)]) == differs


def test_what_is_missing_or_foreign_is_said() -> None:
    """With what to do; what data hangs on is compared, whatever its labels are."""
    given = objects()
    del given[THESIS], given[HOME], given["PersistentVolumeClaim unit-anna/unit-data-anna-6e6d211c"]
    given["ServiceAccount unit-ben/labform"]["metadata"]["labels"] = {}
    given["Namespace /unit-ben"]["metadata"]["labels"] = {}
    given["Ingress unit-ben/unit-web"]["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z"
    said = {f"{one.subject}: {one.name}": one.said for one in compared(given)}
    assert said == {
        "thesis: Deployment unit-thesis": "is missing; run `pulumi up --refresh`",
        "volume: PersistentVolumeClaim unit-home": "is missing; if it held data, restore it under this name before the"
        " next `pulumi up`",
        "volume: PersistentVolumeClaim unit-data-anna-6e6d211c": "is missing; run `pulumi up --refresh`",
        "person: ServiceAccount labform": "is not of lab unit; remove or rename it, then run `pulumi up --refresh`",
        "person: Namespace unit-ben": "",
        "web: Ingress unit-web": "is being deleted; see who asked for that, and once it is gone run `pulumi up"
        " --refresh`",
    }


def test_what_the_lab_does_not_declare_is_named() -> None:
    """But for what data hangs on, what belongs to another object, and where single projects are asked about."""
    given = objects()
    for name in ("Service unit-ben/stray", "PersistentVolumeClaim unit-ben/old", "Secret unit-ben/made"):
        namespace, _, called = name.partition(" ")[2].partition("/")
        given[name] = {"metadata": {"namespace": namespace, "name": called, "labels": {"labform.lab": "unit"}}}
    given["Secret unit-ben/made"]["metadata"]["ownerReferences"] = [{"kind": "Certificate"}]
    todo = "run `pulumi up`, and `kubectl delete service stray -n unit-ben` if it is there still"
    said = f"is there, and no project of the lock is it; {todo}"
    assert compared(given) == [Drift("object", "unit-ben", "Service stray", said)]
    assert compared(given, alone=True) == []


def test_what_may_not_be_seen_is_not_missing() -> None:
    """Nobody knows."""
    assert list(drift([manifests()[TOKENS]], Found(closed={("Secret", "unit-anna")}))) == []


@pytest.mark.parametrize(
    ("name", "anew"),
    [
        (THESIS, "**Deployment::unit-thesis"),
        (f"Role {RULES}", "**Role::unit-anna-labform"),
        (HOME, ""),
    ],
)
def test_what_is_made_anew_is_named_as_in_the_program(name: str, anew: str) -> None:
    """Never what data hangs on."""
    given = objects()
    put(given[name], "metadata.labels.mine", "1")
    assert [one.anew for one in compared(given)] == [anew]
