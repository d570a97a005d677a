"""DockerWorkspace: a project as one container of a Docker host."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from labform import naming
from labform.backends.docker import container
from labform.people import Person
from labform.project import ProjectArgs
from labform.resources import FALLBACK, Limits
from labform.units import Placement
from labform.volumes import Volume


class DockerWorkspace(pulumi.ComponentResource):
    """A project's container: its image by digest, its GPUs by id, its data where the project says.

    `name` is the container's name on its host, `id` its identity.
    """

    name: pulumi.Output[str]
    id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ProjectArgs,
        *,
        image: pulumi.Input[str],
        lab: str,
        person: Person,
        placement: Placement,
        limits: Limits = FALLBACK,
        gpu_request: str = "nvidia",
        engine: str = "docker",
        volumes: Mapping[str, Volume] | None = None,
        sources: Mapping[str, pulumi.Input[str]] | None = None,
        network: pulumi.Input[str] | None = None,
        secrets: Mapping[str, pulumi.Input[str]] | None = None,
        token: pulumi.Input[str] | None = None,
        hooks: pulumi.ResourceHookBinding | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the container.

        `volumes` and `sources` hold, by volume id, what was declared and the Docker volume's name or host directory;
        `secrets` hold values by the names that `args.secrets` gives them; `token` is the service's.
        """
        super().__init__(
            "labform:index:DockerWorkspace", f"{lab}-{name}", {"project": name, "host": placement.host}, opts
        )
        made = docker.Container(
            naming.container(lab, name),
            name=naming.container(lab, name),
            hostname=name,
            image=image,
            user=person.user,
            envs=container.environment(args, placement, gpu_request, secrets or {}),
            labels=container.labels(lab, name, args),
            ports=container.ports(args, placement),
            networks_advanced=[_attachment(network, name)] if network else None,
            uploads=container.files(args, person, lab, secrets or {}, token),
            **container.process(args, engine),
            **container.limits(limits),
            **container.data(args, volumes or {}, sources or {}, engine),
            **container.hardening(args, engine),
            **container.devices(placement, gpu_request),
            **container.process_limits(args, placement, engine),
            opts=pulumi.ResourceOptions(
                parent=self,
                replace_on_changes=list(container.replaced_by(placement, gpu_request)),
                ignore_changes=container.unreported(engine),
                delete_before_replace=True,
                replacement_trigger=placement.host,
                hooks=hooks,
            ),
        )
        self.name, self.id = made.name, made.id
        self.register_outputs({"name": made.name})


def _attachment(network: pulumi.Input[str], name: str) -> docker.ContainerNetworksAdvancedArgs:
    return docker.ContainerNetworksAdvancedArgs(name=network, aliases=[name])
