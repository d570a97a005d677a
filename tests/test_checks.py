"""Faults that only the whole lab shows; `bad/` has their messages, here are the edges."""

from decimal import Decimal
from typing import Any

import pytest
from labform.checks import allowed_hosts, check

from tests.labs import GPUS, hosts, lab, project

TWO = hosts(a={}, b={})
ANY = {"registry": {"address": "registry.example.org"}}


def codes(**sections: Any) -> list[tuple[str, str]]:
    """Code and location of each fault."""
    return [(one.code, ".".join(map(str, one.location))) for one in check(lab(**sections))]


def test_a_lab_without_faults_has_none() -> None:
    """Nothing is said about what is right."""
    assert codes(volumes={"home": {"owner": "anna"}}, projects={"p": project(mounts={"home": "/home/lab"})}) == []


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"runs_on": {"kind": "kubernetes"}}, [("no-registry", "builder")]),
        ({"runs_on": hosts(a={"address": "ssh://a"})}, [("no-registry", "builder")]),
        ({"runs_on": hosts(a={"address": "ssh://a"}), "builder": {"address": "ssh://a"}}, []),
        ({"runs_on": hosts(a={"address": "ssh://a"}), **ANY}, []),
        ({"runs_on": hosts(a={"address": "unix:///other.sock"})}, [("no-registry", "builder")]),
        (
            {"runs_on": hosts(a={"address": "ssh://a"}), "registry": {"address": "localhost:5000/x"}},
            [("loopback-registry", "registry.address")],
        ),
        (
            {"runs_on": hosts(a={"address": "ssh://a"}), "registry": {"address": "127.1.2.3"}},
            [("loopback-registry", "registry.address")],
        ),
        ({"registry": {"address": "127.0.0.1:5000"}}, []),
        ({"runs_on": hosts(a={"address": "ssh://a"}), "registry": {"address": "localhost.example.org"}}, []),
        ({"registry": {"address": "r", "password": {"from": "x"}}}, [("registry-login", "registry")]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_images_can_reach_every_host(sections: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Without a registry only the builder's own daemon has an image; a loopback address is another one elsewhere."""
    assert codes(**sections) == expected


@pytest.mark.parametrize(
    ("engine", "expected"), [("daemon", [("reserved-host", "runs_on.hosts.builder")]), ("buildkit", [])]
)
def test_a_host_is_not_called_as_the_builder_s_connection(engine: str, expected: list[tuple[str, str]]) -> None:
    """Two connections to Docker daemons need two names; one to a BuildKit daemon is of another kind."""
    assert codes(runs_on=hosts(builder={}), builder={"engine": engine}, **ANY) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([*GPUS], []),
        ([GPUS[0], GPUS[0]], [("twice", "runs_on.hosts.a.gpus.1")]),
        (
            [GPUS[0], {**GPUS[1], "mig": [{"uuid": "GPU-a", "profile": "1g.5gb"}]}],
            [("twice", "runs_on.hosts.a.gpus.1")],
        ),
        ([{**GPUS[0], "mig": [{"uuid": "MIG-1", "profile": "1g.5gb"}] * 2}], [("twice", "runs_on.hosts.a.gpus.0")]),
    ],
)
def test_a_device_is_listed_once(given: list[Any], expected: list[tuple[str, str]]) -> None:
    """A device listed twice would be given to two projects."""
    assert codes(runs_on=hosts(a={"gpus": given})) == expected


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"path": "/data"}, []),
        ({"path": "/data/deep/er"}, []),
        ({"path": "/database"}, [("host-path", "volumes.v.path")]),
        ({"path": "/"}, [("host-path", "volumes.v.path")]),
        ({"path": "/var/run/docker.sock"}, [("host-path", "volumes.v.path")]),
        ({"path": "/data", "host": "b"}, [("unknown-host", "volumes.v.host")]),
        ({"claim": "c", "owner": "anna"}, [("not-on-docker", "volumes.v.claim")]),
        ({"nfs": {"server": "nas", "path": "/export"}}, []),
    ],
)
def test_volumes_are_where_they_may_be(volume: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Only below the host's own list is a directory mounted."""
    assert codes(runs_on=hosts(a={"host_paths": ["/data"]}), volumes={"v": volume}) == expected


def test_a_root_of_everything_allows_everything() -> None:
    """An administrator who writes `/` means it."""
    assert codes(runs_on=hosts(a={"host_paths": ["/"]}), volumes={"v": {"path": "/etc"}}) == []


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ({"v": "/workspace", "w": "/data"}, []),
        ({"v": "/data", "w": "/data"}, ["w"]),
        ({"v": "/data/sets", "w": "/data"}, ["v"]),
        ({"v": "/data", "w": "/database"}, []),
        ({"v": "/usr/local", "w": "/dev/shm"}, ["v", "w"]),
        ({"v": "/user", "w": "/etcetera"}, []),
        ({"v": "/"}, ["v"]),
        ({"x": "/data"}, ["x"]),
    ],
)
def test_mounts_are_declared_apart_and_outside_of_the_image(mounts: dict[str, str], expected: list[str]) -> None:
    """Each mount that is wrong is named at its key."""
    volumes = {"v": {"owner": "anna"}, "w": {"owner": "anna"}}
    found = codes(volumes=volumes, projects={"p": project(mounts=mounts)})
    assert sorted({location.rsplit(".", 1)[1] for _, location in found}) == expected


