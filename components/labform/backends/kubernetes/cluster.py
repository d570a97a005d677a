"""KubernetesCluster: a lab in its cluster: provider, a namespace for each person, volumes, and workspaces."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi

from labform.backends.kubernetes import namespaces, storage
from labform.backends.kubernetes.data import summary
from labform.backends.kubernetes.guards import Guards
from labform.backends.kubernetes.lab_objects import at_work, workload
from labform.backends.kubernetes.manifest import KEPT, Manifest
from labform.backends.kubernetes.namespaces import cluster_of
from labform.backends.kubernetes.resources import Provider, registered
from labform.backends.kubernetes.workspace import KubernetesWorkspace
from labform.lockfile import Lock
from labform.stack_file import LabArgs

SecretLookup = Callable[[str], pulumi.Output[str]]


class KubernetesCluster:
    """What of a lab is in its cluster, made as children of the lab."""

    def __init__(self, args: LabArgs, *, lock: Lock, secret: SecretLookup, parent: pulumi.Resource) -> None:
        """Register the provider, the namespaces with their rules, and the volumes."""
        self._args, self._lock, self._secret, self._parent = args, lock, secret, parent
        cluster = cluster_of(args)
        created = [key for key, one in lock.volumes.items() if one.state == "created"]
        kinds = {name: "Job" if one.run else "Deployment" for name, one in args.running().items()}
        self._guards = Guards(args.lab, cluster.context, namespaces.prefix(args), created, kinds)
        self._provider = self._provider_of("cluster")
        # What data hangs on is taken over where it exists; the guards have seen that it is this lab's.
        self._keeper = self._provider_of("data", upsert_existing_objects=True)
        with_data = {args.volumes[key].owner for key in storage.managed(args)}  # type: ignore[union-attr]
        self._namespaces = {owner: self._namespace(owner, owner in with_data) for owner in sorted(args.people)}
        self._rules = {owner: self._rules_of(owner) for owner in at_work(args)}
        self._volumes()

    def workspace(self, name: str, *, image: pulumi.Input[str], token: pulumi.Input[str] | None) -> KubernetesWorkspace:
        """The workspace of a running project, made when the rules of its namespace hold."""
        one = workload(self._args, name)
        return KubernetesWorkspace(
            name,
            one.args,
            image=image,
            lab=one.lab,
            person=one.person,
            namespace=one.namespace,
            limits=one.limits,
            gpu_kind=one.gpu_kind,
            claims=one.claims,
            read_only=one.read_only,
            wait=one.wait,
            ingress=cluster_of(self._args).ingress_rule(),
            secrets={key: self._secret(secret.source) for key, secret in one.args.secrets.items()},
            token=token,
            guards=self._guards,
            opts=pulumi.ResourceOptions(
                parent=self._parent, providers=[self._provider], depends_on=self._rules[one.args.owner]
            ),
        )

    def summary(self, references: Mapping[str, pulumi.Input[str]]) -> dict[str, dict[str, Any]]:
        """A row for each project; all but the digest is known at preview."""
        return summary(self._args, references)

    def _provider_of(self, name: str, **settings: Any) -> Provider:
        """A way to the cluster. The identifier is all that it may be replaced for: another context is no new one."""
        lab, context = self._args.lab, cluster_of(self._args).context
        opts = pulumi.ResourceOptions(parent=self._parent)
        return Provider(f"{lab}-{name}", context=context, cluster_identifier=lab, opts=opts, **settings)

    def _add(self, manifest: Manifest, **options: Any) -> pulumi.CustomResource:
        """An object, with the name of its namespace in front of its own, so that no two have the same."""
        metadata = manifest["metadata"]
        name = "-".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
        return self._named(name, manifest, **options)

    def _named(self, name: str, manifest: Manifest, **options: Any) -> pulumi.CustomResource:
        provider = self._keeper if manifest["kind"] in KEPT else self._provider
        hooks = self._guards.objects
        opts = pulumi.ResourceOptions(parent=self._parent, provider=provider, hooks=hooks, **options)
        return registered(name, manifest, opts)

    def _namespace(self, owner: str, has_data: bool) -> pulumi.CustomResource:
        """Kept whatever happens: to delete it would delete every volume in it."""
        made = namespaces.namespace(self._args, owner)
        return self._named(f"{self._args.lab}-{owner}", made, retain_on_delete=True, protect=has_data or None)

    def _rules_of(self, owner: str) -> Sequence[pulumi.Resource]:
        inside = {"depends_on": [self._namespaces[owner]], "delete_before_replace": True}
        made = [self._add(one, **inside) for one in namespaces.rules(self._args, owner)]
        if namespaces.pulls(self._args):
            made.append(self._add(namespaces.pull_secret(self._args, owner, self._login()), **inside))
        return made

    def _login(self) -> pulumi.Output[str]:
        registry = self._args.registry
        if registry is None or registry.username is None or registry.password is None:
            raise ValueError("the registry wants no login")
        server, username = registry.server, registry.username
        return self._secret(registry.password.source).apply(lambda password: login(server, username, password))

    def _volumes(self) -> None:
        """Volumes; their names in the program depend on neither project nor person."""
        seconds = f"{cluster_of(self._args).wait}s"
        bounded = pulumi.CustomTimeouts(create=seconds, update=seconds)
        for key in storage.claimed(self._args):
            volume: Any = self._args.volumes.get(key) or self._args.retired[key]
            self._named(
                storage.claim_name(self._args, key),
                storage.claim(self._args, key, self._lock.volumes.get(key)),
                depends_on=[self._namespaces[volume.owner]],
                protect=key in self._args.volumes,
                retain_on_delete=True,
                custom_timeouts=bounded,
            )
        for owner, made in storage.exports(self._args):
            for one in made:
                self._add(one, depends_on=[self._namespaces[owner]], custom_timeouts=bounded)


def login(server: str, username: str, password: str) -> str:
    """A `.dockerconfigjson`: how nodes log in to a registry."""
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {server: {"username": username, "password": password, "auth": auth}}}, sort_keys=True)
