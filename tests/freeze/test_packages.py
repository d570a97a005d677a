"""Lists of packages, and what differs between two of them."""

from typing import Any

import pytest
from labform.freeze import Package, changes, conda_packages, debian_packages, python_packages


def entry(name: str, version: str, *, requested: bool = True, **direct: Any) -> dict[str, Any]:
    """One package of a `pip inspect` report."""
    return {
        "metadata": {"name": name, "version": version},
        "requested": requested,
        **({"direct_url": direct} if direct else {}),
    }


def report(*entries: dict[str, Any]) -> dict[str, Package]:
    """The packages of a report."""
    return python_packages({"version": "1", "installed": list(entries)})


@pytest.mark.parametrize(
    ("direct", "url"),
    [
        (
            {"url": "https://git.example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "c" * 40}},
            f"git+https://git.example.org/a.git@{'c' * 40}",
        ),
        (
            {
                "url": "https://git.example.org/a.git",
                "subdirectory": "py",
                "vcs_info": {"vcs": "git", "commit_id": "c" * 40, "requested_revision": "main"},
            },
            f"git+https://git.example.org/a.git@{'c' * 40}#subdirectory=py",
        ),
        (
            {"url": "https://example.org/a-1.whl", "archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab"}}},
            "https://example.org/a-1.whl#sha256=ab",
        ),
        ({"url": "file:///opt/project", "dir_info": {}}, "file:///opt/project"),
    ],
    ids=["git", "git-subdirectory", "archive", "folder"],
)
def test_a_direct_url_becomes_a_direct_reference(direct: dict[str, Any], url: str) -> None:
    """As PEP 440 writes what PEP 610 records: a commit, never the branch that was asked for."""
    assert report(entry("A_b", "1", **direct))["a-b"].url == url


def test_changes_are_named() -> None:
    """Upgraded, added, removed, and from another source; what is the same is not said."""
    git = {"url": "https://git.example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "c" * 40}}
    before = report(entry("six", "1.16.0"), entry("numpy", "2.0"), entry("gone", "1"), entry("moved", "1"))
    after = report(
        entry("Six", "1.17.0"), entry("numpy", "2.0", requested=False), entry("New", "1"), entry("moved", "1", **git)
    )
    assert [(one.kind, str(one)) for one in changes(before, after)] == [
        ("removed", "gone removed"),
        ("changed", f"moved 1 -> git+https://git.example.org/a.git@{'c' * 40}"),
        ("added", "new 1"),
        ("changed", "six 1.16.0 -> 1.17.0"),
    ]


def test_a_folders_version_is_no_change() -> None:
    """A project that is installed in place and computes its version from its files is the same package."""
    local = {"url": "file:///opt/project", "dir_info": {"editable": True}}
    assert changes(report(entry("a", "1.dev1", **local)), report(entry("a", "1.dev2", **local))) == []


def test_debian_packages_are_those_that_are_installed() -> None:
    """Removed ones whose configuration is left do not count; an architecture is no part of the name."""
    listing = "ii  libc6:amd64 2.36-9+deb12u10\nrc  old 1.0\nii  zlib1g 1:1.2.13.dfsg-1\nhi  held 2\n"
    assert {name: one.version for name, one in debian_packages(listing).items()} == {
        "libc6": "2.36-9+deb12u10",
        "zlib1g": "1:1.2.13.dfsg-1",
        "held": "2",
    }


def test_who_was_asked_for_is_told_apart() -> None:
    """Where `apt-mark` says it; everything counts as asked for where it does not."""
    listing = "ii  git 1:2.39\nii  perl:amd64 5.36\n"
    assert {name: one.requested for name, one in debian_packages(listing, "git:amd64\n").items()} == {
        "git": True,
        "perl": False,
    }
    assert all(one.requested for one in debian_packages(listing).values())


def test_conda_packages_are_read_from_their_files_names() -> None:
    """Names have dashes, versions and builds have none; conda's history is no package."""
    listing = "history\nlibstdcxx-ng-14.2.0-hc0a3c3a_1.json\n_libgcc_mutex-0.1-conda_forge.json\n"
    assert {name: one.version for name, one in conda_packages(listing).items()} == {
        "libstdcxx-ng": "14.2.0",
        "_libgcc_mutex": "0.1",
    }


def test_what_conda_installed_is_no_package_of_pip() -> None:
    """Although pip lists it too."""
    ours = {**entry("numpy", "2.1"), "installer": "conda"}
    assert report(ours, entry("six", "1")).keys() == {"six"}
