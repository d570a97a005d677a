"""KubernetesWorkspace: a project as one Deployment or Job of a cluster, with what belongs to it."""

from collections.abc import Mapping
from typing import Any

import pulumi

from labform import workload
from labform.backends.kubernetes import Ingress, objects
from labform.backends.kubernetes.guards import Guards
from labform.backends.kubernetes.manifest import Manifest
from labform.backends.kubernetes.nodes import GpuKind
from labform.backends.kubernetes.pod import Workload
from labform.backends.kubernetes.resources import registered
from labform.people import Person
from labform.project import ProjectArgs
from labform.resources import FALLBACK, Limits


class KubernetesWorkspace(pulumi.ComponentResource):
    """A project's pod: its image by digest, its GPUs from the scheduler, its data where the project says.

    `name` is the Deployment's or Job's name in its namespace, `url` where the ingress serves it.
    """

    name: str
    namespace: str
    url: str | None

    def __init__(
        self,
        name: str,
        args: ProjectArgs,
        *,
        image: pulumi.Input[str],
        lab: str,
        person: Person,
        namespace: str,
        limits: Limits = FALLBACK,
        gpu_kind: GpuKind | None = None,
        claims: Mapping[str, str] | None = None,
        read_only: frozenset[str] = frozenset(),
        wait: int = 180,
        ingress: Ingress | None = None,
        secrets: Mapping[str, pulumi.Input[str]] | None = None,
        token: pulumi.Input[str] | None = None,
        guards: Guards | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the objects of a project; the namespace and its account `labform` exist.

        `gpu_kind` is what its GPUs are to the scheduler; `claims` the names of PersistentVolumeClaims
        in the namespace, by volume id, of which `read_only` are mounted so; `wait` is in seconds; `secrets` hold
        values by the names that `args.secrets` gives them; `token` is the service's; without `guards` nobody looks at
        what exists before it is made.
        """
        one = Workload(
            lab=lab, name=name, args=args, person=person, namespace=namespace, limits=limits,
            gpu_kind=gpu_kind, claims=dict(claims or {}), read_only=read_only, wait=wait,
        )  # fmt: skip
        inputs = {"project": name, "namespace": namespace}
        super().__init__("labform:index:KubernetesWorkspace", f"{lab}-{name}", inputs, opts)
        self._one, self._guards = one, guards
        mark = self._secret(dict(secrets or {}), token)
        files = self._add(objects.files(one))
        seconds = f"{objects.patience(one)}s"
        self._add(
            objects.workload_of(one, image, mark),
            # A pod must not start with files that are about to change.
            depends_on=[files],
            custom_timeouts=pulumi.CustomTimeouts(create=seconds, update=seconds),
            hooks=guards and guards.workloads,
        )
        if args.container_port:
            # An edited port would meet the entry it had, which the API server refuses.
            self._add(objects.service(one), replace_on_changes=["spec.ports"])
        self.name, self.namespace = one.object_name, namespace
        self.url = self._route(ingress) if ingress and args.container_port else None
        self.register_outputs({"name": self.name, "namespace": namespace})

    def _secret(self, values: dict[str, Any], token: pulumi.Input[str] | None) -> pulumi.Output[str] | None:
        """The project's Secret; what it returns changes when a value does, and says nothing of it.

        The provider makes a Secret anew when its data change, so its uid is a mark of them.
        """
        one = self._one
        if not (keys := one.secret_keys()):
            return None
        if token is not None and (key := workload.token_key(one.args)):
            before, after = workload.around_token(one.args)
            values = {**values, key: pulumi.Output.concat(before, token, after)}
        given = {key: pulumi.Output.secret(values[key]) for key in keys}
        made: Any = self._add(objects.secret(one, given))
        uid: pulumi.Output[str] = pulumi.Output.unsecret(made.metadata.apply(lambda found: found.get("uid") or ""))
        return uid

    def _route(self, ingress: Ingress) -> str:
        self._add(objects.route(self._one, ingress))
        return f"https://{objects.host_of(self._one.name, ingress)}"

    def _add(self, manifest: Manifest, **options: Any) -> pulumi.CustomResource:
        """An object of the project, under its own name: what is made anew has to be gone first."""
        options = {"hooks": self._guards and self._guards.objects, **options}
        opts = pulumi.ResourceOptions(parent=self, delete_before_replace=True, **options)
        return registered(manifest["metadata"]["name"], manifest, opts)
