"""Hooks around what the engine does in a cluster: lost data is not hidden, and a pod that waits says for whom.

They run inside the engine's step, so no preview needs the cluster.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from labform.backends.kubernetes.api import connected, end, gpu_holders, leavers, reasons
from labform.naming import PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError


class Guards:
    """The hooks of one lab in its cluster."""

    def __init__(self, lab: str, context: str | None, created: Collection[str], staying: Mapping[str, str]) -> None:
        """`created` are the volumes that the lock says hold data; `staying` is the kind of each running project."""
        self._lab, self._context, self._created, self._staying = lab, context, frozenset(created), staying
        claim = pulumi.ResourceHook(f"{lab}-claim", self._before_claim)
        self.claims = pulumi.ResourceHookBinding(before_create=[claim])
        explain = pulumi.ErrorHook(f"{lab}-workload", self._explain)
        room = pulumi.ResourceHook(f"{lab}-room", self._make_room)
        self.workloads = pulumi.ResourceHookBinding(on_error=[explain])
        self.gpu_workloads = pulumi.ResourceHookBinding(before_create=[room], before_update=[room], on_error=[explain])
        foreign = pulumi.ErrorHook(f"{lab}-namespace", self._explain_namespace)
        self.namespaces = pulumi.ResourceHookBinding(on_error=[foreign])

    def _before_claim(self, args: pulumi.ResourceHookArgs) -> None:
        """A volume that is known to hold data is never made: either it is gone, or this state has lost it."""
        metadata = (args.new_inputs or {})["metadata"]
        volume_id = metadata["labels"].get(VOLUME_LABEL, "")
        if volume_id in self._created:
            place = f"{metadata['namespace']}/{metadata['name']}"
            raise LabformError(
                f"volume {volume_id} held data, and the state has no claim for it. If {place} exists, take it over:"
                f" pulumi import kubernetes:core/v1:PersistentVolumeClaim {args.name} {place}. If it is gone, restore"
                f" it, or accept the loss by moving it to retired: and declaring a new id"
            )

    def _make_room(self, _args: pulumi.ResourceHookArgs) -> None:
        """What this same `up` is going to remove gives its GPUs back first: the engine deletes only at the end."""
        with connected(self._context) as client:
            for kind, namespace, name in leavers(client, self._lab, self._staying):
                end(client, kind, namespace, name)

    def _explain(self, args: pulumi.ErrorHookArgs) -> bool:
        """Say why a project's pod does not run and who holds the GPUs; False: do not try again."""
        inputs: Mapping[str, Any] = args.new_inputs or {}
        metadata = inputs.get("metadata") or {}
        project = (metadata.get("labels") or {}).get(PROJECT_LABEL, "")
        try:
            with connected(self._context) as client:
                said = reasons(client, metadata["namespace"], self._lab, project)
                held = [str(one) for one in gpu_holders(client)] if _wants_gpus(inputs) else []
        except LabformError as error:
            pulumi.log.error(f"project {project}: {error}")
            return False
        lines = [*said, *([f"GPUs are held by {'; '.join(held)}"] if held else [])]
        if lines:
            pulumi.log.error(f"project {project}: " + "\n  ".join(lines))
        return False

    def _explain_namespace(self, args: pulumi.ErrorHookArgs) -> bool:
        """Say how to go on where the namespace is somebody else's, or was kept; False: do not try again."""
        if "already exists" in " ".join(args.errors):
            name = (args.new_inputs or {})["metadata"]["name"]
            pulumi.log.error(
                f"namespace {name} exists and is not in the state. If it is this lab's, kept when its person left, run:"
                f" pulumi import kubernetes:core/v1:Namespace {args.name} {name}. Else write runs_on.namespace: another"
            )
        return False


def _wants_gpus(inputs: Mapping[str, Any]) -> bool:
    containers = inputs["spec"]["template"]["spec"]["containers"]
    return any(key.startswith("nvidia.com/") for one in containers for key in one["resources"]["requests"])
