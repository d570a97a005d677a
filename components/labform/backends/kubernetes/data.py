"""Where a project's data and its service are in a cluster, in words for people."""

from collections.abc import Mapping
from typing import Any

from labform.backends.kubernetes.lab_objects import workload
from labform.backends.kubernetes.namespaces import cluster_of, namespace_of
from labform.backends.kubernetes.objects import host_of
from labform.stack_file import LabArgs


def data_of(args: LabArgs, name: str) -> list[str]:
    """Where a project's data is: `ds01-anna/ds01-home at /home/lab`."""
    one = workload(args, name)
    return [f"{one.namespace}/{one.claims[key]} at {mount.path}" for key, mount in one.args.mounted().items()]


def url_of(args: LabArgs, name: str) -> str:
    """Where a project's service is reached; nothing without an ingress, where `kubectl port-forward` is the way."""
    ingress = cluster_of(args).ingress_rule()
    served = args.projects[name].container_port and args.projects[name].state == "running"
    return f"https://{host_of(name, ingress)}" if ingress and served else ""


def summary(args: LabArgs, references: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A row for each project; `references` are the images, of which a preview does not know the digest."""
    rows: dict[str, dict[str, Any]] = {}
    for name, project in sorted(args.projects.items()):
        row: dict[str, Any] = {"state": project.state, "owner": project.owner, "data": data_of(args, name)}
        if project.state == "running":
            row |= {"namespace": namespace_of(args, project.owner), "image": references.get(name)}
            row |= {"kind": project.service.kind if project.service else "run"}
            if url := url_of(args, name):
                row["url"] = url
        rows[name] = row
    return rows
