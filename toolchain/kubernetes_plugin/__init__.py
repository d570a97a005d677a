"""Stand-in for the official `pulumi-resource-kubernetes` plugin 4.32.0.

It lets the real Pulumi engine reach a real API server on machines that cannot download the official plugin. It takes
any kind of object and has no feature of its own; `tests/toolchain/test_kubernetes_recordings.py` holds it to recorded
traffic. Server-side apply only; Helm, Kustomize, YAML groups and Patch resources are refused.
"""

VERSION = "4.32.0"
"""The version of the official plugin that is stood in for."""
