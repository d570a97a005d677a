"""What people installed by hand in a running container, and how their project's own files would say it. Pure.

The image is what was declared, so what a container has beyond its image is what nobody declared yet.
"""

from labform.freeze.files import Changed, edit_files
from labform.freeze.packages import (
    CONDA_QUERY,
    DPKG_QUERY,
    MANUAL_QUERY,
    Change,
    Package,
    changes,
    conda_packages,
    debian_packages,
    python_packages,
)
from labform.freeze.stack_file import edit_apt

__all__ = [
    "CONDA_QUERY",
    "DPKG_QUERY",
    "MANUAL_QUERY",
    "Change",
    "Changed",
    "Package",
    "changes",
    "conda_packages",
    "debian_packages",
    "edit_apt",
    "edit_files",
    "python_packages",
]
