"""What devcontainer.json says that an image can hold; what it cannot is named, never passed over.

Names and meanings: the Development Containers reference (containers.dev/implementors/json_reference).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labform.environments.image_layer import VARIABLE_NAME, VARIABLE_TEXT
from labform.environments.recipe import RecipeError
from labform.problems import Problem, suggestion

TAKEN = frozenset(
    [
        "image",
        "build",
        "dockerFile",
        "context",
        "containerEnv",
        "remoteEnv",
        "containerUser",
        "remoteUser",
        "forwardPorts",
        "appPort",
        "workspaceFolder",
        "onCreateCommand",
        "updateContentCommand",
    ]
)
"""What becomes part of the image."""
OF_EDITORS = frozenset(
    [
        "$schema",
        "name",
        "customizations",
        "extensions",
        "settings",
        "devPort",
        "portsAttributes",
        "otherPortsAttributes",
        "userEnvProbe",
        "secrets",
        "updateRemoteUserUID",
        "shutdownAction",
        "overrideCommand",
        "waitFor",
        "workspaceMount",
        "hostRequirements",
    ]
)
"""What editors and their hosts do; a lab's image is the same without it."""
SKIPPABLE: Mapping[str, str] = {
    "initializeCommand": "no command is run on the builder; move it to onCreateCommand or the Dockerfile",
    "postCreateCommand": "move what installs to onCreateCommand or the Dockerfile",
    "postStartCommand": "write it into the project's service or run",
    "postAttachCommand": "write it into the project's service or run",
    "mounts": "write volumes: and the project's mounts: for the same places",
    "runArgs": "write the project's gpus: and resources:",
    "init": "labform always runs an init process",
    "privileged": "no lab's container is privileged",
    "capAdd": "write the project's capabilities:",
    "securityOpt": "labform sets no-new-privileges",
    "build.options": "write args, target or the Dockerfile instead",
}
"""What a stack file has to leave out by name, under `skip`, and what to do instead."""
UNSUPPORTED: Mapping[str, str] = {
    "features": "install what they install in a Dockerfile: build: {dockerfile: …}",
    "dockerComposeFile": "name the one service's image or Dockerfile: image: … or build: {dockerfile: …}",
}
_WITH_OTHERS = frozenset({"overrideFeatureInstallOrder", "service", "runServices"})
"""What says something only beside an unsupported key."""
_BUILD_KEYS = frozenset({"dockerfile", "context", "args", "target", "cacheFrom", "options"})
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_PLACE = re.compile(r"/[^\s\\\"'$`]*")


@dataclass(frozen=True)
class Build:
    """The Dockerfile to build: paths relative to devcontainer.json."""

    dockerfile: str
    context: str
    args: Mapping[str, str]
    target: str | None


@dataclass(frozen=True)
class Configuration:
    """devcontainer.json, its variables filled in."""

    image: str | None
    build: Build | None
    env: Mapping[str, tuple[str, ...]]
    """Each variable's value in pieces; every second one is the name of another variable."""
    user: str | None
    workspace: str
    ports: tuple[int, ...]
    mounts: tuple[str, ...]
    """Where mounts appear in the container."""
    commands: tuple[tuple[str, ...], ...]
    """What runs when the image is made, without a shell."""


def read(text: str, name: str, *, folder: str, skip: Iterable[str]) -> Configuration:
    """The text of devcontainer.json as data.

    `folder` is the name of the project's folder, `skip` what the stack file leaves out. RecipeError names every fault.
    """
    data = _parsed(text, name)
    left_out = set(skip)
    problems = [*_unknown(data, name), *_not_taken(data, name, left_out), *_shape(data, name)]
    if problems:
        raise RecipeError(problems)
    reader = _Reader(data, name, folder)
    configuration = reader.configuration()
    if reader.problems:
        raise RecipeError(reader.problems)
    return configuration


