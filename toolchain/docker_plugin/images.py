"""Images: built by the docker CLI with BuildKit, pushed through the daemon."""

import contextlib
import json
import os
import platform
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docker.auth import convert_to_hostname
from docker.errors import DockerException
from docker.utils import parse_repository_tag

from toolchain.docker_plugin.context import context_digest
from toolchain.docker_plugin.daemon import Daemon
from toolchain.docker_plugin.errors import said
from toolchain.docker_plugin.fields import is_unknown
from toolchain.properties import UNKNOWN, Values
from toolchain.provider_errors import PluginError

Log = Callable[[str], None]
"""Shows one line of progress to the user."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Docker's names of architectures where they differ from the kernel's."""


def check(inputs: Values) -> Values:
    """Return the inputs with defaults and the digest of the context.

    Raises PluginError if there is no Dockerfile or the name can't be pushed to.
    """
    build = dict(inputs.get("build") or {})
    context, dockerfile = _paths(build)
    build.update(context=context, dockerfile=dockerfile)
    if UNKNOWN not in (context, dockerfile):
        _must_exist(context, dockerfile)
        build["contextDigest"] = context_digest(context, dockerfile)
    machine = platform.machine()
    build.setdefault("platform", f"linux/{_MACHINES.get(machine, machine)}")
    if not inputs.get("skipPush") and not is_unknown(inputs.get("imageName")):
        _registry(inputs)
    return {**inputs, "build": build, "buildOnPreview": inputs.get("buildOnPreview") is True}


def diff(olds: Values, inputs: Values) -> dict[str, str]:
    """Return the kind of change by property; another password alone is none."""
    old = olds.get("__inputs") or {}
    found = {name: "ADD" for name in inputs if name not in old}
    found |= {name: "DELETE" for name in old if name not in inputs}
    changed = {name for name in old if name in inputs and old[name] != inputs[name]}
    if "registry" in changed:
        servers = [values["registry"].get("server") for values in (old, inputs)]
        if None in servers or servers[0] == servers[1]:
            changed.discard("registry")
    return found | dict.fromkeys(changed, "UPDATE")


def can_preview(inputs: Values) -> bool:
    """Tell whether a preview builds: it is asked for and nothing it needs is unknown."""
    build = inputs.get("build") or {}
    needed = [inputs.get("imageName"), *(build.get(n) for n in ("context", "dockerfile", "args"))]
    return inputs.get("buildOnPreview") is True and not is_unknown(needed)


def build(daemon: Daemon, inputs: Values, log: Log, *, preview: bool = False) -> Values:
    """Build an image, push it unless told not to, and return its outputs."""
    name, recipe, registry = inputs["imageName"], inputs["build"], inputs.get("registry") or {}
    client = daemon.client()
    with _config(inputs) as config:
        _run_build(daemon, name, recipe, config, log)
    outputs = {
        "dockerfile": os.path.relpath(os.path.realpath(recipe["dockerfile"]), os.path.realpath(recipe["context"])),
        "context": recipe["context"],
        "baseImageName": name,
        "registryServer": registry.get("server", ""),
        "imageName": name,
        "platform": recipe.get("platform", ""),
    }
    if inputs.get("skipPush") or preview:
        outputs["repoDigest"] = client.inspect_image(name)["Id"]
    else:
        log("Pushing Image to the registry")
        outputs["repoDigest"] = _push(client, name, _credentials(inputs), log)
    return outputs


def _paths(build: Values) -> tuple[str, str]:
    """Return context and Dockerfile with their defaults."""
    context = build.get("context") or "."
    beside = UNKNOWN if context == UNKNOWN else os.path.normpath(f"{context}/Dockerfile")
    return context, build.get("dockerfile") or beside


def _must_exist(context: str, dockerfile: str) -> None:
    """Raise PluginError if the Dockerfile is not there, with a hint where it might be."""
    if Path(dockerfile).exists():
        return
    if Path(dockerfile).is_absolute():
        problem = f'expected a relative Dockerfile path; got "{dockerfile}" instead'
        raise PluginError(f"{problem}: stat {dockerfile}: no such file or directory")
    problem = f'could not open dockerfile at relative path "{dockerfile}"'
    beside = os.path.normpath(f"{context}/{dockerfile}")
    if Path(beside).exists():
        raise PluginError(f'{problem}. Try setting `dockerfile` to "{beside}"')
    raise PluginError(f"{problem}: stat {dockerfile}: no such file or directory")


