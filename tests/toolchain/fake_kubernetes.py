"""A fake of the stand-in's API server: one object in memory, which a write turns into what it is told to.

The objects that belong to it (a ReplicaSet, endpoints) are as ready as it is. `refusal` makes writes fail with a
server's message.
"""

import copy
from typing import Any

from toolchain.kubernetes_plugin.api import Api, ApiError, Kind
from toolchain.kubernetes_plugin.readiness import REVISION

CLUSTER_WIDE = {"Namespace", "StorageClass", "PersistentVolume"}

CODES = {"exists": (409, "AlreadyExists"), "forbidden": (403, "Forbidden")}
"""What a refusal that ends like this is answered with."""

Values = dict[str, Any]


class FakeKubernetes(Api):
    """A server that holds `live`, and `becomes` after the next write."""

    def __init__(self) -> None:
        self.live: Values | None = None
        self.becomes: Values = {}
        self.refusal = ""
        self.ready = True
        self.calls: list[tuple[str, str, Any, Values]] = []

    def kind(self, api_version: str, kind: str) -> Kind:
        """Return how a kind is addressed: every kind is there."""
        group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        plural = kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")
        return Kind(group, plural, kind not in CLUSTER_WIDE)

    def request(
        self, method: str, path: str, body: Any = None, *, type_: str = "", query: Values | None = None
    ) -> Values:
        """Answer as the API server would."""
        self.calls.append((method, path, body, query or {}))
        if method == "GET":
            return self._read(path)
        if method == "DELETE":
            self.live = None
            return {}
        if type_ == "application/json-patch+json":
            assert self.live is not None
            [operation] = body
            self.live["metadata"]["managedFields"] = operation["value"]
            return copy.deepcopy(self.live)
        if self.refusal:
            code, reason = CODES.get(self.refusal.split()[-1], (422, "Invalid"))
            raise ApiError(code, {"message": self.refusal, "reason": reason})
        self.live = copy.deepcopy(self.becomes)
        return copy.deepcopy(self.live)

    def _read(self, path: str) -> Values:
        if path.endswith("/replicasets"):
            return {"items": [self._replica_set()]}
        if path.endswith("/endpointslices"):
            return {"items": [{"endpoints": [{"conditions": {"ready": self.ready}}]}]}
        if path.endswith(("/pods", "/persistentvolumeclaims")):
            return {"items": []}
        if self.live is None:
            raise ApiError(404, {"message": "not found", "reason": "NotFound"})
        return copy.deepcopy(self.live)

    def _replica_set(self) -> Values:
        assert self.live is not None
        metadata, replicas = self.live["metadata"], self.live["spec"]["replicas"]
        return {
            "metadata": {
                "annotations": {REVISION: metadata["annotations"][REVISION]},
                "ownerReferences": [{"uid": metadata["uid"]}],
            },
            "spec": {"replicas": replicas},
            "status": {"readyReplicas": replicas if self.ready else 0},
        }
