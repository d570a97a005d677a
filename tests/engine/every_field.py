"""A lab that uses every field of a stack file, and an edit of each field of a project. Data only, nothing runs here."""

from collections.abc import Mapping
from typing import Any

from tests.engine.bench import FIRST_PORT
from tests.engine.dotted import DROP, edited
from tests.engine.edits import CODE_SERVER, JUPYTER, OTHER, PATHS, PATIENT, RUN, SERVE, Edit
from tests.engine.environment_edits import environments

SECRETS = {"first": "one-zebra", "second": "two-walrus"}


def _services() -> list[Edit]:
    health = {"service.health": ["true"]}
    port = {"service.port": 8000}
    plain = {**SERVE["service"], "startup": PATIENT}
    return [
        Edit("ProjectArgs.service", {"service": DROP, "run": {"command": ["true"]}}),
        Edit("Command.kind", {"service": JUPYTER["service"]}, {**JUPYTER, "service": plain}),
        Edit("Command.command", {"service.command": ["sleep", "12h"]}),
        Edit("Command.port", {"service.port": 8001}, before=port),
        Edit("Command.port (added)", port),
        Edit("Command.port (removed)", {"service.port": DROP}, before=port),
        Edit("Command.host_port", {"service.host_port": FIRST_PORT + 91},
             before={**port, "service.host_port": FIRST_PORT + 90}),
        Edit("Command.listen", {"service.listen": "127.0.0.2"}, before={**port, "service.listen": "127.0.0.1"}),
        Edit("Command.startup", {"service.startup": "30s"}, before={**health, "service.startup": "90s"}),
        Edit("Command.health", {"service.health": ["test", "-d", "/"]}, before=health),
        Edit("Command.health (added)", health),
        Edit("Command.health (removed)", {"service.health": DROP}, before=health),
        Edit("Jupyter.kind", {"service": plain}, JUPYTER),
        Edit("Jupyter.host_port", {"service.host_port": FIRST_PORT + 93}, JUPYTER,
             {"service.host_port": FIRST_PORT + 92}),
        Edit("Jupyter.listen", {"service.listen": "127.0.0.3"}, JUPYTER, {"service.listen": "127.0.0.1"}),
        Edit("Jupyter.startup", {"service.startup": "5m"}, JUPYTER, {"service.startup": "1h"}),
        Edit("Jupyter.directory", {"service.directory": "/data"}, JUPYTER, {"service.directory": "/workspace"}),
        Edit("Jupyter.token_generation", {"service.token_generation": 2}, JUPYTER, {"service.token_generation": 1}),
        Edit("CodeServer.kind", {"service": plain}, CODE_SERVER),
        Edit("CodeServer.host_port", {"service.host_port": FIRST_PORT + 97}, CODE_SERVER,
             {"service.host_port": FIRST_PORT + 96}),
        Edit("CodeServer.listen", {"service.listen": "127.0.0.3"}, CODE_SERVER, {"service.listen": "127.0.0.1"}),
        Edit("CodeServer.startup", {"service.startup": "5m"}, CODE_SERVER, {"service.startup": "1h"}),
        Edit("CodeServer.directory", {"service.directory": "/data"}, CODE_SERVER,
             {"service.directory": "/workspace"}),
        Edit("CodeServer.token_generation", {"service.token_generation": 2}, CODE_SERVER,
             {"service.token_generation": 1}),
        Edit("ProjectArgs.run", {"run": DROP, "service": SERVE["service"]}, RUN),
        Edit("Run.command", {"run.command": ["sh", "-c", "exit 0"]}, RUN),
        Edit("Run.retries", {"run.retries": 2}, RUN, {"run.retries": 1}, kept=True),
        Edit("Run.deadline", {"run.deadline": "2s"}, {**RUN, "run": {"command": ["sleep", "600"]}},
             {"run.deadline": "9m"}),
        Edit("Run.generation", {"run.generation": 2}, RUN, {"run.generation": 1}),
        Edit("ProjectArgs.must_run", {"must_run": False}, before={"must_run": True}, kept=True),
        Edit("ProjectArgs.must_run (again)", {"must_run": True}, before={"must_run": False}, kept=True),
        Edit("ProjectArgs.stop_grace", {"stop_grace": "5s"}, before={"stop_grace": "9s"}),
        Edit("ProjectArgs.capabilities", {"capabilities": ["SYS_PTRACE", "IPC_LOCK"]},
             before={"capabilities": ["SYS_NICE"]}),
        Edit("ProjectArgs.state", {"state": "retired"}, before={"state": "running"}),
        Edit("ProjectArgs.state (again)", {"state": "running"}, before={"state": "retired"}),
    ]  # fmt: skip