def _registry(inputs: Values) -> str:
    """Return the registry of an image; raises PluginError if the name has none."""
    server = (inputs.get("registry") or {}).get("server")
    if server and not is_unknown(server):
        return str(convert_to_hostname(server))
    name = inputs["imageName"]
    domain, slash, _ = str(name).partition("/")
    if not slash or not (domain == "localhost" or "." in domain or ":" in domain):
        raise PluginError(
            f'"{name}": repository name must be canonical.\n'
            "This resource requires all image names to be fully qualified.\n"
            "For example, if you are attempting to push to Dockerhub, prefix your image name"
            " with `docker.io`:\n\n`docker.io/repository/image:tag`"
        )
    return domain


def _credentials(inputs: Values) -> Values | None:
    """Return the credentials in the program; without both, the caller's own are used."""
    registry = inputs.get("registry") or {}
    if registry.get("username") and registry.get("password"):
        return {"username": registry["username"], "password": registry["password"]}
    return None


@contextlib.contextmanager
def _config(inputs: Values) -> Iterator[str | None]:
    """Make a Docker configuration with the program's credentials for one build, if it has any."""
    credentials = _credentials(inputs)
    if credentials is None:
        yield None
        return
    ambient = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    with tempfile.TemporaryDirectory(prefix="docker-config-") as folder:
        file = ambient / "config.json"
        config = json.loads(file.read_text()) if file.is_file() else {}
        pair = f"{credentials['username']}:{credentials['password']}"
        config.setdefault("auths", {})[_registry(inputs)] = {"auth": b64encode(pair.encode()).decode()}
        Path(folder, "config.json").write_text(json.dumps(config))
        for entry in ambient.iterdir() if ambient.is_dir() else ():
            if entry.name != "config.json":
                Path(folder, entry.name).symlink_to(entry.resolve())
        yield folder


def _run_build(daemon: Daemon, name: str, recipe: Values, config: str | None, log: Log) -> None:
    """Run the CLI; raises PluginError with the builder's last line."""
    args = {key: str(value) for key, value in (recipe.get("args") or {}).items()}
    command = [os.environ.get("LABFORM_DOCKER_CLI", "docker"), "build", "--progress=plain"]
    command += ["--tag", name, "--file", recipe["dockerfile"]]
    for option in ("platform", "target", "network"):
        command += [f"--{option}", recipe[option]] if recipe.get(option) else []
    for host in recipe.get("addHosts") or []:
        command += ["--add-host", host]
    # A value in the environment is not seen in the list of processes, as one in the command is.
    hidden = {key: value for key, value in args.items() if key not in os.environ and not key.startswith("DOCKER_")}
    for key, value in args.items():
        command += ["--build-arg", key if key in hidden else f"{key}={value}"]
    kit = "0" if recipe.get("builderVersion") == "BuilderV1" else "1"
    environment = {**hidden, **os.environ, "DOCKER_BUILDKIT": kit, "DOCKER_HOST": daemon.address}
    environment |= {"DOCKER_CONFIG": config} if config else {}
    log("Starting Docker build")
    lines = []
    with subprocess.Popen(
        [*command, recipe["context"]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if line.strip():
                lines.append(line.strip())
                log(lines[-1])
    if process.returncode:
        reason = lines[-1] if lines else f"exit code {process.returncode}"
        raise PluginError(f"error reading build output: {reason.removeprefix('ERROR: ')}")


def _push(client: Any, name: str, credentials: Values | None, log: Log) -> str:
    """Push an image and return `repository@digest`; raises PluginError if the registry refuses."""
    digest = ""
    try:
        for message in client.push(name, auth_config=credentials, stream=True, decode=True):
            if "error" in message:
                raise PluginError(f"error reading push output: {message['error']}")
            digest = (message.get("aux") or {}).get("Digest") or digest
            if message.get("status"):
                log(f"{message['status']} {message.get('progress', '')}".strip())
    except DockerException as error:
        raise PluginError(f"error reading push output: {said(error)}") from error
    repository, _ = parse_repository_tag(name)
    return f"{repository}@{digest}"
