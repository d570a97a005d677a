"""Hooks around what the engine does in a cluster: nothing foreign is touched, lost data is not hidden, errors say why.

A run that was killed, or whose API server went away, leaves objects that no state knows. Namespaces, claims and
exports are taken over as they are, because data hangs on them; anything else of this lab is removed and made anew.
The hooks run inside the engine's step, so no preview needs the cluster.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from labform.backends.hooks import Hooks
from labform.backends.kubernetes.api import claim_reasons, connected, gpu_holders, leavers, reasons
from labform.backends.kubernetes.live import end, found, place, removed
from labform.backends.kubernetes.manifest import KEPT
from labform.backends.kubernetes.nodes import GPU_PREFIX
from labform.naming import PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError

_TAKE_BACK = (
    "another program set that field: stop it from doing so; to take the field back once, run"
    " PULUMI_K8S_ENABLE_PATCH_FORCE=true pulumi up"
)
_REFRESH = "it was removed by hand: run pulumi refresh, then pulumi up"


class Guards:
    """The hooks of one lab in its cluster."""

    def __init__(
        self, lab: str, context: str | None, prefix: str, created: Collection[str], staying: Mapping[str, str]
    ) -> None:
        """`created` are the volumes that the lock says hold data; `staying` is the kind of each running project.

        `prefix` is how the names of the lab's namespaces begin.
        """
        self._lab, self._context, self._prefix = lab, context, prefix
        self._created, self._staying = frozenset(created), staying
        hooks = Hooks(lab)
        clear, room = hooks.step("place", self._clear), hooks.step("room", self._make_room)
        explain = hooks.error("error", self._explain)
        self.objects = pulumi.ResourceHookBinding(before_create=[clear], on_error=[explain])
        self.workloads = pulumi.ResourceHookBinding(
            before_create=[clear, room], before_update=[room], on_error=[explain]
        )

    def _clear(self, args: pulumi.ResourceHookArgs) -> None:
        """Refuse what is foreign; remove what a run left behind or is removing, or leave it to be taken over."""
        inputs: Mapping[str, Any] = args.new_inputs or {}
        kind, metadata = inputs["kind"], inputs["metadata"]
        with connected(self._context) as client:
            there = found(client, kind, metadata)
            if there is None:
                self._refuse_lost(metadata)
            else:
                self._refuse_foreign(kind, metadata, there.metadata)
                if kind not in KEPT:
                    removed(client, kind, metadata)

    def _refuse_lost(self, metadata: Mapping[str, Any]) -> None:
        """A volume that is known to hold data is never made anew, empty."""
        volume_id = metadata["labels"].get(VOLUME_LABEL, "")
        if volume_id in self._created:
            raise LabformError(
                f"volume {volume_id} held data, and its claim {place(metadata)} is gone from the cluster; restore it"
                f" under that name, or accept the loss by moving it to retired: and declaring a new id"
            )

    def _refuse_foreign(self, kind: str, metadata: Mapping[str, Any], there: Any) -> None:
        own = {key: value for key, value in metadata["labels"].items() if key.startswith("labform.")}
        if not own.items() <= (there.labels or {}).items():
            other = ", or write runs_on.namespace: another" if kind == "Namespace" else ""
            raise LabformError(
                f"{kind} {place(metadata)} exists and is not of lab {self._lab}; remove or rename it there{other}"
            )
        if there.deletion_timestamp and kind in KEPT:
            raise LabformError(f"{kind} {place(metadata)} is being deleted; wait until it is gone, and see what asked")

    def _make_room(self, _args: pulumi.ResourceHookArgs) -> None:
        """What this same `up` is going to remove gives its GPUs and its share of the quota back first.

        The engine deletes only at the end, and never gets there where a pod waits in vain for what leaves.
        """
        with connected(self._context) as client:
            for kind, namespace, name in leavers(client, self._lab, self._prefix, self._staying):
                end(client, kind, {"namespace": namespace, "name": name})

    def _explain(self, args: pulumi.ErrorHookArgs) -> str:
        """Why an object is not as it should be, who holds what it waits for, and what to do."""
        inputs: Mapping[str, Any] = args.new_inputs or args.old_inputs or {}
        metadata, errors = inputs["metadata"], " ".join(args.errors)
        said = [_TAKE_BACK] if "conflict with" in errors else []
        said += [_REFRESH] if f'"{metadata["name"]}" not found' in errors else []
        try:
            said += self._reasons(inputs["kind"], metadata, inputs)
        except LabformError as error:
            said.append(str(error))
        project = metadata["labels"].get(PROJECT_LABEL)
        who = f"project {project}" if project else f"{inputs['kind']} {place(metadata)}"
        return f"{who}: " + "\n  ".join(said) if said else ""

    def _reasons(self, kind: str, metadata: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
        if kind not in ("Deployment", "Job", "PersistentVolumeClaim"):
            return []
        with connected(self._context) as client:
            if kind == "PersistentVolumeClaim":
                return claim_reasons(client, metadata["namespace"], metadata["name"])
            said = reasons(client, metadata["namespace"], self._lab, metadata["labels"][PROJECT_LABEL])
            held = [str(one) for one in gpu_holders(client)] if _wants_gpus(inputs) else []
            return [*said, *([f"GPUs are held by {'; '.join(held)}"] if held else [])]


def _wants_gpus(inputs: Mapping[str, Any]) -> bool:
    containers = inputs["spec"]["template"]["spec"]["containers"]
    return any(key.startswith(GPU_PREFIX) for one in containers for key in one["resources"]["requests"])