def _devices_and_data() -> list[Edit]:
    def mounted(key: str) -> dict[str, Any]:
        return {f"volumes.{key}": {"owner": "anna", "size": "1Gi"}}

    def directory(key: str, **more: Any) -> dict[str, Any]:
        return {f"volumes.{key}": {"path": f"{PATHS}/one", **more}}

    return [
        Edit("ProjectArgs.gpus", {"gpus": 1}, before={"gpus": 0}),
        Edit("ProjectArgs.gpus (removed)", {"gpus": 0}, before={"gpus": 1}),
        Edit("GpuRequest.count", {"gpus.count": 2}, before={"gpus": {"count": 1}}),
        Edit("GpuRequest.model", {"gpus.model": "H200"}, before={"gpus": {"model": "A100"}}),
        Edit("GpuRequest.mig", {"gpus.mig": "2g.20gb"}, before={"gpus": {"mig": "1g.10gb"}}),
        Edit("GpuRequest.uuid", {"gpus.uuid": "GPU-pin2"}, before={"gpus": {"uuid": "GPU-pin1"}}),
        Edit("GpuRequest.memory", {"gpus.memory": ">=20Gi"}, before={"gpus": {"memory": ">=10Gi"}}),
        Edit("ProjectArgs.requires", {"requires": {"cuda": "12.4"}}, before={"gpus": 1}, kept=True),
        Edit("Requirements.cuda", {"requires.cuda": "12.4"}, before={"gpus": 1, "requires": {"cuda": "11.8"}},
             kept=True),
        Edit("Requirements.compute_capability", {"requires.compute_capability": "7.0"},
             before={"gpus": 1, "requires": {"compute_capability": "6.0"}}, kept=True),
        Edit("Resources.cpus", {"resources.cpus": 1.25}, before={"resources": {"cpus": 1}}),
        Edit("Resources.memory", {"resources.memory": "300Mi"}, before={"resources": {"memory": "200Mi"}}, kept=True),
        Edit("Resources.memory (gpu)", {"resources.memory": "300Mi"},
             before={"gpus": 1, "resources": {"memory": "200Mi"}}),
        Edit("Resources.shared_memory", {"resources.shared_memory": "96Mi"},
             before={"resources": {"shared_memory": "80Mi"}}),
        Edit("ProjectArgs.resources", {"resources": DROP}, before={"resources": {"cpus": 0.75}}),
        Edit("ProjectArgs.mounts", {"mounts": {"v2": "/data"}}, lab_before=mounted("v2")),
        Edit("ProjectArgs.mounts (removed)", {"mounts": {}}, before={"mounts": {"v3": "/data"}},
             lab_before=mounted("v3")),
        Edit("ProjectArgs.mounts (source)", {"mounts": {"v5": "/data"}}, before={"mounts": {"v4": "/data"}},
             lab_before={**mounted("v4"), **mounted("v5")}),
        Edit("Mount.path", {"mounts.v6.path": "/data/deeper"}, before={"mounts": {"v6": {"path": "/data"}}},
             lab_before=mounted("v6")),
        Edit("Mount.read_only", {"mounts.v7.read_only": True}, before={"mounts": {"v7": {"path": "/data"}}},
             lab_before=mounted("v7")),
        Edit("Mount.read_only (again)", {"mounts.v8.read_only": False},
             before={"mounts": {"v8": {"path": "/data", "read_only": True}}}, lab_before=mounted("v8")),
        Edit("Directory.path", before={"mounts": {"d1": "/data"}}, lab_before=directory("d1"),
             lab_after={"volumes.d1.path": f"{PATHS}/two"}, shows=(("cat /data/name", "two\n"),)),
        Edit("Directory.read_only", before={"mounts": {"d2": "/data"}}, lab_before=directory("d2", read_only=False),
             lab_after={"volumes.d2.read_only": True}),
        Edit("ManagedVolume.size", before={"mounts": {"v9": "/data"}},
             lab_before={"volumes.v9": {"owner": "anna", "size": "1Gi"}}, lab_after={"volumes.v9.size": "2Gi"},
             kept=True),
    ]  # fmt: skip


