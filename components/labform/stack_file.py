"""The root of a stack file: one lab, in full. Pure, so that a file can be checked without Pulumi."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import model_validator

from labform import naming
from labform.backends import Backend, Docker
from labform.builder import Builder
from labform.declaration import Declaration, ImageName, Name, RegistryAddress, refusal
from labform.environments import Environment
from labform.hosts import LOCAL, THIS_MACHINE, Host
from labform.inheritance import Inherited, Layer, inherited
from labform.people import Group, Person, Quota
from labform.project import ProjectArgs, SecretReference
from labform.resources import FALLBACK, Limits, Resources
from labform.volumes import ManagedVolume, Volume

LAB_SECRET = "lab-secret"  # noqa: S105  the name of a secret
"""The configuration secret that service tokens are derived from."""


class Registry(Declaration):
    """Where images are pushed to and pulled from."""

    address: RegistryAddress
    """Host, port and common path: `registry.example.org/ds01`."""
    username: str | None = None
    """Who pushes. Default: a registry without passwords."""
    password: SecretReference | None = None
    """The secret that holds the password for pushing; hosts pull with `docker login`."""

    @property
    def server(self) -> str:
        """The address without its path: what `docker login` takes."""
        return self.address.split("/")[0]


class Base(Declaration):
    """A named image that environments build on: one that exists, or an environment that is built once for all."""

    image: ImageName | None = None
    """The image; the lock holds its digest. Exactly one of image and environment."""
    environment: Environment | None = None
    """How it is built. Exactly one of image and environment."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Base":
        if (self.image is None) == (self.environment is None):
            raise refusal("image-or-environment", "set exactly one of image and environment")
        return self


class Defaults(Declaration):
    """What projects need not repeat."""

    base: Name | None = None
    """The base of environments that name none."""
    resources: Resources = Resources()
    """What a container gets where neither project nor owner nor group says."""
    limits: Quota = Quota()
    """What each person may use where neither they nor their group say. Default: no limits."""


class LabArgs(Declaration):
    """A lab: where it runs, who works in it, what data it keeps, and its projects."""

    format: Literal[1]
    """The version of this file format."""
    lab: Name
    """The lab's name; it is part of every container's and volume's name and never changes."""
    strict: bool = False
    """True refuses environments that another day would build otherwise: requirements without an exact version.
    Default: a warning names them."""
    runs_on: Backend
    """Where it runs."""
    builder: Builder = Builder()
    """Where images are built. Default: by the daemon beside `pulumi`."""
    registry: Registry | None = None
    """Where images are kept. Default: none, only where builder and host are the same daemon."""
    bases: Mapping[Name, Base] = {}
    """Named images that environments build on."""
    defaults: Defaults = Defaults()
    """Base and limits of the projects that name none."""
    groups: Mapping[Name, Group] = {}
    """Groups of people and their limits."""
    people: Mapping[Name, Person] = {}
    """Who works here."""
    volumes: Mapping[Name, Volume] = {}
    """Data, by an id that never changes."""
    retired: Mapping[Name, ManagedVolume] = {}
    """Volumes on their way out: moved here from `volumes` for one `up`. Their data is kept."""
    projects: Mapping[Name, ProjectArgs] = {}
    """Projects."""

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The lab's Docker hosts; none where it runs elsewhere."""
        return self.runs_on.hosts if isinstance(self.runs_on, Docker) else {}

    @property
    def registry_daemon(self) -> tuple[str, str]:
        """The name and address of the Docker daemon that asks registries: the builder's, else the first host's.

        A lab on a cluster that BuildKit builds for has neither, and takes this machine's.
        """
        if self.builder.engine == "daemon":
            return "builder", self.builder.daemon
        return min(((name, host.address) for name, host in self.hosts.items()), default=(THIS_MACHINE, LOCAL))

    def repository(self, name: str) -> str:
        """Where the images of a project, or of `bases/NAME`, are kept."""
        return naming.repository(self.lab, name, self.registry.address if self.registry else None)

    def host_of(self, volume_id: str) -> str | None:
        """The host a volume is on; None for one that every host reaches."""
        volume = self.volumes.get(volume_id) or self.retired.get(volume_id)
        if volume is None or not hasattr(volume, "host"):
            return None
        return volume.host or next(iter(sorted(self.hosts)), None)

    def limits(self, project: str) -> Limits:
        """What a project's container may use: its own figures, else those it inherits, else FALLBACK."""
        return Limits(*(self.resource(project, field).value for field in ("cpus", "memory", "shared_memory")))

    def resource(self, project: str, field: str) -> Inherited:
        """`cpus`, `memory` or `shared_memory` of a project's container, and where it is written."""
        own = self.projects[project]
        layers: list[Layer] = [(f"projects.{project}.resources", own.resources)]
        layers += [(f"{place}.resources", one.resources) for place, one in self._person_and_group(own.owner)]
        layers.append(("defaults.resources", self.defaults.resources))
        return inherited(field, layers) or Inherited(getattr(FALLBACK, field), "labform's default")

    def quota(self, person: str, field: str) -> Inherited | None:
        """A limit of a person and where it is written; None where nobody wrote one."""
        layers: list[Layer] = [
            (f"{place}.limits", one.limits) if isinstance(one, Person) else (place, one)
            for place, one in self._person_and_group(person)
        ]
        return inherited(field, [*layers, ("defaults.limits", self.defaults.limits)])

    def _person_and_group(self, name: str) -> Iterator[tuple[str, Person | Group]]:
        """Somebody and the group they are in, as far as they are declared, and where each stands in the file."""
        if person := self.people.get(name):
            yield f"people.{name}", person
            if person.group and (group := self.groups.get(person.group)):
                yield f"groups.{person.group}", group

    def running(self) -> dict[str, ProjectArgs]:
        """The projects that are not retired, by name."""
        return {name: self.projects[name] for name in sorted(self.projects) if self.projects[name].state == "running"}
