"""A recording engine: it runs a real program directory in another process and writes down what the program registers.

The program talks gRPC to it as it would to `pulumi`: resources, hooks, outputs and messages take the real way through
the SDK. URNs, inheritance from parents, duplicate URNs and hook failures are the engine's. Left out: providers, state,
diffs, reads and transforms. Every resource is created, and its outputs are its inputs unless a test supplies others.

    recording = RecordingEngine().run(Path("."), stack="dev", secrets={"token": "hush"})
    assert recording.only("docker:index/volume:Volume").options.protect
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, engine_pb2, engine_pb2_grpc, resource_pb2_grpc
from pulumi.runtime.proto import resource_pb2 as messages

from tests.processes import Start, started
from tests.wire import UNKNOWN, UNKNOWN_TEXT, Options, Secret, options, plain, struct

__all__ = ["UNKNOWN", "Diagnostic", "Options", "Recording", "RecordingEngine", "Registration", "Secret"]

STACK, IMAGE = "pulumi:pulumi:Stack", "docker:index/image:Image"
FEATURES = range(16)
"""What engine 3.259 supports of the SDK's list of features: all that it knew when it was released."""


@dataclass
class Registration:
    """One resource of a program; `custom` is false for components, and `parent` is a URN."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    options: Options
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnostic:
    """A message to the user: `info`, `warning` or `error`."""

    severity: str
    message: str
    urn: str = ""


@dataclass
class Recording:
    """All that one run of a program did."""

    registrations: list[Registration] = field(default_factory=list)
    invokes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    stack_outputs: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""

    def of_type(self, type_: str) -> list[Registration]:
        """Return the resources of a type by their names: in which order they come, the event loop decides."""
        return sorted((found for found in self.registrations if found.type == type_), key=lambda one: one.name)

    def only(self, type_: str, name: str | None = None) -> Registration:
        """Return the one resource of a type, and of a name where there are several."""
        found = [each for each in self.of_type(type_) if name in {None, each.name}]
        assert len(found) == 1, (
            f"{len(found)} of {type_} {name or ''} among {[each.urn for each in self.registrations]}"
        )
        return found[0]

    @property
    def errors(self) -> list[str]:
        """The messages for which an `up` fails."""
        return [each.message for each in self.diagnostics if each.severity == "error"]


Outputs = Callable[[Registration], Mapping[str, Any]]
Invokes = Callable[[str, dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class RecordingEngine:
    """Runs programs.

    `outputs` adds to what a created resource returns, `invokes` answers for providers' functions, and `start` is
    another way to start the program.
    """

    outputs: Outputs = lambda registration: {}
    invokes: Invokes | None = None
    timeout: float = 60
    start: Start = started

    def run(
        self,
        program: Path,
        *,
        stack: str,
        project: str = "labform",
        config: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        dry_run: bool = True,
        run_hooks: bool = False,
        root: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Recording:
        """Run a program; `root` is the folder of Pulumi.yaml, and keys without a namespace are the project's."""
        keys = {name: name if ":" in name else f"{project}:{name}" for name in {**(config or {}), **(secrets or {})}}
        values = {keys[name]: value for name, value in {**(config or {}), **(secrets or {})}.items()}
        info = messages.DeploymentInfo(
            project=project, stack=stack, organization="organization", config=values, dryRun=dry_run, parallel=4,
            configSecretKeys=[keys[name] for name in secrets or {}], supportedFeatures=FEATURES,
        )  # fmt: skip
        recording = Recording()
        with _serving(_Monitor(self, recording, info, run_hooks=run_hooks)) as address:
            ended = self.start(program.absolute(), (root or program).absolute(), address, info, env or {}, self.timeout)
        recording.exit_code, recording.stdout, recording.stderr = ended.returncode, ended.stdout, ended.stderr
        return recording


