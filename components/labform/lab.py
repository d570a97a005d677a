"""Lab: a stack file, deployed. It makes the images, and hands each to the backend that the lab runs on."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pulumi
import pulumi_docker as docker

from labform import buildkit, loading, workload
from labform.addresses import Addresses
from labform.backends import Docker
from labform.backends.docker.daemon import check_builder, check_listening, check_login
from labform.bases import all_bases
from labform.buildkit import BuildKit
from labform.environments import Recipe
from labform.gpu_table import gpu_summary, gpu_table, quota_summary
from labform.hosts import BUILDER
from labform.image import Image
from labform.loading import StackFile
from labform.lockfile import Lock
from labform.problems import LabformError
from labform.project import CodeServer, Jupyter, ProjectArgs
from labform.quotas import quotas
from labform.recipes import warnings_of
from labform.stack_file import LAB_SECRET, LabArgs

SecretLookup = Callable[[str], pulumi.Output[str]]
"""Gives the value of a named secret."""


def load(path: str | Path, *, lock: str | Path | None = None, addresses: Mapping[str, Any] | None = None) -> StackFile:
    """A checked stack file for a Pulumi program.

    Raises pulumi.RunError with every fault of the file and its lock, or with the daemon or login that is missing: the
    engine then prints that text alone. `addresses` are this deployment's: `registry`, `builder`, and `hosts` by name.
    """
    try:
        stack = loading.load(Path(path), lock=Path(lock) if lock else None, addresses=Addresses.given(addresses or {}))
        _preflight(stack.lab)
    except LabformError as error:
        raise pulumi.RunError(str(error)) from None
    return stack


def _preflight(lab: LabArgs) -> None:
    """Ask what the provider is going to ask, and say what is wrong in a line; hosts behind ssh are not needed yet.

    A preview needs no BuildKit daemon: its provider asks none.
    """
    by_docker = lab.builder.engine == "daemon"
    builds = not all(one.pinned for one in lab.running().values()) and (by_docker or not pulumi.runtime.is_dry_run())
    builder = {"builder": lab.builder.daemon} if builds else {}
    asked = {**builder, **{name: host.address for name, host in lab.hosts.items()}}
    near = {address: name for name, address in sorted(asked.items()) if address.startswith(("unix://", "tcp://"))}
    for address, name in near.items():
        check_listening(name, address, daemon="Docker" if name != "builder" or by_docker else "BuildKit")
    if builder and by_docker and lab.builder.daemon in near:
        check_builder(lab.builder.daemon)
    if lab.hosts and lab.registry and lab.registry.username:
        check_login(lab.registry.server)


class _Backend(Protocol):
    """Where a lab runs, with what the lab has there beside its projects."""

    def workspace(self, name: str, *, image: pulumi.Input[str], token: pulumi.Input[str] | None) -> pulumi.Resource:
        """Register a running project."""

    def summary(self, references: Mapping[str, pulumi.Input[str]]) -> dict[str, dict[str, Any]]:
        """Return a row for each project; `references` are the images."""


def _backend(args: LabArgs, lock: Lock, secret: SecretLookup, parent: pulumi.Resource) -> _Backend:
    """The backend of a lab's kind; only that one's modules and its provider's SDK are loaded."""
    if isinstance(args.runs_on, Docker):
        from labform.backends.docker.hosts import DockerHosts

        return DockerHosts(args, lock=lock, secret=secret, parent=parent)
    try:
        from labform.backends.kubernetes.cluster import KubernetesCluster
    except ModuleNotFoundError as error:
        raise pulumi.RunError(f"{error}: a lab on Kubernetes needs `pip install 'labform[kubernetes]'`") from None
    return KubernetesCluster(args, lock=lock, secret=secret, parent=parent)


