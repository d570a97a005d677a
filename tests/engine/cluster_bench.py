"""A lab on the real engine and a cluster of the sandbox, for tests: its images are pinned, nothing is built."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client, config
from labform.loading import read
from labform.lockfile import LockedBuild, write_lock
from labform.recipes import recipes_of

import sandbox.cluster
from sandbox.cluster import Pool
from sandbox.deployment import Deployment
from tests.engine.bench import REPOSITORY, Bench, Outcome

DIGEST = f"@sha256:{'c' * 64}"
BASE = f"base{DIGEST}"
"""An image that every project may name: pods of a sandbox cluster run nothing."""


class ClusterBench(Bench):
    """One lab in a project folder of its own, on a cluster."""

    def __init__(self, folder: Path, cluster: Any, tools: Any, name: str, box: Any = None) -> None:
        """Lay out a project; nothing runs yet. With `box`, what is not prebuilt is built there and pushed."""
        self.project, self.name, self.lab = folder / "clone", name, {}
        (self.project / "stacks").mkdir(parents=True)
        (self.project / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text())
        (self.project / "__main__.py").write_text((REPOSITORY / "__main__.py").read_text())
        (self.project / ".venv").symlink_to(REPOSITORY / ".venv")
        self.behaviours: dict[str, str] = {}
        password = folder / "password"
        password.write_text("push")
        way = {"KUBECONFIG": str(cluster.kubeconfig)}
        self.builds = box is not None
        box = (
            replace(box, env={**box.env, **way})
            if box
            else SimpleNamespace(
                env=way,
                docker_host="unix:///nowhere.sock",
                registry_address="registry.invalid",
                registry_password_file=password,
                base_reference=BASE,
            )
        )
        env = {**tools.env, "PULUMI_DEBUG_COMMANDS": "1"}
        self.deployment = Deployment(self.project, "t", folder / "data", box, env, "stacks/t.yaml")  # type: ignore[arg-type]
        api = config.new_client_from_config(str(cluster.kubeconfig))
        self.core, self.apps, self.batch = client.CoreV1Api(api), client.AppsV1Api(api), client.BatchV1Api(api)
        self.storage = client.StorageV1Api(api)
        self.api, self.cluster, self.kubectl = api, cluster, cluster.kubectl

    def write(self, lab: dict[str, Any]) -> None:
        """Write the stack file, and a lock that knows an image of each project.

        What `behaviours` says of a project is the beginning of its image's name, which tells the cluster how it goes.
        """
        pinned = {
            name: not self.builds or one["environment"]["kind"] == "prebuilt" for name, one in lab["projects"].items()
        }
        projects = {name: {**one, "pinned": pinned[name]} for name, one in lab["projects"].items()}
        # By way of JSON: what stands in two places is written twice, because a stack file has no anchors.
        super().write(json.loads(json.dumps({**lab, "projects": projects})))
        draft = read(self.project / self.deployment.stack_file, lock=self.deployment.lock)
        recipes = recipes_of(draft).recipes
        names = {name: self.behaviours.get(name, name) for name in recipes}
        builds = {
            name: LockedBuild(recipe=recipe.hash, image=f"sandbox.invalid/{names[name]}{DIGEST}")
            for name, recipe in recipes.items()
            if pinned[name]
        }
        write_lock(self.deployment.lock, draft.lock.model_copy(update={"builds": {**draft.lock.builds, **builds}}))

    def deploy(self, lab: dict[str, Any], *args: str, ok: bool = True) -> Outcome:
        """Write a lab and bring it up."""
        self.write(lab)
        return self.up(*args, ok=ok)

    def secret(self, key: str, value: str) -> None:
        """Set a secret of the stack."""
        self.deployment.pulumi("config", "set", "--secret", key, capture=True, input=value)

    def claims(self) -> dict[str, str]:
        """The uid of each managed volume's claim, by volume id."""
        found = self.core.list_persistent_volume_claim_for_all_namespaces(label_selector=f"labform.lab={self.name}")
        return {one.metadata.labels["labform.volume"]: one.metadata.uid for one in found.items}

    def uids(self, *kinds: str) -> dict[str, tuple[str, str]]:
        """The uid and the revision of every object of the lab, by kind, namespace and name."""
        label = {"label_selector": f"labform.lab={self.name}"}
        lists = {
            "Deployment": self.apps.list_deployment_for_all_namespaces,
            "Job": self.batch.list_job_for_all_namespaces,
            "Service": self.core.list_service_for_all_namespaces,
            "ConfigMap": self.core.list_config_map_for_all_namespaces,
            "Secret": self.core.list_secret_for_all_namespaces,
            "PersistentVolumeClaim": self.core.list_persistent_volume_claim_for_all_namespaces,
            "Pod": self.core.list_pod_for_all_namespaces,
        }
        return {
            f"{kind} {one.metadata.namespace}/{one.metadata.name}": (one.metadata.uid, str(one.metadata.generation))
            for kind in kinds or lists
            for one in lists[kind](**label).items
        }

    def close(self) -> None:
        """Leave the cluster to the one who started it."""
        self.api.close()


@contextmanager
def on_a_cluster(folders: pytest.TempPathFactory, tools: Any, pools: Sequence[Pool]) -> Iterator[ClusterBench]:
    """A lab's folder and a cluster of its own, both gone afterwards."""
    root = folders.mktemp("cluster")
    cluster = sandbox.cluster.start(root, pools=pools)
    made = ClusterBench(folders.mktemp("lab"), cluster, tools, f"c{uuid.uuid4().hex[:5]}")
    try:
        yield made
    finally:
        made.close()
        sandbox.cluster.remove(root)