def _people() -> list[Edit]:
    def person(name: str, **more: Any) -> dict[str, Any]:
        return {f"people.{name}": {"uid": 10100, **more}}

    return [
        Edit("ProjectArgs.owner", {"owner": "ben"}),
        Edit("ProjectArgs.host", {"host": "local"}, kept=True),
        Edit("ProjectArgs.env", {"env": {"A": "2", "C": "3"}}, before={"env": {"A": "1", "B": "x=y z"}}),
        Edit("ProjectArgs.secrets", {"secrets": {"ADDED": {"from": "first"}}}),
        Edit("ProjectArgs.secrets (removed)", {"secrets": {}}, before={"secrets": {"GONE": {"from": "first"}}}),
        Edit("ProjectSecret.source", {"secrets.S.from": "second"}, before={"secrets": {"S": {"from": "first"}}}),
        Edit("ProjectSecret.source (env)", {"secrets.S.from": "second"},
             before={"secrets": {"S": {"from": "first", "as": "env"}}}),
        Edit("ProjectSecret.form", {"secrets.S.as": "env"}, before={"secrets": {"S": {"from": "first", "as": "file"}}}),
        Edit("Person.uid", {}, {**SERVE, "owner": "p1"}, lab_before=person("p1"), lab_after={"people.p1.uid": 10200}),
        Edit("Person.gid", {}, {**SERVE, "owner": "p2"}, lab_before=person("p2", gid=10300),
             lab_after={"people.p2.gid": 10301}),
        Edit("Person.resources", {}, {**SERVE, "owner": "p4"}, lab_before=person("p4", resources={"memory": "120Mi"}),
             lab_after={"people.p4.resources.memory": "140Mi"}, kept=True),
        Edit("Group.resources", {}, {**SERVE, "owner": "p5"},
             lab_before={**person("p5", group="course"), "groups.course": {"resources": {"cpus": 0.5}}},
             lab_after={"groups.course.resources.cpus": 0.75}),
        Edit("Person.email", {}, {**SERVE, "owner": "p3"}, lab_before=person("p3", email="p3@example.org"),
             lab_after={"people.p3.email": "new@example.org"},
             shows=(("tail -1 /etc/gitconfig", "\temail = new@example.org\n"),)),
    ]  # fmt: skip


EDITS = [*environments(), *_services(), *_devices_and_data(), *_people()]


def gpus() -> list[dict[str, Any]]:
    """GPUs that no machine has: a daemon that accepts GPU requests takes any id."""
    models = {"pin1": "V100", "pin2": "V100", "new": "H200"} | {f"a{number}": "A100" for number in range(10)}
    profiles = ["1g.10gb", "2g.20gb", "1g.10gb", "2g.20gb", "1g.10gb"]
    slices = [{"uuid": f"MIG-{place}", "profile": profile} for place, profile in enumerate(profiles)]
    whole = [{"uuid": f"GPU-{key}", "model": model} for key, model in models.items()]
    large = {"uuid": "GPU-large", "model": "rare", "memory": "250Gi"}
    return [*whole, large, {"uuid": "GPU-sliced", "model": "A100-80GB", "mig": slices}]


