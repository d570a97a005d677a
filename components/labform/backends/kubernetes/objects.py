"""The objects of one project, in the order in which they are made. Values only, nothing is registered."""

from collections.abc import Mapping
from typing import Any

from labform import naming
from labform.backends.kubernetes import Ingress
from labform.backends.kubernetes.manifest import Manifest, filled, manifest
from labform.backends.kubernetes.pod import Workload, owner_files, template
from labform.naming import LAB_LABEL, PROJECT_LABEL


def objects(one: Workload, image: Any, ingress: Ingress | None = None, secrets_mark: Any = None) -> list[Manifest]:
    """Everything a project has in its namespace, but for its Secret, whose values no stack file holds."""
    served = [service(one), *([route(one, ingress)] if ingress else [])] if one.args.container_port else []
    return [files(one), workload_of(one, image, secrets_mark), *served]


def workload_of(one: Workload, image: Any, secrets_mark: Any = None) -> Manifest:
    """What runs: a Deployment for a service, a Job for a run."""
    return (job if one.args.run else deployment)(one, image, secrets_mark)


def files(one: Workload) -> Manifest:
    """The files that make the owner known in the container."""
    return _of(one, "ConfigMap", data=owner_files(one))


def secret(one: Workload, values: dict[str, Any]) -> Manifest:
    """The project's secrets; `values` are for the keys of `Workload.secret_keys`."""
    return _of(one, "Secret", stringData={key: values[key] for key in one.secret_keys()})


def deployment(one: Workload, image: Any, secrets_mark: Any = None) -> Manifest:
    """A service. One pod at a time: a second one would wait for the GPU and the volume that the first one has."""
    service_ = one.args.service
    spec = {
        # Left out where an idle rule may stop it: whoever scales it to 0 is not overruled.
        "replicas": 1 if one.args.must_run else None,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector(one)},
        "progressDeadlineSeconds": patience(one),
        "revisionHistoryLimit": 2,
        "template": template(one, image, secrets_mark),
    }
    if service_ is None:
        raise ValueError(f"{one.name} serves nothing")
    return _of(one, "Deployment", spec=filled(spec))


def patience(one: Workload) -> int:
    """Seconds from the order to a healthy service: for a node and the image, and then to start."""
    return one.wait + (one.args.service.startup if one.args.service else 0)


def job(one: Workload, image: Any, secrets_mark: Any = None) -> Manifest:
    """A run. Nobody waits for its end; its pods stay, for their logs, until the next generation."""
    run = one.args.run
    if run is None:
        raise ValueError(f"{one.name} runs nothing to completion")
    spec = {"backoffLimit": run.retries, "activeDeadlineSeconds": run.deadline}
    return _of(one, "Job", _NO_WAIT, spec=filled({**spec, "template": template(one, image, secrets_mark)}))


def service(one: Workload) -> Manifest:
    """The project's name and port in the cluster; only the ingress and its owner's port-forward reach it."""
    port = one.args.container_port
    given = one.args.service.host_port if one.args.service else None
    ports = [{"name": "http", "port": given or port, "targetPort": port, "protocol": "TCP"}]
    made = _of(one, "Service", _NO_WAIT, spec={"type": "ClusterIP", "selector": selector(one), "ports": ports})
    made["metadata"]["name"] = naming.service(one.lab, one.name)
    return made


def route(one: Workload, ingress: Ingress) -> Manifest:
    """`https://<project>.<domain>`, with the controller's certificate or one that cert-manager fetches."""
    host = host_of(one.name, ingress)
    backend = {"service": {"name": naming.service(one.lab, one.name), "port": {"name": "http"}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    tls = {"hosts": [host], **({"secretName": naming.in_cluster(one.object_name, "tls")} if ingress.issuer else {})}
    issuer = {"cert-manager.io/cluster-issuer": ingress.issuer} if ingress.issuer else {}
    spec = {"ingressClassName": ingress.class_name, "tls": [tls], "rules": [rule]}
    return _of(one, "Ingress", {**_NO_WAIT, **issuer}, spec=filled(spec))


def host_of(project: str, ingress: Ingress) -> str:
    """A project's name in the DNS."""
    return f"{project}.{ingress.domain}"


def selector(one: Workload) -> dict[str, str]:
    """The labels by which a project's pods are found; they never change."""
    return {LAB_LABEL: one.lab, PROJECT_LABEL: one.name}


_NO_WAIT = {"pulumi.com/skipAwait": "true"}
"""For a Job, whose end nobody waits for, and what says nothing of a service's health that its Deployment does not."""


def _of(one: Workload, kind: str, annotations: Mapping[str, str] | None = None, **body: Any) -> Manifest:
    """An object of the project. The generation is its pod's: a label here would edit what need not be made anew."""
    labels = {key: value for key, value in one.labels.items() if key != "labform.generation"}
    made = manifest(kind, one.object_name, lab=one.lab, namespace=one.namespace, labels=labels, **body)
    if annotations:
        made["metadata"]["annotations"] = dict(annotations)
    return made
