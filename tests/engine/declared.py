"""What `docker inspect` has to say of a project, worked out from the stack file alone, and what it does say."""

from typing import Any

from labform.project import CodeServer, Jupyter, ProjectArgs
from labform.stack_file import LabArgs
from labform.units import Placement
from labform.volumes import Directory

_JUPYTER_HEALTH = "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=3)"


def declared(lab: LabArgs, name: str, place: Placement, secrets: dict[str, str]) -> dict[str, Any]:
    """Every part of a container that a stack file decides."""
    project, limits = lab.projects[name], lab.limits(name)
    person = lab.people[project.owner]
    return {
        "user": f"{person.uid}:{person.gid or person.uid}",
        "hostname": name,
        "command": _command(project),
        "env": _env(project, place, secrets),
        "labels": _labels(lab, name),
        "memory": (limits.memory, limits.memory),
        "cpus": int(limits.cpus * 10**9),
        "shared_memory": limits.shared_memory,
        "mounts": _mounts(lab, project),
        "ports": _ports(project, place),
        "health": _health(project),
        "restart": _restart(project),
        "stop": (project.stop_grace, True),
        "capabilities": (sorted(project.capabilities), ["ALL"], ["no-new-privileges:true"]),
        "devices": sorted(place.gpus),
        "ipc": "private",
        "ulimits": _ulimits(project, place),
        "networks": [f"labform-{lab.lab}"],
        "log": ("json-file", {"max-size": "10m", "max-file": "3"}),
        "privileged": False,
    }


