"""The provider's settings: which cluster, which namespace, and how it writes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from toolchain.properties import UNKNOWN, Values

KNOWN = {
    *("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier", "enableServerSideApply", "version"),
    *("enableConfigMapMutable", "enableSecretMutable", "enablePatchForce", "deleteUnreachable"),
    *("skipUpdateUnreachable", "suppressDeprecationWarnings", "suppressHelmHookWarnings", "upsertExistingObjects"),
}
"""What the stand-in takes; it refuses the rest, such as `renderYamlToDirectory` and `kubeClientSettings`."""


@dataclass(frozen=True)
class Settings:
    """What `Configure` was told."""

    kubeconfig: str = ""
    """A path, or the text itself; nothing means KUBECONFIG or the user's own file."""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    config_maps_change: bool = False
    secrets_change: bool = False
    force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False

    @classmethod
    def of(cls, inputs: Values) -> "Settings":
        """Read the provider's inputs, then the official plugin's environment variables."""
        return cls(
            kubeconfig=inputs.get("kubeconfig") or "",
            context=inputs.get("context") or "",
            cluster=inputs.get("cluster") or "",
            namespace=inputs.get("namespace") or "",
            config_maps_change=_flag(inputs, "enableConfigMapMutable"),
            secrets_change=_flag(inputs, "enableSecretMutable"),
            force=_flag(inputs, "enablePatchForce"),
            upsert=_flag(inputs, "upsertExistingObjects"),
            delete_unreachable=_flag(inputs, "deleteUnreachable"),
        )

    def loaded(self) -> Values:
        """Return the kubeconfig with the chosen context; OSError or ValueError if there is none."""
        config = dict(_document(self.kubeconfig or _ambient()))
        if not config.get("clusters"):
            raise ValueError("it names no cluster")
        if self.context:
            config["current-context"] = self.context
        if self.cluster:
            contexts = [
                {**entry, "context": {**entry["context"], "cluster": self.cluster}}
                for entry in config.get("contexts") or []
            ]
            config["contexts"] = contexts
        return config


def diff_of_settings(olds: Values, news: Values) -> tuple[list[str], list[str]]:
    """Return which settings changed, and which of them lead to another cluster, as far as can be told."""
    changed = sorted(name for name in olds.keys() | news.keys() if olds.get(name) != news.get(name))
    named = [side.get("clusterIdentifier") for side in (olds, news)]
    if all(named):
        return changed, ["clusterIdentifier"] if named[0] != named[1] else []
    way = [name for name in changed if name in {"kubeconfig", "context", "cluster"}]
    unknown = [name for name in way if news.get(name) == UNKNOWN]
    if unknown:
        return changed, unknown
    before, after = _active_cluster(olds), _active_cluster(news)
    return changed, way if before and after and before != after else []


def _active_cluster(inputs: Values) -> Any:
    try:
        config = Settings.of(inputs).loaded()
        contexts = {entry["name"]: entry["context"] for entry in config.get("contexts") or []}
        cluster = contexts[config["current-context"]]["cluster"]
        return next(entry for entry in config["clusters"] if entry["name"] == cluster)
    except (OSError, ValueError, KeyError, StopIteration, TypeError, yaml.YAMLError):
        return None


def _flag(inputs: Values, name: str) -> bool:
    variable = "PULUMI_K8S_" + "".join(f"_{letter}" if letter.isupper() else letter for letter in name).upper()
    return str(inputs.get(name, os.environ.get(variable, ""))).lower() == "true"


def _ambient() -> str:
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _document(kubeconfig: str) -> Values:
    """Read a kubeconfig given as text or as a path."""
    text = kubeconfig
    if "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{"):
        text = Path(kubeconfig.partition(os.pathsep)[0]).expanduser().read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    if not isinstance(found, dict):
        raise ValueError("it is no kubeconfig")  # noqa: TRY004 - a bad value for the user
    return found
