"""What a lab registers with the engine, recorded in this process: no engine, no provider, no daemon, no secret.

The components run as in `pulumi preview`. Secrets are stand-ins by name, an image's digest is a stand-in by its
recipe, and nothing is laid out but the Dockerfiles, in a folder that is gone afterwards.
"""

import asyncio
import gc
import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from labform.backends import Kubernetes
from labform.environments import Recipe
from labform.hosts import BUILDER
from labform.loading import StackFile
from labform.lockfile import Lock, LockedBuild
from labform.plan.effects import IMAGES, Registered, Registrations
from labform.stack_file import LabArgs

WORKSPACE = "Workspace"
"""How the type of the component that is one project's place to run ends, in every backend."""


_BATCH = 200


def recorded(stack: StackFile, projects: Sequence[str], builds: Iterable[LockedBuild] = ()) -> Registrations:
    """The registrations of some projects and of all that belongs to none.

    In batches, because the SDK's waiting grows with the square of what is registered at once.
    """
    found: dict[tuple[str, str], Registered] = {}
    for start in range(0, max(1, len(projects)), _BATCH):
        batch = {*projects[start : start + _BATCH], *_representatives(stack.lab)}
        found |= _recorded(stack, batch, builds)
    return {**_builder(stack), **found}


def _builder(stack: StackFile) -> Registrations:
    """The connection to the builder, which is there as long as anybody's image is built, recorded or not."""
    built = next((key for key, one in stack.lab.running().items() if not one.pinned), None)
    name = f"{stack.lab.lab}-{BUILDER}"
    return {key: one for key, one in _recorded(stack, {built}, ()).items() if key[1] == name} if built else {}


def _recorded(stack: StackFile, names: Collection[str], builds: Iterable[LockedBuild]) -> Registrations:
    kept = {key: one for key, one in stack.lab.projects.items() if key in names}
    placed = {key: one for key, one in stack.lock.projects.items() if key in kept}
    lab = stack.lab.model_copy(update={"projects": kept})
    lock = stack.lock.model_copy(update={"projects": placed})
    return registrations(lab, lock, {key: stack.recipes[key] for key in kept}, builds)


def _representatives(lab: LabArgs) -> set[str]:
    """Projects by which a cluster lab has a person's rules, or an export's claim, in their namespace."""
    known: set[tuple[str, str]] = set()
    names = set()
    for name, project in lab.running().items() if isinstance(lab.runs_on, Kubernetes) else ():
        needs = {(project.owner, key) for key in ("", *project.mounts)}
        if needs - known:
            known |= needs
            names.add(name)
    return names


def registrations(
    lab: LabArgs, lock: Lock, recipes: Mapping[str, Recipe], builds: Iterable[LockedBuild] = ()
) -> Registrations:
    """The custom resources of a lab, by type and name.

    `builds` are images that are known by their recipe; any other image has a stand-in for a digest.
    """
    # Who only reads a page of a preview waits for no SDK.
    import pulumi
    from pulumi.runtime import mocks
    from pulumi.runtime.stack import run_pulumi_func

    from labform.lab import Lab

    monitor = _monitor({one.recipe: one.image for one in (*builds, *lock.builds.values())})

    def program() -> None:
        """The lab, as a Pulumi program makes it."""
        secret = _stand_in(pulumi)
        Lab(lab.lab, lab, lock=lock, recipes={key: _light(one) for key, one in recipes.items()}, secret=secret)

    async def run() -> None:
        """Run the program in an event loop of its own."""
        mocks.set_mocks(monitor.mocks, project="labform", stack=lab.lab, preview=True, monitor=monitor)
        await run_pulumi_func(program)

    with TemporaryDirectory(prefix="labform-") as folder, chdir(folder), _quiet(), _rarely_collected():
        asyncio.run(run())
    custom = [one for one in monitor.requests.values() if one.custom]
    found = [_registered(one, monitor.requests.get(one.parent), lab.lab) for one in custom]
    return {(one.type, one.name): one for one in found}


