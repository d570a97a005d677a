"""A project's pod as a Docker container: what the kubelet would make of its template, with nothing left out.

Nodes of the sandbox cluster run nothing. Whatever a template says that this does not know fails.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import docker
from labform.backends.kubernetes.pod import Workload, owner_files, template

SPEC = {"serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "shareProcessNamespace", "hostname",
        "restartPolicy", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"}  # fmt: skip
CONTAINER = {"name", "image", "imagePullPolicy", "args", "env", "ports", "resources", "securityContext",
             "startupProbe", "readinessProbe", "volumeMounts"}  # fmt: skip
SECURITY = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "capabilities": {"drop": ["ALL"]},
}

ASK = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


class PodOnDocker:
    """A pod's one container, running."""

    def __init__(
        self, client: docker.DockerClient, one: Workload, image: str, secrets: Mapping[str, str], folder: Path
    ) -> None:
        """Start it from a local image; its claims are empty directories below `folder`."""
        self._one, self._secrets, self._folder = one, secrets, folder
        self.spec: dict[str, Any] = template(one, image)["spec"]
        (self._made,) = self.spec["containers"]
        assert self.spec.keys() <= SPEC
        assert self._made.keys() <= CONTAINER
        assert self._made["securityContext"] == SECURITY
        self._security = self.spec["securityContext"]
        self.container = client.containers.run(
            image,
            [_plain(word) for word in self._made["args"]],
            detach=True,
            init=self.spec["shareProcessNamespace"],
            hostname=self.spec["hostname"],
            user=f"{self._security['runAsUser']}:{self._security['runAsGroup']}",
            group_add=[self._security["fsGroup"]],
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            environment={one["name"]: self._value(one) for one in self._made["env"]},
            mem_limit=one.limits.memory,
            nano_cpus=int(one.limits.cpus * 10**9),
            shm_size=one.limits.shared_memory,
            volumes=self._mounts(),
        )

    def __enter__(self) -> Self:
        """Use it for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self.container.remove(force=True)

    def ready(self) -> bool:
        """Whether the pod's startup probe passes."""
        code, _ = self.container.exec_run(self._made["startupProbe"]["exec"]["command"])
        return bool(code == 0)

    def run(self, *command: str) -> str:
        """What a command prints in the container; it must succeed."""
        code, output = self.container.exec_run(list(command))
        assert code == 0, output.decode()
        return str(output.decode())

    def status(self, address: str) -> int:
        """What a server in the container answers, at `PORT/PATH`."""
        return int(self.run("python", "-c", ASK, f"http://127.0.0.1:{address}"))

    def _value(self, variable: Mapping[str, Any]) -> str:
        if "value" in variable:
            return _plain(variable["value"])
        return self._secrets[variable["valueFrom"]["secretKeyRef"]["key"]]

    def _mounts(self) -> list[str]:
        volumes = {one["name"]: one for one in self.spec["volumes"]}
        found = []
        for mount in self._made["volumeMounts"]:
            if mount["mountPath"] == "/dev/shm":
                assert volumes["shm"]["emptyDir"]["medium"] == "Memory"
                continue
            source = self._source(volumes[mount["name"]]) / mount.get("subPath", "")
            found.append(f"{source}:{mount['mountPath']}:{'ro' if mount.get('readOnly') else 'rw'}")
        return found

    def _source(self, volume: Mapping[str, Any]) -> Path:
        """A volume's directory, with the owners and modes that the kubelet gives it for `fsGroup`."""
        folder = self._folder / volume["name"]
        folder.mkdir(exist_ok=True)
        os.chown(folder, 0, self._security["fsGroup"])
        if "persistentVolumeClaim" in volume:
            folder.chmod(0o2775)
            return folder
        folder.chmod(0o755)
        if "configMap" in volume:
            files, mode = owner_files(self._one), 0o644
        else:
            files = {item["path"]: self._secrets[item["key"]] for item in volume["secret"]["items"]}
            mode = volume["secret"]["defaultMode"]
        for name, text in files.items():
            (folder / name).write_text(text)
            os.chown(folder / name, 0, self._security["fsGroup"])
            (folder / name).chmod(mode)
        return folder


def _plain(text: str) -> str:
    """What the kubelet makes of an escaped `$(NAME)`."""
    return text.replace("$$(", "$(")
