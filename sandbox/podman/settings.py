"""Podman's configuration files: everything that it would share with another Podman of the machine is its own."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.layout import Layout
    from sandbox.network import Pool
    from sandbox.toolset import Toolset

PRIVATE = ("/run/containers", "/run/netns", "/run/runc")
"""Folders that Podman uses whatever it is told; in its own mount namespace they are its own."""

REGISTRIES = """\
unqualified-search-registries = []
[[registry]]
location = "127.0.0.1"
insecure = true
"""
"""No name without a registry means anything, and registries of this machine are asked without TLS, at any port."""


def write(layout: Layout, pool: Pool, tools: Toolset) -> dict[str, str]:
    """Write the files, and return the environment that makes Podman and Buildah read them and no others."""
    folder = _folder(layout)
    policy = folder / ".config/containers/policy.json"
    policy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tools.directory / "etc/containers/policy.json", policy)
    texts = {
        "containers.conf": _containers(layout, pool, tools),
        "storage.conf": _toml({"storage": {"driver": "overlay", "runroot": run(layout), "graphroot": layout.data}}),
        "registries.conf": REGISTRIES,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {**tools.environment, **_files(layout), "HOME": str(folder), "REGISTRY_AUTH_FILE": str(auth(layout))}


def run(layout: Layout) -> Path:
    """What Podman's storage keeps until it is stopped."""
    return layout.run / "storage"


def auth(layout: Layout) -> Path:
    """The logins of Buildah and Podman's own commands; the API is told them by whoever asks."""
    return layout.docker_config / "config.json"


def _folder(layout: Layout) -> Path:
    return layout.root / "settings"


def _files(layout: Layout) -> dict[str, str]:
    names = {"CONTAINERS_CONF": "containers", "CONTAINERS_STORAGE_CONF": "storage"}
    names["CONTAINERS_REGISTRIES_CONF"] = "registries"
    return {key: str(_folder(layout) / f"{name}.conf") for key, name in names.items()}


def _containers(layout: Layout, pool: Pool, tools: Toolset) -> str:
    own, init = tools.directory, tools.directory / "usr/libexec/podman/catatonit"
    subnets = list(pool.network.subnets(new_prefix=24))
    # conmon calls Podman when a container ends, and that restarts it or tidies up; it inherits nothing but this.
    inherited = {key: tools.environment[key] for key in ("PATH", "LD_LIBRARY_PATH", "XTABLES_LIBDIR")}
    passed = [f"{key}={value}" for key, value in {**inherited, **_files(layout)}.items()]
    return (
        _toml(
            {
                "containers": {"seccomp_profile": own / "usr/share/containers/seccomp.json", "log_driver": "k8s-file"},
                "engine": {
                    "cgroup_manager": "cgroupfs",
                    "conmon_env_vars": passed,
                    "conmon_path": [str(own / "usr/bin/conmon")],
                    "events_logfile_path": layout.run / "events.log",
                    "events_logger": "file",
                    "helper_binaries_dir": [str(own / "usr/lib/podman")],
                    "init_path": init,
                    "lock_type": "file",
                    "runtime": "runc",
                    "static_dir": layout.root / "libpod",
                    "tmp_dir": layout.run / "libpod",
                    "volume_path": layout.root / "volumes",
                },
                "engine.runtimes": {"runc": [str(own / "labform-bin/runc")]},
                "network": {
                    "network_backend": "netavark",
                    "network_config_dir": layout.root / "networks",
                    "default_subnet": str(subnets[0]),
                },
            }
        )
        + f'default_subnet_pools = [{{"base" = "{pool.user_networks}", "size" = 25}}]\n'
    )


def _toml(tables: dict[str, dict[str, object]]) -> str:
    lines = []
    for table, values in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {_value(value)}" for key, value in values.items()]
    return "\n".join([*lines, ""])


def _value(value: object) -> str:
    return json.dumps(value if isinstance(value, list) else str(value))
