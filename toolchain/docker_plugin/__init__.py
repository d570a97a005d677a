"""Stand-in for the official `pulumi-resource-docker` plugin 5.1.0.

It lets the real Pulumi engine reach a real Docker daemon on machines that cannot download
the official plugin. It has no feature of its own: it answers as the official plugin does,
faults included, and `tests/toolchain/test_recordings.py` holds it to recorded traffic.
"""

VERSION = "5.1.0"
"""The version of the official plugin that is stood in for."""
