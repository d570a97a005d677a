"""No neighbours: containers in a lab's network cannot reach each other.

The sandbox's daemon makes no packet filter rules, so this daemon runs in a network namespace of its own, where it may:
no rule and no bridge of it is on the machine, and all of them go with its process.
"""

from __future__ import annotations

import ipaddress
import json
import os
from typing import TYPE_CHECKING, Any

import docker
import pytest
from sandbox_traces import traces

from sandbox import daemon, leftovers, processes, rootfs, toolset
from sandbox.layout import RUN_DIRECTORY, layout_of
from sandbox.network import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.layout import Layout

pytestmark = [pytest.mark.sandbox, pytest.mark.enable_socket]

NO_NEIGHBOURS = {"com.docker.network.bridge.enable_icc": "false"}
"""The option of a lab's network, as labform.backends.docker.hosts gives it."""
SERVE = ["python3", "-m", "http.server", "8000", "--directory", "/etc"]
ASK = "import socket, sys; socket.create_connection((sys.argv[1], 8000), timeout=2); print('reached')"


@pytest.fixture(scope="module")
def filtering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[docker.DockerClient]:
    """A client of a daemon with packet filter rules, in a network namespace of its own; nothing is left of it."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a Docker daemon")
    tools, layout = toolset.obtain(print), layout_of(tmp_path_factory.mktemp("filtering"))
    try:
        _start(layout, tools)
        client = docker.DockerClient(base_url=f"unix://{layout.socket}", timeout=120)
        layer = rootfs.layer(tools, print)
        client.api.import_image(src=str(layer.blob), repository="base", tag="1")
        yield client
        client.close()
    finally:
        daemon.stop(layout)
        if not any(RUN_DIRECTORY.glob("*/pool")):
            leftovers.remove_empty_folders()
    assert traces(layout.root) == {}


def _start(layout: Layout, tools: toolset.Toolset) -> None:
    layout.run.mkdir(parents=True)
    pool = Pool(ipaddress.IPv4Network("10.0.0.0/19"))
    ours = {"bridge": "none", "iptables": True, "ip-forward": True}
    config = layout.run / "daemon.json"
    config.write_text(json.dumps({**daemon._settings(layout, pool, tools), **ours}))
    log = layout.logs / "dockerd.log"
    processes.launch(
        ["unshare", "--net", "--", tools.program("dockerd"), "--config-file", config],
        env={**os.environ, **tools.environment},
        log=log,
    )
    host = f"unix://{layout.socket}"
    answers = processes.await_answer(
        lambda: daemon.answers(host), lambda: daemon.running(layout), within=daemon.START_LIMIT
    )
    assert answers, log.read_text()


@pytest.mark.parametrize(("options", "reached"), [({}, True), (NO_NEIGHBOURS, False)])
def test_the_networks_option_keeps_neighbours_apart(
    filtering: docker.DockerClient, options: dict[str, str], reached: bool
) -> None:
    """With it a neighbour's port is out of reach; without it, the same request arrives."""
    network = filtering.networks.create(f"lab-{reached}", driver="bridge", options=options)
    served = filtering.containers.run("base:1", SERVE, detach=True, network=network.name, init=True)
    asking = filtering.containers.run("base:1", ["sleep", "600"], detach=True, network=network.name, init=True)
    try:
        served.reload()
        address = served.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
        _until_reached(served)
        code, said = asking.exec_run(["python3", "-c", ASK, address])
        assert (said.decode().endswith("reached\n"), code == 0) == (reached, reached), said.decode()
        if not reached:
            assert "timed out" in said.decode()
    finally:
        for container in (served, asking):
            container.remove(force=True)
        network.remove()


def _until_reached(served: Any) -> None:
    """Wait until the server answers in its own container."""
    wait = f'for n in $(seq 100); do python3 -c "{ASK}" 127.0.0.1 2>/dev/null && exit 0; sleep 0.1; done; exit 1'
    code, _ = served.exec_run(["sh", "-c", wait])
    assert code == 0
