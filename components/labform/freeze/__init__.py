"""What people installed by hand in a running container, and how their project's own files would say it. Pure.

The image is what was declared, so what a container has beyond its image is what nobody declared yet.
"""

from labform.freeze.packages import DPKG_QUERY, Change, Package, changes, debian_packages, python_packages
from labform.freeze.pyproject import edit_pyproject
from labform.freeze.requirements import edit_requirements

__all__ = [
    "DPKG_QUERY",
    "Change",
    "Package",
    "changes",
    "debian_packages",
    "edit_pyproject",
    "edit_requirements",
    "python_packages",
]