KEEPER: dict[str, Any] = {
    **SERVE,
    "host": "local",
    "gpus": {"mig": "1g.10gb"},
    "requires": {"cuda": "12.4", "compute_capability": "8.0"},
    "resources": {"cpus": 0.5, "memory": "128Mi", "shared_memory": "64Mi"},
    "mounts": {"work": "/workspace", "shared": {"path": "/data/shared", "read_only": True}},
    "service": {
        "kind": "command",
        "command": ["python3", "-m", "http.server", "8000", "--directory", "/workspace"],
        "port": 8000,
        "host_port": FIRST_PORT + 95,
        "listen": "127.0.0.1",
        "health": ["test", "-d", "/workspace"],
        "startup": "1m",
    },
    "env": {"PLAIN": "value"},
    "secrets": {"AS_FILE": {"from": "first"}, "AS_ENV": {"from": "second", "as": "env"}},
    "state": "running",
    "must_run": True,
    "stop_grace": "5s",
    "capabilities": ["SYS_PTRACE"],
}
"""A project that nothing is done to, and that has of everything something."""


LIMITS: dict[str, Any] = {
    "gpus": "20",
    "gpus_per_project": 2,
    "cpus": 99,
    "memory": "64Gi",
    "shared_memory": "32Gi",
    "projects": 99,
    "volumes": "1Ti",
}
"""What one person may use, of every kind."""


def lab(name: str) -> dict[str, Any]:
    """The lab before the edits."""
    made_base = {"kind": "dockerfile", "directory": "../own2"}
    made: dict[str, Any] = {
        "format": 1,
        "lab": name,
        "strict": True,
        "runs_on": {"kind": "docker", "hosts": {"local": _host()}},
        "builder": {"address": "local", "engine": "daemon", "network": "host"},
        "registry": {"address": "127.0.0.1:5000/t", "username": "labform", "password": {"from": "registry-password"}},
        "bases": {
            "python": {"image": "python:3.12-slim"},
            "other": {"image": OTHER},
            "made": {"environment": made_base},
        },
        "defaults": {
            "base": "python",
            "resources": {"cpus": 0.25, "memory": "100Mi", "shared_memory": "32Mi"},
            "limits": {**LIMITS, "projects": 9},
        },
        "groups": {"staff": {**LIMITS, "gpus": "1/7", "resources": {"cpus": 0.25}}},
        "people": {
            "anna": {
                "group": "staff",
                "uid": 10042,
                "gid": 10043,
                "email": "anna@example.org",
                "until": "2099-12-31",
                "limits": {"gpus": "20", "projects": "unlimited"},
                "resources": {"memory": "100Mi"},
            },
            "ben": {"uid": 10044},
        },
        "volumes": {
            "work": {"owner": "anna", "host": "local", "size": "1Gi"},
            "moving": {"owner": "anna", "size": "1Gi"},
            "shared": {"path": f"{PATHS}/one", "host": "local", "read_only": True},
            # Docker makes the handle without asking the server; nothing mounts it, because there is none.
            "export": {"nfs": {"server": "nfs.invalid", "path": "/x", "options": "rw,nfsvers=4"}, "read_only": False},
        },
        "projects": {
            "keeper": KEEPER,
            "large": {**SERVE, "gpus": {"memory": ">=200Gi"}},
            "old-name": {**SERVE, "mounts": {"moving": "/data"}, "service": {**SERVE["service"], "port": 8000}},
        },
    }
    for edit in EDITS:
        project = edited(edit.base, edit.before)
        made = edited(made, {f"projects.{edit.project}": project, **edit.lab_before})
    return made


def edited_lab(before: Mapping[str, Any]) -> dict[str, Any]:
    """The lab with every edit, and with a project renamed."""
    made = edited(before, {})
    for edit in EDITS:
        project = edited(made["projects"][edit.project], edit.after)
        made = edited(made, {f"projects.{edit.project}": project, **edit.lab_after})
    made["projects"]["new-name"] = made["projects"].pop("old-name")
    return made


def _host() -> dict[str, Any]:
    return {
        "address": "unix:///var/run/docker.sock",
        "engine": "docker",
        "cpus": 64,
        "memory": "512Gi",
        "driver": "580.65",
        "gpu_request": "nvidia",
        "host_paths": [PATHS],
        "gpus": gpus(),
        "ports": f"{FIRST_PORT}-{FIRST_PORT + 89}",
    }
