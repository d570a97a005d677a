"""Builder: what is declared of where images are built, and what only a BuildKit daemon does."""

from typing import Any

import pytest
from labform.builder import BUILDKIT_LOCAL, Builder, beyond_a_daemon
from labform.checks import check
from labform.hosts import LOCAL, THIS_MACHINE

from tests.labs import hosts, lab


@pytest.mark.parametrize(
    ("given", "daemon", "near"),
    [
        ({}, LOCAL, True),
        ({"engine": "buildkit"}, BUILDKIT_LOCAL, True),
        ({"engine": "buildkit", "address": "docker-container://buildkit"}, "docker-container://buildkit", True),
        ({"engine": "buildkit", "address": "tcp://127.0.0.1:1234"}, "tcp://127.0.0.1:1234", True),
        ({"engine": "buildkit", "address": "tcp://127.0.0.1.example.org:1"}, "tcp://127.0.0.1.example.org:1", False),
        ({"engine": "buildkit", "address": "kube-pod://buildkit"}, "kube-pod://buildkit", False),
        ({"address": "ssh://ci@builder"}, "ssh://ci@builder", False),
    ],
)
def test_a_builder_has_an_address(given: dict[str, Any], daemon: str, near: bool) -> None:
    """`local` is each engine's own socket; near is what has the same loopback."""
    builder = Builder(**given)
    assert (builder.daemon, builder.near) == (daemon, near)


def test_platforms_are_sorted_once_each() -> None:
    """The order in which they are written decides nothing; without any it is linux/amd64."""
    assert Builder().built_for == ("linux/amd64",)
    twice = Builder(engine="buildkit", platforms=("linux/arm64", "linux/amd64", "linux/arm64"))
    assert twice.built_for == ("linux/amd64", "linux/arm64")


def test_a_daemon_is_not_asked_for_more_than_it_can_do() -> None:
    """Each field is named with what to write; what says no more than the default is fine."""
    secrets = {"netrc": {"from": "index-logins"}}
    asked = {"address": "kube-pod://b", "platforms": ("linux/arm64",), "cache": "write", "secrets": secrets}
    found = list(beyond_a_daemon(Builder(**asked)))
    assert [one.location for one in found] == [("builder", field) for field in asked]
    assert all(one.hint.startswith("write engine: buildkit") for one in found)
    assert not [*beyond_a_daemon(Builder(engine="buildkit", **asked))]
    assert not [*beyond_a_daemon(Builder(platforms=("linux/amd64",)))]


@pytest.mark.parametrize(
    ("sections", "codes"),
    [
        ({}, [("no-registry", "builder")]),
        ({"registry": {"address": "registry.example.org"}}, []),
        ({"registry": {"address": "127.0.0.1:5000"}}, []),
        ({"runs_on": {"kind": "kubernetes"}}, [("no-registry", "builder")]),
        (
            {"registry": {"address": "127.0.0.1:5000"}, "builder": {"engine": "buildkit", "address": "ssh://b"}},
            [("loopback-registry", "registry")],
        ),
    ],
)
def test_what_buildkit_builds_is_pushed(sections: dict[str, Any], codes: list[tuple[str, str]]) -> None:
    """It needs a registry, which its builder reaches by the same name as the hosts."""
    found = check(lab(**{"builder": {"engine": "buildkit"}, **sections}))
    assert [(one.code, one.location[0]) for one in found] == codes


def test_a_docker_daemon_asks_registries() -> None:
    """The builder's where it is one; else that of the first host; for a cluster the one beside labform."""
    registry = {"address": "registry.example.org"}
    remote = {"runs_on": hosts(b={"address": "ssh://b"}, a={"address": "ssh://a"}), "registry": registry}
    assert lab(**remote).registry_daemon == ("builder", LOCAL)
    assert lab(**remote, builder={"engine": "buildkit"}).registry_daemon == ("a", "ssh://a")
    cluster = lab(runs_on={"kind": "kubernetes"}, registry=registry, builder={"engine": "buildkit"})
    assert cluster.registry_daemon == (THIS_MACHINE, LOCAL)