@pytest.mark.parametrize(
    ("volumes", "given", "hosts_allowed"),
    [
        ({"v": {"owner": "anna", "host": "a"}}, {"mounts": {"v": "/data"}}, ["a"]),
        ({"v": {"owner": "anna", "host": "a"}}, {"mounts": {"v": "/data"}, "host": "b"}, []),
        ({"v": {"nfs": {"server": "nas", "path": "/x"}}}, {"mounts": {"v": "/data"}}, ["a", "b"]),
        ({}, {"host": "b"}, ["b"]),
        ({}, {}, ["a", "b"]),
    ],
)
def test_a_project_runs_where_its_volumes_are(
    volumes: dict[str, Any], given: dict[str, Any], hosts_allowed: list[str]
) -> None:
    """A volume ties a project to its host, a share of the network to none."""
    args = lab(runs_on=TWO, volumes=volumes, projects={"p": project(**given)})
    assert allowed_hosts(args, "p") == hosts_allowed
    assert ("apart" in [one.code for one in check(args)]) is not bool(hosts_allowed)


@pytest.mark.parametrize(
    "token",
    [
        "hf_" + "a" * 34,
        "ghp_" + "a" * 36,
        "sk-" + "a" * 40,
        "AKIA" + "A" * 16,
        "xoxb-1234567890-abc",
        "glpat-" + "a" * 20,
    ],
)
def test_a_token_in_clear_is_refused_without_being_shown(token: str) -> None:
    """By the form that its issuer documents."""
    [problem] = check(lab(projects={"p": project(env={"TOKEN": token})}))
    assert (problem.code, problem.location) == ("secret-in-clear", ("projects", "p", "env", "TOKEN"))
    assert token not in str(problem)


@pytest.mark.parametrize("value", ["", "hf_short", "sketch-" + "a" * 30, "a sentence with sk- in it", "AKIA"])
def test_other_values_are_not_taken_for_tokens(value: str) -> None:
    """A false alarm would teach people to write around the check."""
    assert codes(projects={"p": project(env={"VALUE": value})}) == []


@pytest.mark.parametrize(
    ("cpus", "fits"), [(0.05, False), (0.01, False), (0.1, True), (1, True), (10, True), (1.25, True)]
)
def test_cpus_that_the_provider_would_read_back_as_others_are_refused(cpus: float, fits: bool) -> None:
    """Else the container would be replaced at every `up`; the hint is a number that is kept."""
    found = check(lab(projects={"p": project(resources={"cpus": cpus})}))
    assert (found == []) is fits
    assert all(Decimal(one.hint.removeprefix("for example ")) > 0 for one in found)


def test_an_unknown_host_of_a_volume_is_said_once() -> None:
    """Not again for each project that mounts it."""
    volumes = {"v": {"owner": "anna", "host": "c"}}
    projects = {name: project(mounts={"v": "/data"}) for name in ("p", "q")}
    assert codes(runs_on=TWO, volumes=volumes, projects=projects) == [("unknown-host", "volumes.v.host")]