def _parsed(text: str, name: str) -> dict[str, Any]:
    # Loaded here: most labs have no devcontainer.json.
    import json5

    try:
        data = json5.loads(text.removeprefix("\ufeff"), allow_duplicate_keys=False)
    except ValueError as error:
        said = re.sub(r"^<string>:(\d+) (.*?)( at column (\d+))?$", r"\1:\4: \2", str(error).replace("\n", " "))
        where = said if said[:1].isdigit() else f" {said[:1].lower()}{said[1:]}"
        raise RecipeError([Problem(("config",), "devcontainer", f"{name}:{where}".replace(":: ", ": "))]) from None
    if not isinstance(data, dict):
        raise RecipeError([Problem(("config",), "devcontainer", f"{name}: expected an object")])
    return data


def _unknown(data: Mapping[str, Any], name: str) -> Iterator[Problem]:
    known = TAKEN | OF_EDITORS | (SKIPPABLE.keys() - {"build.options"}) | UNSUPPORTED.keys() | _WITH_OTHERS
    for key in sorted(set(data) - known):
        yield Problem(("config",), "devcontainer", f"{name}: unknown key {key}", suggestion(key, known))
    build = data.get("build")
    for key in sorted(set(build) - _BUILD_KEYS) if isinstance(build, dict) else ():
        yield Problem(("config",), "devcontainer", f"{name}: unknown key build.{key}", suggestion(key, _BUILD_KEYS))


def _not_taken(data: Mapping[str, Any], name: str, skip: set[str]) -> Iterator[Problem]:
    for key, instead in UNSUPPORTED.items():
        if data.get(key):
            yield Problem(("config",), "not-supported", f"{name}: {key} is not supported", instead)
    build = data.get("build")
    given = {**data, "build.options": build.get("options") if isinstance(build, dict) else None}
    for key, instead in SKIPPABLE.items():
        if given.get(key) and key != "mounts" and key not in skip:
            hint = f"{instead}, or leave it out by name: skip: [{key}]"
            yield Problem(("config",), "not-supported", f"{name}: {key} is not part of an image", hint)
    for key in sorted(skip - {key for key in SKIPPABLE if given.get(key)}):
        yield Problem(("skip",), "nothing-to-skip", f"{name} has no {key}", f"leave {key} out of skip")


def _shape(data: Mapping[str, Any], name: str) -> Iterator[Problem]:
    wanted = {
        "build": dict, "image": str, "dockerFile": str, "context": str, "containerEnv": dict, "remoteEnv": dict,
        "containerUser": str, "remoteUser": str, "workspaceFolder": str, "forwardPorts": list, "mounts": list,
    }  # fmt: skip
    words = {dict: "an object", str: "text", list: "a list"}
    for key, kind in wanted.items():
        if key in data and not isinstance(data[key], kind):
            yield Problem(("config",), "devcontainer", f"{name}: {key}: expected {words[kind]}")
    build = data.get("build")
    if isinstance(build, dict) and not isinstance(build.get("args", {}), dict):
        yield Problem(("config",), "devcontainer", f"{name}: build.args: expected an object")
    if not data.get("dockerComposeFile") and len({"image", "build", "dockerFile"} & data.keys()) != 1:
        hint = "write exactly one of image and build: {dockerfile: …}"
        yield Problem(("config",), "devcontainer", f"{name}: nothing says which image", hint)


