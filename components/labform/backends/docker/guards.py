"""Hooks that look at the world before something is created there: nothing foreign is taken over, no lost data hidden.

Docker adopts a volume of the same name without a word and makes an empty one where data is gone. A run that was
killed leaves containers that no state knows. Nor does Docker mind two containers on one GPU: what a project gets, its
last holder has to give up first. These hooks run inside the engine's step, so no preview needs a host.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi

from labform import naming
from labform.backends.docker.daemon import bound, connected, engine_of, found, name_image, port_holders, stop
from labform.backends.docker.devices import devices_of, whose
from labform.backends.docker.facts import labels_of
from labform.backends.hooks import Hooks
from labform.hosts import Host
from labform.naming import LAB_LABEL, PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError
from labform.units import Placement


class Guards:
    """The hooks of one lab on one host."""

    def __init__(
        self, lab: str, name: str, host: Host, created: Collection[str], placements: Mapping[str, Placement]
    ) -> None:
        """`created` are ids of volumes that the lock says hold data, `placements` what it gives each project here."""
        self._lab, self._host, self._address, self._created = lab, name, host.address, frozenset(created)
        self._declared = host
        self._given = placements
        self._hooks = Hooks(f"{lab}-{name}")
        self._devices: dict[str, frozenset[str]] = {}
        self.volumes = self._binding("volume", self._before_volume)
        self.networks = self._binding("network", self._before_network)
        self.containers = self._binding("container", self._before_container)

    def _binding(self, kind: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHookBinding:
        return pulumi.ResourceHookBinding(before_create=[self._hooks.step(kind, check)])

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """A client of the host's daemon, which must be of the declared engine: each gets its own registrations."""
        with connected(self._host, self._address) as client:
            engine = engine_of(client)
            if engine.name != self._declared.engine:
                raise LabformError(
                    f"host {self._host}: {self._address} is {engine}; write engine: {engine.name} under"
                    f" runs_on.hosts.{self._host}, or correct its address"
                )
            yield client

    def _before_volume(self, args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        name, volume_id = inputs["name"], labels_of(inputs).get(VOLUME_LABEL, "")
        with self._connected() as client:
            volume = found(client.volumes, name)
        if volume is None:
            if volume_id in self._created:
                raise LabformError(
                    f"volume {volume_id} held data, and {name} is gone from {self._host}; restore it under that"
                    f" name, or accept the loss by moving it to retired: and declaring a new id"
                )
            return
        labels = volume.attrs.get("Labels") or {}
        if (labels.get(LAB_LABEL), labels.get(VOLUME_LABEL)) != (self._lab, volume_id):
            raise LabformError(
                f"volume {volume_id}: {self._host} has a volume {name} that is not of lab {self._lab}; rename it there,"
                f" or give the volume another id"
            )

    def _before_network(self, args: pulumi.ResourceHookArgs) -> None:
        name = (args.new_inputs or {})["name"]
        with self._connected() as client:
            for network in client.networks.list(names=[f"^{name}$"]):
                self._refuse_foreign("network", name, network.attrs.get("Labels") or {}, LAB_LABEL, self._lab)
                network.remove()

    def _before_container(self, args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        project = labels_of(inputs).get(PROJECT_LABEL, "")
        with self._connected() as client:
            self._volumes_exist(client, project, inputs)
            if orphan := found(client.containers, inputs["name"]):
                self._refuse_foreign("container", inputs["name"], orphan.labels, PROJECT_LABEL, project)
                orphan.stop(timeout=int(inputs.get("stopTimeout") or 10))
                orphan.remove(force=True)
            self._ports_free(client, project, inputs)
            self._devices_free(client, project)
            if self._declared.engine == "podman":
                self._none_kept(project, inputs)
                name_image(client, inputs["image"])

    def _refuse_foreign(self, kind: str, name: str, labels: Mapping[str, str], label: str, value: str) -> None:
        if labels.get(LAB_LABEL) != self._lab or labels.get(label) != value:
            raise LabformError(
                f"{self._host} has a {kind} {name} that is not of lab {self._lab}; remove or rename it there"
            )

    def _none_kept(self, project: str, inputs: Mapping[str, Any]) -> None:
        """A field that is not compared keeps what a container had on the host that it comes from."""
        if (inputs.get("capabilities") or {}).get("adds"):
            raise LabformError(
                f"project {project}: it would keep its capabilities on {self._host}, which runs Podman; run `pulumi up`"
                f" once with state: retired, then with state: running"
            )

    def _volumes_exist(self, client: Any, project: str, inputs: Mapping[str, Any]) -> None:
        named = [mount["source"] for mount in inputs.get("mounts") or [] if mount.get("type") == "volume"]
        named += [volume["volumeName"] for volume in inputs.get("volumes") or [] if volume.get("volumeName")]
        for name in named:
            if found(client.volumes, name) is None:
                raise LabformError(
                    f"project {project}: volume {name} is gone from {self._host}; restore it, or run"
                    f" `pulumi refresh` to see what else is missing"
                )

    def _ports_free(self, client: Any, project: str, inputs: Mapping[str, Any]) -> None:
        todo = f"free it, or choose another with projects.{project}.service.host_port and `labform lock`"
        for wanted in inputs.get("ports") or []:
            port, address = int(wanted["external"]), wanted.get("ip") or "0.0.0.0"  # noqa: S104  the provider's default
            if (holder := port_holders(client).get(port)) and not self._released(client, holder, port):
                self._refuse(project, f"port {port}", _named(holder), todo)
            if self._address.startswith("unix://") and bound(address, port):
                self._refuse(project, f"port {port}", "another program", todo)

    def _devices_free(self, client: Any, project: str) -> None:
        """Only a container that runs holds a GPU."""
        wanted = set(self._given[project].gpus) if project in self._given else set()
        todo = f"stop it there, or take the GPU out of runs_on.hosts.{self._host}.gpus and run `labform lock`"
        for holder in client.api.containers() if wanted else ():
            for device in sorted(wanted & self._devices_of(client, holder["Id"])):
                if not self._released(client, holder, device):
                    self._refuse(project, device, _named(holder), todo)

    def _devices_of(self, client: Any, container_id: str) -> frozenset[str]:
        """What never changes as long as a container exists, so each is asked once; nothing of one that is gone."""
        if container_id not in self._devices:
            container = found(client.containers, container_id)
            self._devices[container_id] = devices_of(container.attrs, self._declared) if container else frozenset()
        return self._devices[container_id]

    def _released(self, client: Any, holder: Mapping[str, Any], thing: int | str) -> bool:
        """Stop a holder that this same `up` is going to remove or replace: a rename, a retirement, a move.

        It is one of this lab's, by label and name, whose project the lock no longer gives the port or device. False
        for any other, which is left alone.
        """
        labels = holder["Labels"] or {}
        project = labels.get(PROJECT_LABEL, "")
        if labels.get(LAB_LABEL) != self._lab or _name(holder) != naming.container(self._lab, project):
            return False
        place = self._given.get(project)
        if place and thing in (place.port, *place.gpus):
            return False
        stop(client, holder["Id"])
        return True

    def _refuse(self, project: str, what: str, holder: str, todo: str) -> None:
        raise LabformError(f"project {project}: {what} of {self._host} is held by {holder}; {todo}")


def _name(listed: Mapping[str, Any]) -> str:
    return str(listed["Names"][0]).lstrip("/")


def _named(listed: Mapping[str, Any]) -> str:
    return f"container {_name(listed)}{whose(listed['Labels'] or {})}"
