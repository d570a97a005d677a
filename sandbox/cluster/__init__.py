"""A private Kubernetes cluster: the real control plane with nodes that run nothing.

Usage:
    cluster = sandbox.cluster.start(Path("/tmp/cluster"), pools=[Pool("a100", nodes=2, product=A100, gpus=4)])
    subprocess.run([*cluster.kubectl, "get", "nodes"])
    sandbox.cluster.stop(Path("/tmp/cluster"))

API server, scheduler, controllers, quota, admission and garbage collection are the real ones. Nothing runs in a pod:
kwok reports it running, and a Job's pod done. Images whose names begin with `sandbox.invalid/pull-fails`,
`/never-ready`, `/exits` or `/keeps-running` do what they say. Claims of the storage classes `standard` (the default)
and `standard-wait` get volumes that hold nothing; those of `unprovisioned` stay pending.
"""

from .binary import KUBERNETES, binary
from .lifecycle import Cluster, default_root, remove, running, start, stop
from .pools import POOLS, Pool

__all__ = ["KUBERNETES", "POOLS", "Cluster", "Pool", "binary", "default_root", "remove", "running", "start", "stop"]
