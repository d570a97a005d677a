"""A lab in its cluster as it is now: its pods, and ways into them."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

from labform.backends.drift import Drift
from labform.backends.kubernetes import api, streams
from labform.backends.kubernetes.data import data_of, url_of
from labform.backends.kubernetes.drift import drift
from labform.backends.kubernetes.found import find, key_of
from labform.backends.kubernetes.holders import differences, shared_out
from labform.backends.kubernetes.lab_objects import declared
from labform.backends.kubernetes.namespaces import cluster_of, namespace_of
from labform.backends.kubernetes.observed import nodes_of
from labform.backends.kubernetes.pods import Seen, seen_at, seen_in, state_of, to_remove, unplanned
from labform.backends.live import Difference, Row, Way, check_running
from labform.lockfile import Lock
from labform.naming import PROJECT_LABEL
from labform.problems import LabformError
from labform.project import Jupyter
from labform.stack_file import LabArgs
from labform.workload import health

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_LOOKS = frozenset({"pending", "missing"})
"""States in which there is no container to look into."""


class InCluster:
    """The pods of a lab."""

    def __init__(self, args: LabArgs, lock: Lock) -> None:
        """Nothing is asked yet."""
        self._args, self._lock = args, lock
        self._kinds = {name: "Job" if one.run else "Deployment" for name, one in args.running().items()}

    def status(self) -> list[Row]:
        """A row for each project, and for each workload of the lab that is none."""
        with self._connected() as client:
            seen = self._seen(client)
        rows = [self._row(name, seen) for name in sorted(self._args.projects)]
        return rows + [_unplanned_row(kind, one) for kind, one in unplanned(seen, self._kinds)]

    @contextmanager
    def logs(self, project: str, *, follow: bool, tail: int) -> Iterator[Iterator[bytes]]:
        """What a project's newest pod has said."""
        from kubernetes.client import CoreV1Api

        with self._connected() as client:
            pod = self._pod(client, project)
            answer: Any = CoreV1Api(client).read_namespaced_pod_log(
                pod.metadata.name, pod.metadata.namespace, follow=follow, tail_lines=tail, _preload_content=False
            )
            yield answer.stream()

    def shell(self, project: str, words: Sequence[str], *, terminal: bool) -> int:
        """Run a command in a project's pod."""
        with self._connected() as client:
            pod = self._pod(client, project)
            return streams.run(client, pod.metadata.namespace, pod.metadata.name, words, terminal=terminal)

    @contextmanager
    def way(self, project: str) -> Iterator[Way]:
        """The ingress where the lab has one, else a port-forward."""
        check_running(self._args, project)
        port = self._args.projects[project].container_port
        if not port:
            raise LabformError(f"{project} serves nothing on a port")
        if url := url_of(self._args, project):
            yield Way(f"{url}/")
            return
        with self._connected() as client:
            pod = self._pod(client, project)
            with streams.forwarded(client, pod.metadata.namespace, pod.metadata.name, port) as here:
                try:
                    yield Way(f"http://127.0.0.1:{here}/", "port-forward", Event().wait)
                except KeyboardInterrupt:
                    print(file=sys.stderr)

    def gpus(self, rows: Sequence[Row]) -> tuple[list[Difference], list[str]]:
        """Who runs with GPUs, by how many: the scheduler gives numbers, not devices."""
        for row in rows:
            row["live"] = None
        try:
            with self._connected() as client:
                nodes, holders = nodes_of(client), api.gpu_holders(client)
                states = {name: self._row(name, seen) for seen in [self._seen(client)] for name in self._kinds}
        except LabformError as error:
            return [], [str(error)]
        shared_out(self._args, rows, nodes, holders)
        return list(differences(self._args, holders, states)), []

    def volumes(self) -> tuple[Mapping[str, str], list[str]]:
        """Claims that exist, with their phase, size and class."""
        try:
            with self._connected() as client:
                return api.claims_of(client, self._args.lab), []
        except LabformError as error:
            return {}, [str(error)]

    def drift(
        self, images: Mapping[str, str], projects: Collection[str], *, alone: bool
    ) -> tuple[list[Drift], list[str]]:
        """What is not as declared of these projects and, unless they are meant `alone`, of the rest of the lab.

        `images` are the references of all running projects. Returned too is why what could not be asked is not known.
        """
        every = declared(self._args, images, self._lock.volumes)
        made = sorted(every, key=lambda one: one["metadata"]["labels"].get(PROJECT_LABEL, "~"))
        chosen = [one for one in made if one["metadata"]["labels"].get(PROJECT_LABEL) in projects]
        meant = chosen if alone else made
        try:
            with self._connected() as client:
                keys = [key_of(one["kind"], one["metadata"]) for one in meant]
                there = find(client, self._args.lab, keys, alone=alone)
        except LabformError as error:
            return [], [str(error)]
        return list(drift(meant, there, alone=alone)), there.refusals

    def _connected(self) -> Any:
        return api.connected(cluster_of(self._args).context)

    def _seen(self, client: "ApiClient") -> Mapping[str, Seen | LabformError]:
        owners = sorted({one.owner for one in self._args.projects.values()})
        return seen_in(client, self._args.lab, [namespace_of(self._args, owner) for owner in owners])

    def _row(self, name: str, seen: Mapping[str, Seen | LabformError]) -> Row:
        project = self._args.projects[name]
        row = {"project": name, "state": "retired", "image": "", "url": "", "data": data_of(self._args, name)}
        if name not in self._kinds:
            return row
        if url := url_of(self._args, name):
            row["url"] = url + ("/lab" if isinstance(project.service, Jupyter) else "/")
        found = seen[namespace_of(self._args, project.owner)]
        if isinstance(found, LabformError):
            return row | {"state": "unknown", "cause": str(found)}
        kind = self._kinds[name]
        if (workload := found.workloads.get((kind, name))) is None:
            return row | {"state": "missing", "cause": f"it has no {kind}; run `pulumi up`"}
        row["image"] = workload.spec.template.spec.containers[0].image
        return row | state_of(kind, workload, found.pods.get(name, []), checked=health(project) is not None)

    def _pod(self, client: "ApiClient", project: str) -> Any:
        """The pod of a project to look into; LabformError for one that waits, with what the scheduler says."""
        check_running(self._args, project)
        namespace = namespace_of(self._args, self._args.projects[project].owner)
        found = seen_at(client, self._args.lab, namespace)
        row, pods = self._row(project, {namespace: found}), found.pods.get(project, [])
        if row["state"] in _LOOKS or not pods:
            raise LabformError(f"{project} does not run: {row['state']}; {row.get('cause', 'it has no pod')}")
        return pods[0]


def _unplanned_row(kind: str, one: Any) -> Row:
    name, namespace = one.metadata.name, one.metadata.namespace
    cause = f"in {namespace}, and no project of the lock is it; {to_remove(kind, namespace, name)}"
    image = one.spec.template.spec.containers[0].image
    return {"project": name, "image": image, "url": "", "data": [], "state": "unplanned", "cause": cause}
