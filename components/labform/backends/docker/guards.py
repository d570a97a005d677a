"""Hooks that look at the world before something is created there: nothing foreign is taken over, no lost data hidden.

Docker adopts a volume of the same name without a word and makes an empty one where data is gone. A run that was
killed leaves containers that no state knows. These hooks run inside the engine's step, so no preview needs a host.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from labform.backends.docker.daemon import bound, connected, found, port_holders, stop
from labform.naming import LAB_LABEL, PROJECT_LABEL, VOLUME_LABEL
from labform.problems import LabformError


class Guards:
    """The hooks of one lab on one host."""

    def __init__(
        self, lab: str, host: str, address: str, created: Collection[str], ports: Mapping[str, int | None]
    ) -> None:
        """`created` are the ids of volumes that the lock says hold data, `ports` what it gives to each project here."""
        self._lab, self._host, self._address, self._created = lab, host, address, frozenset(created)
        self._ports = ports
        self.volumes = self._binding("volume", self._before_volume)
        self.networks = self._binding("network", self._before_network)
        self.containers = self._binding("container", self._before_container)

    def _binding(self, kind: str, check: Any) -> pulumi.ResourceHookBinding:
        hook = pulumi.ResourceHook(f"{self._lab}-{self._host}-{kind}", check)
        return pulumi.ResourceHookBinding(before_create=[hook])

    def _before_volume(self, args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        name, volume_id = inputs["name"], labels_of(inputs).get(VOLUME_LABEL, "")
        with connected(self._host, self._address) as client:
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
        with connected(self._host, self._address) as client:
            for network in client.networks.list(names=[f"^{name}$"]):
                self._refuse_foreign("network", name, network.attrs.get("Labels") or {}, LAB_LABEL, self._lab)
                network.remove()

    def _before_container(self, args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        project = labels_of(inputs).get(PROJECT_LABEL, "")
        with connected(self._host, self._address) as client:
            self._volumes_exist(client, project, inputs)
            if orphan := found(client.containers, inputs["name"]):
                self._refuse_foreign("container", inputs["name"], orphan.labels, PROJECT_LABEL, project)
                orphan.stop(timeout=int(inputs.get("stopTimeout") or 10))
                orphan.remove(force=True)
            self._ports_free(client, project, inputs)

    def _refuse_foreign(self, kind: str, name: str, labels: Mapping[str, str], label: str, value: str) -> None:
        if labels.get(LAB_LABEL) != self._lab or labels.get(label) != value:
            raise LabformError(
                f"{self._host} has a {kind} {name} that is not of lab {self._lab}; remove or rename it there"
            )

    def _volumes_exist(self, client: Any, project: str, inputs: Mapping[str, Any]) -> None:
        for mount in inputs.get("mounts") or []:
            if mount.get("type") == "volume" and found(client.volumes, mount["source"]) is None:
                raise LabformError(
                    f"project {project}: volume {mount['source']} is gone from {self._host}; restore it, or run"
                    f" `pulumi refresh` to see what else is missing"
                )

    def _ports_free(self, client: Any, project: str, inputs: Mapping[str, Any]) -> None:
        for wanted in inputs.get("ports") or []:
            port, address = int(wanted["external"]), wanted.get("ip") or "0.0.0.0"  # noqa: S104  the provider's default
            if (holder := port_holders(client).get(port)) and self._gives_up(holder["Labels"], port):
                stop(client, holder["Id"])
            elif holder:
                self._taken(project, port, f"container {holder['Names'][0].lstrip('/')}")
            if self._address.startswith("unix://") and bound(address, port):
                self._taken(project, port, "another program")

    def _gives_up(self, labels: Mapping[str, str], port: int) -> bool:
        """Whether a container is one that this same `up` is going to remove or replace: a rename, a retirement."""
        return labels.get(LAB_LABEL) == self._lab and self._ports.get(labels.get(PROJECT_LABEL, "")) != port

    def _taken(self, project: str, port: int, holder: str) -> None:
        raise LabformError(
            f"project {project}: port {port} of {self._host} is held by {holder}; free it, or choose another with"
            f" projects.{project}.service.host_port and `labform lock`"
        )


def labels_of(inputs: Mapping[str, Any]) -> dict[str, str]:
    """A resource's labels as a mapping; the provider writes them as a list."""
    return {one["label"]: one["value"] for one in inputs.get("labels") or []}