class Lab(pulumi.ComponentResource):
    """One lab: images, volumes and workspaces.

    `projects` says for each project where it runs, by which digest, and where to reach it and its data; `tokens`
    are the services' tokens, secret; `gpus` is who holds which GPU, by host; `quotas` is what each person uses
    of what they may.
    """

    projects: dict[str, dict[str, Any]]
    tokens: pulumi.Output[dict[str, str]]
    gpus: dict[str, dict[str, str]]
    quotas: dict[str, dict[str, str]]

    def __init__(
        self,
        name: str,
        args: LabArgs,
        *,
        lock: Lock,
        recipes: Mapping[str, Recipe],
        secret: SecretLookup,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register everything the lab declares; `secret` looks a named secret up."""
        super().__init__("labform:index:Lab", name, {"lab": args.lab}, opts)
        self._args, self._lock, self._secret = args, lock, secret
        running = args.running()
        backend = _backend(args, lock, secret, self)
        for line in warnings_of({key: recipes[key] for key in running}):
            pulumi.log.warn(line)
        self._bases: dict[str, pulumi.Output[str]] = {}
        for key in running:
            if not args.projects[key].pinned:
                for base, made in all_bases(recipes[key]).items():
                    self._base(base, made)
        references = {key: self._reference(key, recipes[key]) for key in running}
        tokens = {key: self._token(key, one) for key, one in running.items() if workload.token_key(one)}
        for key in running:
            backend.workspace(key, image=references[key], token=tokens.get(key))
        self.projects = backend.summary(references)
        self.tokens = pulumi.Output.secret(pulumi.Output.all(**tokens))
        self.gpus = gpu_summary(gpu_table(args, lock))
        self.quotas = quota_summary(quotas(args, lock.placements()).usage)
        self.register_outputs({})

    def _reference(self, name: str, recipe: Recipe) -> pulumi.Input[str]:
        if self._args.projects[name].pinned:
            return self._lock.builds[name].image
        return self._image(name, recipe, name).reference

    def _base(self, name: str, recipe: Recipe) -> None:
        """Build a base once; without a registry its name is a tag, since a daemon builds on nothing else of its own."""
        if name in self._bases:
            return
        built = self._image(f"base.{name}", recipe, f"bases/{name}")
        tag = f"{self._args.repository(f'bases/{name}')}:{recipe.hash}"
        reference = built.reference
        self._bases[name] = reference if self._args.registry else reference.apply(lambda _: tag)

    @cached_property
    def _builder(self) -> pulumi.ProviderResource:
        """Where images are built, if one has to be."""
        name, opts = f"{self._args.lab}-{BUILDER}", pulumi.ResourceOptions(parent=self)
        if self._buildkit:
            return buildkit.provider(name, opts)
        return docker.Provider(name, host=self._args.builder.daemon, opts=opts)

    @cached_property
    def _buildkit(self) -> BuildKit | None:
        """The BuildKit daemon that builds, if one does; only a deployment tells buildx where it is."""
        builder, name = self._args.builder, buildkit.builder_name(self._args.lab)
        if builder.engine == "daemon":
            return None
        if not pulumi.runtime.is_dry_run():
            buildkit.remember(name, builder.daemon)
        secrets = {key: self._secret(one.source) for key, one in builder.secrets.items()}
        return BuildKit(name, builder.cache, secrets)

    def _image(self, name: str, recipe: Recipe, path: str) -> Image:
        registry = self._args.registry
        password = self._secret(registry.password.source) if registry and registry.password else None
        return Image(
            f"{self._args.lab}-{name}",
            recipe,
            repository=self._args.repository(path),
            push=registry is not None,
            username=registry.username if registry else None,
            password=password,
            network=self._args.builder.network if self._args.builder.network == "host" else None,
            bases=self._bases,
            buildkit=self._buildkit,
            opts=pulumi.ResourceOptions(parent=self, providers=[self._builder]),
        )

    def _token(self, name: str, project: ProjectArgs) -> pulumi.Output[str]:
        service = project.service
        generation = service.token_generation if isinstance(service, (Jupyter, CodeServer)) else 1
        return self._secret(LAB_SECRET).apply(lambda key: service_token(key, self._args.lab, name, generation))


def service_token(lab_secret: str, lab: str, project: str, generation: int) -> str:
    """A service's token: an HMAC of the lab's secret, so that one can be renewed and the others stay."""
    message = f"{lab}/{project}/{generation}".encode()
    return hmac.new(lab_secret.encode(), message, hashlib.sha256).hexdigest()[:48]
