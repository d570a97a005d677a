"""A lab on a cluster that uses what a cluster has, and a program that runs it on a recording engine."""

import json
from typing import Any

from labform.stack_file import LabArgs

BASE = f"base@sha256:{'a' * 64}"
LAB: dict[str, Any] = {
    "format": 1,
    "lab": "unit",
    "runs_on": {
        "kind": "kubernetes",
        "context": "lab",
        "nodes": {
            "a100": {"count": 2, "product": "NVIDIA-A100-SXM4-40GB", "model": "A100-40GB", "gpus": 2, "cpus": 64},
            "sliced": {"count": 1, "product": "NVIDIA-H100-80GB-HBM3", "model": "H100-80GB", "mig": {"1g.10gb": 7}},
        },
        "storage_classes": {"volumes": "fast"},
        "ingress": {"domain": "lab.invalid", "class_name": "nginx", "issuer": "letsencrypt"},
    },
    "registry": {"address": "registry.invalid/unit", "username": "ci", "password": {"from": "registry-password"}},
    "groups": {"student": {"gpus": 3, "cpus": 16, "memory": "64Gi", "projects": 3}},
    "people": {
        "anna": {"uid": 10042, "gid": 10043, "group": "student", "email": "anna@example.org"},
        "ben": {"uid": 10044},
    },
    "volumes": {
        "home": {"owner": "anna", "size": "20Gi"},
        "data": {"nfs": {"server": "nfs.invalid", "path": "/data"}, "read_only": True},
        "old": {"claim": "archive", "owner": "anna"},
    },
    "projects": {
        "thesis": {
            "owner": "anna",
            "environment": {"kind": "prebuilt", "image": BASE},
            "gpus": {"count": 2, "model": "A100-40GB"},
            "resources": {"cpus": 8, "memory": "32Gi", "shared_memory": "8Gi"},
            "mounts": {"home": "/home/lab", "data": "/data"},
            "service": {"kind": "jupyter"},
            "secrets": {"HF_TOKEN": {"from": "hf-token"}, "KEY": {"from": "hf-token", "as": "env"}},
            "env": {"EPOCHS": "3", "LITERAL": "$(HOME)"},
        },
        "nightly": {
            "owner": "anna",
            "environment": {"kind": "prebuilt", "image": BASE},
            "gpus": {"mig": "1g.10gb"},
            "mounts": {"old": "/data/old"},
            "run": {"command": ["python", "train.py"], "retries": 2, "deadline": "1h", "generation": 3},
        },
        "web": {
            "owner": "ben",
            "environment": {"kind": "prebuilt", "image": BASE},
            "service": {"kind": "command", "command": ["serve"], "port": 8000, "health": ["true"], "startup": "12s"},
            "must_run": False,
            "capabilities": ["NET_BIND_SERVICE"],
        },
    },
}


def lab(**sections: Any) -> LabArgs:
    """The lab above with sections given anew."""
    return LabArgs.model_validate_json(json.dumps({**LAB, **sections}))
