"""A lab's Docker hosts: for each a provider, a network, the volumes that live there, and the workspaces it runs."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_docker as docker

from labform import naming
from labform.backends.docker.data import summary
from labform.backends.docker.guards import Guards
from labform.backends.docker.workspace import DockerWorkspace
from labform.hosts import Host
from labform.lockfile import Lock
from labform.stack_file import LabArgs
from labform.volumes import Directory, NfsVolume

SecretLookup = Callable[[str], pulumi.Output[str]]


class DockerHosts:
    """What of a lab is on its hosts, made as children of the lab."""

    def __init__(self, args: LabArgs, *, lock: Lock, secret: SecretLookup, parent: pulumi.Resource) -> None:
        """Register providers, networks and volumes of every host."""
        self._args, self._lock, self._secret, self._parent = args, lock, secret, parent
        created = [key for key, one in lock.volumes.items() if one.state == "created"]
        self._providers = {name: self._provider(name, host) for name, host in sorted(args.hosts.items())}
        self._guards = {
            name: Guards(args.lab, name, host, created, lock.placements_at(args.hosts, name))
            for name, host in sorted(args.hosts.items())
        }
        self._networks = {
            name: self._network(name) for name, host in sorted(args.hosts.items()) if host.engine == "docker"
        }
        self._sources = {key: self._source(key) for key in sorted(args.volumes)}
        for key in sorted(args.retired):
            self._managed(key, protect=False)

    def workspace(self, name: str, *, image: pulumi.Input[str], token: pulumi.Input[str] | None) -> DockerWorkspace:
        """The workspace of a running project."""
        project = self._args.projects[name]
        placement = self._lock.projects[name].placement
        host = placement.host
        return DockerWorkspace(
            name,
            project,
            image=image,
            lab=self._args.lab,
            person=self._args.people[project.owner],
            placement=placement,
            limits=self._args.limits(name),
            gpu_request=self._args.hosts[host].gpu_request,
            engine=self._args.hosts[host].engine,
            volumes=self._args.volumes,
            sources={key: self._on(host, key) for key in project.mounts},
            network=(self._networks.get(host) or self._own_network(host, name)).name,
            secrets={key: self._secret(one.source) for key, one in project.secrets.items()},
            token=token,
            hooks=self._guards[host].containers,
            opts=pulumi.ResourceOptions(parent=self._parent, providers=[self._providers[host]]),
        )

    def summary(self, references: Mapping[str, pulumi.Input[str]]) -> dict[str, dict[str, Any]]:
        """A row for each project; all but the digest is known at preview."""
        return summary(self._args, self._lock, references)

    def _provider(self, name: str, host: Host) -> docker.Provider:
        registry = self._args.registry
        login = [docker.ProviderRegistryAuthArgs(address=registry.server)] if registry and registry.username else None
        return docker.Provider(
            f"{self._args.lab}-{name}",
            host=host.address,
            registry_auth=login,
            disable_docker_daemon_check=True if host.address.startswith("ssh://") else None,
            opts=pulumi.ResourceOptions(parent=self._parent),
        )

    def _options(
        self, host: str, hooks: pulumi.ResourceHookBinding | None = None, *, protect: bool | None = None
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self._parent,
            provider=self._providers[host],
            hooks=hooks,
            protect=protect,
            retain_on_delete=protect is not None or None,
        )

    def _network(self, host: str) -> docker.Network:
        """A bridge of its own, on which containers do not see each other."""
        return docker.Network(
            f"{self._args.lab}-{host}",
            name=naming.network(self._args.lab),
            driver="bridge",
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels=[docker.NetworkLabelArgs(label=naming.LAB_LABEL, value=self._args.lab)],
            opts=self._options(host, self._guards[host].networks),
        )

    def _own_network(self, host: str, project: str) -> docker.Network:
        """A network for one project: Podman has no option for containers of one network not to see each other.

        It keeps networks that its Docker API makes apart from each other.
        """
        options = self._options(host, self._guards[host].networks)
        # Podman reports an option that nobody gave.
        options.ignore_changes = ["ipamOptions"]
        return docker.Network(
            f"{self._args.lab}-{host}.{project}",
            name=naming.network(self._args.lab, project),
            driver="bridge",
            labels=[docker.NetworkLabelArgs(label=naming.LAB_LABEL, value=self._args.lab)],
            opts=options,
        )

    def _source(self, key: str) -> Mapping[str | None, pulumi.Input[str]]:
        """What a mount of the volume names, by host; None stands for the one host it is on."""
        volume = self._args.volumes[key]
        if isinstance(volume, Directory):
            return {None: volume.path}
        if isinstance(volume, NfsVolume):
            return {host: self._nfs(key, volume, host) for host in sorted(self._args.hosts)}
        return {None: self._managed(key, protect=True)}

    def _on(self, host: str, key: str) -> pulumi.Input[str]:
        places = self._sources[key]
        return places[host] if host in places else places[None]

    def _managed(self, key: str, *, protect: bool) -> pulumi.Output[str]:
        """A volume whose labels hold only what never changes, because an edited label would replace it."""
        name = naming.volume(self._args.lab, key)
        host = self._args.host_of(key) or ""
        labels = {naming.LAB_LABEL: self._args.lab, naming.VOLUME_LABEL: key}
        made = docker.Volume(
            name,
            name=name,
            labels=[docker.VolumeLabelArgs(label=label, value=value) for label, value in labels.items()],
            opts=self._options(host, self._guards[host].volumes, protect=protect),
        )
        return made.name

    def _nfs(self, key: str, volume: NfsVolume, host: str) -> pulumi.Output[str]:
        """Docker's handle on an export; another export is another handle, and the data stays with its server."""
        options = volume.nfs.driver_options()
        name = naming.export(self._args.lab, key, options)
        labels = [docker.VolumeLabelArgs(label=naming.LAB_LABEL, value=self._args.lab)]
        made = docker.Volume(
            f"{name}-{host}", name=name, driver="local", driver_opts=options, labels=labels, opts=self._options(host)
        )
        return made.name