@contextmanager
def _serving(monitor: "_Monitor") -> Iterator[str]:
    """Serve both halves of the engine at one address of this machine."""
    server = grpc.server(ThreadPoolExecutor(32))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(_Log(monitor), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


class _Log(engine_pb2_grpc.EngineServicer):
    """The engine's ear for messages, which is deaf once the run has failed."""

    def __init__(self, monitor: "_Monitor") -> None:
        self.monitor = monitor

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.severity != engine_pb2.DEBUG and not self.monitor.failed:
            severity = engine_pb2.LogSeverity.Name(request.severity).lower()
            self.monitor.recording.diagnostics.append(Diagnostic(severity, request.message, request.urn))
        return empty_pb2.Empty()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.RequirePulumiVersionResponse()


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The resource monitor of one run."""

    def __init__(self, engine: RecordingEngine, recording: Recording, info: Any, *, run_hooks: bool) -> None:
        self.engine, self.recording, self.info, self.run_hooks = engine, recording, info, run_hooks
        self.known: dict[str, Registration] = {}
        self.hooks: dict[str, Any] = {}
        self.lock, self.failed = threading.Lock(), False
        self.GetDeploymentInfo = lambda request, context: info
        self.SignalAndWaitForShutdown = lambda request, context: empty_pb2.Empty()

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self.lock:
            made = self._registration(request)
            if self.failed:
                self._shut_down(context)
            if made.urn in self.known:
                self._fail(context, made.urn, f"Duplicate resource URN '{made.urn}'; try giving it a unique name")
            self.known[made.urn] = made
            self.recording.registrations.append(made)
        self._call_hooks("before_create", made, context, new_inputs=request.object)
        identity = self._identity(made)
        made.outputs = self._outputs(made)
        self._call_hooks(
            "after_create", made, context, id=identity, new_inputs=request.object, new_outputs=struct(made.outputs)
        )
        return messages.RegisterResourceResponse(urn=made.urn, id=identity, object=struct(made.outputs))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        registration, outputs = self.known[request.urn], plain(request.outputs)
        registration.outputs |= outputs
        if registration.type == STACK:
            self.recording.stack_outputs |= outputs
        return empty_pb2.Empty()

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.hooks[request.name] = request
        return empty_pb2.Empty()

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        arguments = plain(request.args)
        self.recording.invokes.append((request.tok, arguments))
        if request.tok == "pulumi:pulumi:getResource" and arguments["urn"] in self.known:
            state = self.known[arguments["urn"]]
            answer = {"urn": state.urn, "id": self._identity(state), "state": state.outputs}
        elif self.engine.invokes:
            answer = self.engine.invokes(request.tok, arguments)
        else:
            context.abort(grpc.StatusCode.NOT_FOUND, f"this engine has no providers to answer {request.tok}")
        return messages.ResourceInvokeResponse(**{"return": struct(answer)})

    def _registration(self, request: Any) -> Registration:
        """Write down a request, with the URN that the engine gives it."""
        parent = self.known.get(request.parent)
        family = request.parent.split("::")[2] if parent and parent.type != STACK else ""
        type_ = f"{family}${request.type}" if family else request.type
        urn = f"urn:pulumi:{self.info.stack}::{self.info.project}::{type_}::{request.name}"
        chosen = options(request, parent.options if parent else None)
        return Registration(
            request.type, request.name, urn, request.parent, request.custom, plain(request.object), chosen
        )

    def _identity(self, made: Registration) -> str:
        """Return the id, which a preview does not know; the engine says so in two ways."""
        if made.custom and self.info.dryRun:
            return UNKNOWN_TEXT if made.type.startswith("pulumi:providers:") else ""
        return f"{made.name}-id" if made.custom else ""

    def _outputs(self, made: Registration) -> dict[str, Any]:
        """Return the inputs, what a built image adds to them, and what the test says."""
        outputs = dict(made.inputs) if made.custom else {}
        if made.type == IMAGE:
            folder, _, name = str(made.inputs["imageName"]).rpartition("/")
            digest = hashlib.sha256(repr(sorted(made.inputs.items())).encode()).hexdigest()
            built = f"{folder}{'/' if folder else ''}{name.partition(':')[0]}@sha256:{digest}"
            outputs["repoDigest"] = UNKNOWN if self.info.dryRun else built
        return outputs | dict(self.engine.outputs(made))

    def _call_hooks(self, moment: str, made: Registration, context: Any, **state: Any) -> None:
        """Call back the program, as the engine does around a step, and fail the step when a hook fails."""
        for name in made.options.hooks.get(moment, []):
            hook = self.hooks[name]
            if not self.run_hooks or (self.info.dryRun and not hook.on_dry_run):
                continue
            asked = messages.ResourceHookRequest(urn=made.urn, name=made.name, type=made.type, **state)
            invocation = callback_pb2.CallbackInvokeRequest(
                token=hook.callback.token, request=asked.SerializeToString()
            )
            with grpc.insecure_channel(hook.callback.target) as channel:
                answer = callback_pb2_grpc.CallbacksStub(channel).Invoke(invocation)
            error = messages.ResourceHookResponse.FromString(answer.response).error
            if error and hook.ignore_errors:
                self.recording.diagnostics.append(
                    Diagnostic("warning", f'{moment} hook "{name}" failed: {error}', made.urn)
                )
            elif error:
                self._fail(context, made.urn, f'{moment.partition("_")[0]} hook "{name}" failed: {error}')

    def _fail(self, context: Any, urn: str, message: str) -> NoReturn:
        """Fail the run: the user reads the message, and the program meets an engine that is gone."""
        self.failed = True
        self.recording.diagnostics.append(Diagnostic("error", message, urn))
        self._shut_down(context)

    def _shut_down(self, context: Any) -> NoReturn:
        context.abort(grpc.StatusCode.UNAVAILABLE, "resource monitor shut down while waiting on step's done channel")
        raise AssertionError("abort never returns")