class _Reader:
    """Reads the values that an image needs, and keeps what is wrong with them."""

    def __init__(self, data: Mapping[str, Any], name: str, folder: str) -> None:
        self.data, self.name, self.problems = data, name, list[Problem]()
        self._words = {"localWorkspaceFolderBasename": folder}
        default = f"/workspaces/{folder}"
        workspace = self._text("workspaceFolder", data.get("workspaceFolder", default))
        if not _PLACE.fullmatch(workspace):
            self._wrong("workspaceFolder", "expected a plain absolute path")
        self._words |= {
            "containerWorkspaceFolder": workspace,
            "containerWorkspaceFolderBasename": workspace.rstrip("/").rpartition("/")[2],
        }
        self._workspace = workspace

    def configuration(self) -> Configuration:
        """All of it."""
        return Configuration(
            image=self.data.get("image"),
            build=self._build(),
            env={key: value for section in ("containerEnv", "remoteEnv") for key, value in self._env(section)},
            user=self._user(),
            workspace=self._workspace,
            ports=tuple(sorted(set(self._ports()))),
            mounts=tuple(self._mounts()),
            commands=tuple(self._commands()),
        )

    def _wrong(self, where: str, what: str, hint: str = "") -> None:
        self.problems.append(Problem(("config",), "devcontainer", f"{self.name}: {where}: {what}", hint))

    def _text(self, where: str, text: Any) -> str:
        return "".join(self._pieces(where, text, others=False))

    def _pieces(self, where: str, text: Any, *, others: bool) -> tuple[str, ...]:
        """A value with its variables filled in; those of the container stay names, at every second place."""
        if not isinstance(text, str):
            self._wrong(where, "expected text")
            return ("",)
        pieces = [""]
        for place, part in enumerate(_VARIABLE.split(text)):
            kind, _, rest = part.partition(":")
            if place % 2 and others and kind == "containerEnv" and VARIABLE_NAME.fullmatch(rest):
                pieces += [rest, ""]
            elif place % 2 and part not in self._words:
                hint = "a lab's image is the same on every machine; write the value"
                self._wrong(where, f"${{{part}}} has no value here", hint)
            else:
                pieces[-1] += self._words[part] if place % 2 else part
        return tuple(pieces)

    def _build(self) -> Build | None:
        if "dockerFile" in self.data:
            given = {"dockerfile": self.data["dockerFile"], "context": self.data.get("context", ".")}
            given |= self.data.get("build", {})
        elif "build" in self.data:
            given = self.data["build"]
        else:
            return None
        if "dockerfile" not in given:
            self._wrong("build", "names no dockerfile", 'write "dockerfile": "Dockerfile"')
        args = given.get("args", {})
        return Build(
            self._text("build.dockerfile", given.get("dockerfile", "")),
            self._text("build.context", given.get("context", ".")),
            {key: self._text(f"build.args.{key}", value) for key, value in args.items()},
            self._text("build.target", given["target"]) if given.get("target") else None,
        )

    def _env(self, section: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        for key, value in self.data.get(section, {}).items():
            pieces = self._pieces(f"{section}.{key}", value, others=section == "remoteEnv")
            if not VARIABLE_NAME.fullmatch(key) or not all(VARIABLE_TEXT.fullmatch(one) for one in pieces):
                self._wrong(f"{section}.{key}", "expected a variable's name and one line")
            yield key, pieces

    def _user(self) -> str | None:
        user = self.data.get("remoteUser") or self.data.get("containerUser")
        if user is not None and not _USER.fullmatch(user):
            self._wrong("remoteUser", "expected a user's name or number")
        return user

    def _ports(self) -> Iterator[int]:
        app = self.data.get("appPort", [])
        for where, given in (("forwardPorts", self.data.get("forwardPorts", [])), ("appPort", app)):
            for one in given if isinstance(given, list) else [given]:
                port = str(one).removeprefix("localhost:").rpartition(":")[2]
                other = where == "forwardPorts" and ":" in str(one).removeprefix("localhost:")
                if other or not port.isdigit() or not 0 < int(port) < 65536:
                    self._wrong(where, f"{one} is not a port of this container")
                else:
                    yield int(port)

    def _mounts(self) -> Iterator[str]:
        for one in self.data.get("mounts", []):
            words = one if isinstance(one, dict) else dict(word.partition("=")[::2] for word in str(one).split(","))
            place = next((words[key] for key in ("target", "dst", "destination") if key in words), None)
            if place is None:
                self._wrong("mounts", f"{one} has no target")
            else:
                yield self._text("mounts", place)

    def _commands(self) -> Iterator[tuple[str, ...]]:
        for key in ("onCreateCommand", "updateContentCommand"):
            given = self.data.get(key) or []
            for one in given.values() if isinstance(given, dict) else [given] if given else []:
                if isinstance(one, str):
                    yield ("/bin/sh", "-c", self._text(key, one))
                elif isinstance(one, list) and one:
                    yield tuple(self._text(key, word) for word in one)
                else:
                    self._wrong(key, "expected text, or a list of words")