def inspected(container: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
    """The same parts as the daemon reports them, less what the image brings."""
    config, host = container["Config"], container["HostConfig"]
    inherited = image["Config"].get("Labels") or {}
    return {
        "user": config["User"],
        "hostname": config["Hostname"],
        "command": _seen_command(config["Cmd"]),
        "env": sorted(set(config["Env"]) - (set(image["Config"]["Env"]) - {"HOME=/home/lab"})),
        "labels": {key: value for key, value in config["Labels"].items() if key not in inherited},
        "memory": (host["Memory"], host["MemorySwap"]),
        "cpus": host["NanoCpus"],
        "shared_memory": host["ShmSize"],
        "mounts": {
            one["Target"]: (one["Type"], one["Source"], one.get("ReadOnly", False)) for one in host.get("Mounts") or []
        },
        "ports": {
            port: [(one["HostIp"], int(one["HostPort"])) for one in found]
            for port, found in (host["PortBindings"] or {}).items()
        },
        "health": _seen_health(config.get("Healthcheck")),
        "restart": (host["RestartPolicy"]["Name"], host["RestartPolicy"]["MaximumRetryCount"]),
        "stop": (config["StopTimeout"], host["Init"]),
        "capabilities": (
            sorted(one.removeprefix("CAP_") for one in host["CapAdd"] or []),
            host["CapDrop"],
            host["SecurityOpt"],
        ),
        "devices": sorted(uuid for one in host["DeviceRequests"] or [] for uuid in one["DeviceIDs"]),
        "ipc": host["IpcMode"],
        "ulimits": {one["Name"]: (one["Soft"], one["Hard"]) for one in host["Ulimits"] or []},
        "networks": sorted(container["NetworkSettings"]["Networks"]),
        "log": (host["LogConfig"]["Type"], host["LogConfig"]["Config"]),
        "privileged": host["Privileged"],
    }


def files(lab: LabArgs, name: str, secrets: dict[str, str]) -> dict[str, str]:
    """The files that a container gets beside its image, the token aside; of the users only the owner's line."""
    project = lab.projects[name]
    person = lab.people[project.owner]
    group = person.gid or person.uid
    hidden = {f"/run/secrets/{key}": secrets[one.source] for key, one in project.secrets.items() if one.form == "file"}
    return {
        "/etc/passwd": f"{project.owner}:x:{person.uid}:{group}:{project.owner}:/home/lab:/bin/sh\n",
        "/etc/group": f"{project.owner}:x:{group}:\n",
        "/etc/gitconfig": f"\temail = {person.email or f'{project.owner}@{lab.lab}'}\n",
        **hidden,
    }


def _ulimits(project: ProjectArgs, place: Placement) -> dict[str, tuple[int, int]]:
    locked = {"memlock": (-1, -1)} if "IPC_LOCK" in project.capabilities else {}
    return {**locked, "stack": (64 * 1024**2,) * 2} if place.gpus else locked


def _command(project: ProjectArgs) -> list[str]:
    writable = (one.path for one in project.mounted().values() if not one.read_only)
    if isinstance(project.service, CodeServer):
        root = project.service.directory or next(writable, "/home/lab")
        quiet = ["--auth=password", "--disable-telemetry", "--disable-update-check"]
        config = ["--config", "/run/secrets/code-server.yaml"]
        return ["code-server", *config, "--bind-addr=0.0.0.0:8080", *quiet, root]
    if isinstance(project.service, Jupyter):
        root = project.service.directory or next(writable, "/home/lab")
        address = ["--ServerApp.ip=0.0.0.0", "--ServerApp.port=8888", "--ServerApp.port_retries=0"]
        password = "--PasswordIdentityProvider.allow_password_change=False"
        return sorted(["jupyter", "lab", "--no-browser", *address, password, f"--ServerApp.root_dir={root}"])
    command = [*(project.service or project.run).command]
    limited = project.run and project.run.deadline
    return ["deadline", str(limited), *command] if limited else command


def _seen_command(command: list[str]) -> list[str]:
    """A command less the script that keeps its deadline; JupyterLab's options come in any order."""
    if command[0] == "jupyter":
        return sorted(command)
    return command[3:] if command[3:4] == ["deadline"] else command


def _env(project: ProjectArgs, place: Placement, secrets: dict[str, str]) -> list[str]:
    given = {"HOME": "/home/lab", "USER": project.owner, "LOGNAME": project.owner, **project.env}
    given |= {key: secrets[one.source] for key, one in project.secrets.items() if one.form == "env"}
    if not place.gpus:
        given["NVIDIA_VISIBLE_DEVICES"] = "void"
    if isinstance(project.service, Jupyter):
        given["JUPYTER_TOKEN_FILE"] = "/run/secrets/jupyter-token"
    return sorted(f"{key}={value}" for key, value in given.items())


def _labels(lab: LabArgs, name: str) -> dict[str, str]:
    project = lab.projects[name]
    given = {"labform.lab": lab.lab, "labform.project": name, "labform.owner": project.owner}
    return given | ({"labform.generation": str(project.run.generation)} if project.run else {})


def _mounts(lab: LabArgs, project: ProjectArgs) -> dict[str, tuple[str, str, bool]]:
    found = {}
    for key, mount in project.mounted().items():
        volume = lab.volumes[key]
        read_only = mount.read_only or getattr(volume, "read_only", False)
        place = ("bind", volume.path) if isinstance(volume, Directory) else ("volume", f"{lab.lab}-{key}")
        found[mount.path] = (*place, read_only)
    return found


def _ports(project: ProjectArgs, place: Placement) -> dict[str, list[tuple[str, int | None]]]:
    inside = project.container_port
    return {f"{inside}/tcp": [(project.service.listen, place.port)]} if inside and project.service else {}


def _health(project: ProjectArgs) -> tuple[list[str], int] | None:
    service = project.service
    if isinstance(service, Jupyter):
        return ["CMD", "python", "-c", _JUPYTER_HEALTH], service.startup
    if isinstance(service, CodeServer):
        return ["CMD", "/bin/sh", "-c", "…/healthz…"], service.startup
    return (["CMD", *service.health], service.startup) if service and service.health else None


def _seen_health(check: dict[str, Any] | None) -> tuple[list[str], int] | None:
    if check is None or check["Test"] == ["NONE"]:
        return None
    test = ["…/healthz…" if ":8080/healthz" in one else one for one in check["Test"]]
    return test, check["StartPeriod"] // 10**9


def _restart(project: ProjectArgs) -> tuple[str, int]:
    if project.run is None:
        return "unless-stopped", 0
    return ("on-failure", project.run.retries) if project.run.retries else ("no", 0)