def _stand_in(pulumi: Any) -> Any:
    return lambda name: pulumi.Output.secret(f"[{name}]")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the SDK logs from the terminal, and leave its settings as they were."""
    from pulumi.runtime import settings

    before, root = settings.SETTINGS, settings.get_root_resource()
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        settings.configure(before)
        settings.ROOT.set(root)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Let garbage lie: little of what the SDK makes is any, and looking for it triples the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(frozen=True)
class _Light(Recipe):
    """A recipe without its files, which still has its hash."""

    known_hash: str = ""

    @property
    def hash(self) -> str:
        """The hash of the recipe in full."""
        return self.known_hash


def _light(recipe: Recipe) -> Recipe:
    light = replace(recipe, files=())
    return _Light(**{key: getattr(light, key) for key in Recipe.__dataclass_fields__}, known_hash=recipe.hash)


def _monitor(known: Mapping[str, str]) -> Any:
    """A monitor that records requests and answers each with its own inputs."""
    from pulumi.runtime import mocks
    from pulumi.runtime.proto import resource_pb2

    class Answers(mocks.Mocks):
        """No provider's function is asked."""

        def call(self, _args: mocks.MockCallArgs) -> Any:
            """Nothing."""
            return {}

        def new_resource(self, args: mocks.MockResourceArgs) -> Any:
            """The inputs themselves."""
            return args.name, args.inputs

    class Monitor(mocks.MockMonitor):
        """Keeps every request, with the URN that it answered."""

        def __init__(self) -> None:
            super().__init__(Answers())
            self.requests: dict[str, Any] = {}

        def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the protocol's name
            """Keep what is registered, and answer as an engine that creates it."""
            urn = self.make_urn(request.parent, request.type, request.name)
            self.requests[urn] = request
            outputs = type(request.object)()
            outputs.CopyFrom(request.object)
            if request.type in IMAGES:
                _answer(request.object, outputs, known)
            if request.type == "kubernetes:core/v1:Secret":
                # Another uid for other contents, as the provider makes a Secret anew.
                outputs["metadata"]["uid"] = hashlib.sha256(repr(_plain(request.object)).encode()).hexdigest()
            identity = request.name if request.custom else ""
            return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=outputs)

    return Monitor()


def _answer(inputs: Any, outputs: Any, known: Mapping[str, str]) -> None:
    """Add what a build by a Docker or a BuildKit daemon says of its image."""
    if "imageName" in inputs:
        outputs["repoDigest"] = _digest(inputs["imageName"], known)
    else:
        outputs["digest"] = _digest(inputs["tags"][0], known).partition("@")[2]


def _digest(tag: str, known: Mapping[str, str]) -> str:
    """What a build under a tag gives: the digest that is known by its recipe's hash, else a stand-in for one."""
    name, _, recipe = tag.rpartition(":")
    image = known.get(recipe, "")
    if image.startswith("sha256:"):
        return image
    return f"{name}@{image.partition('@')[2] or f'sha256:{hashlib.sha256(tag.encode()).hexdigest()}'}"


def _registered(request: Any, parent: Any, lab: str) -> Registered:
    inputs = _plain(request.object)
    return Registered(
        type=request.type,
        name=request.name,
        project=_project(parent, lab),
        inputs=inputs,
        protect=request.protect,
        retained=request.retainOnDelete,
        replace_on_changes=tuple(request.replaceOnChanges),
        replacement_trigger=_plain(request.replacement_trigger),
    )


def _project(parent: Any, lab: str) -> str | None:
    """The project whose component registered a resource."""
    if parent is None or not parent.type.startswith("labform:"):
        return None
    inputs = _plain(parent.object)
    if parent.type.endswith(WORKSPACE):
        return str(inputs["project"])
    return str(parent.name).removeprefix(f"{lab}-") if parent.type == "labform:index:Image" else None


def _plain(value: Any) -> Any:
    """A protobuf value or struct as plain data."""
    from google.protobuf import json_format  # type: ignore[import-untyped]

    return json_format.MessageToDict(value)
