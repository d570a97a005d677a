"""A Python language host: a `LanguageRuntime` server on the gRPC stubs of the Pulumi SDK.

Like the official one it runs each program in a fresh process, in the virtual environment that its Pulumi.yaml names.
It runs policy packs too. Left out: code generation, other plugins in Python, typecheckers, debuggers, the uv and
poetry toolchains.
"""

import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2 as messages
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from toolchain.programs import Programs
from toolchain.virtualenv import Virtualenv

EXPLAINED = 32  # the exit code of a program whose error is already shown


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """What the engine asks of a language, answered for Python programs."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.Handshake = lambda *_: messages.LanguageHandshakeResponse()
        self.GetPluginInfo = lambda *_: plugin_pb2.PluginInfo(version=version("pulumi"))

    def Run(self, request: Any, context: Any) -> Any:
        """Run the program to its end, which the engine hears of in the official host's words."""
        environment = _environment(request)
        if not environment.python.exists():
            return messages.RunResponse(error=f"there is no virtual environment at {environment.folder}: make it first")
        program = self.programs.start(request, environment)
        context.add_callback(self.programs.interrupt)
        code = max(program.wait(), -1)
        error = "" if code in {0, EXPLAINED} else f"program exited with non-zero exit code: {code}"
        return messages.RunResponse(error=error, bail=code == EXPLAINED)

    def RunPlugin(self, request: Any, context: Any) -> Any:
        """Run a policy pack to its end, handing on what it prints: its first line is its port."""
        environment = _environment(request)
        if request.kind != "analyzer" or not environment.python.exists():
            missing = f"there is no virtual environment at {environment.folder}: make it first"
            said = missing if request.kind == "analyzer" else f"plugins of kind {request.kind} are not run here"
            yield messages.RunPluginResponse(stderr=f"{said}\n".encode())
            yield messages.RunPluginResponse(exitcode=1)
            return
        pack = self.programs.start_pack(request, environment)
        context.add_callback(self.programs.interrupt)
        for line in pack.stdout or ():
            yield messages.RunPluginResponse(stdout=line)
        yield messages.RunPluginResponse(exitcode=pack.wait())

    def Cancel(self, request: Any, context: Any) -> Any:
        """Interrupt what runs."""
        self.programs.interrupt()
        return empty_pb2.Empty()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """Name the provider plugins that the installed SDKs ask for."""
        plugins = _environment(request).plugins()
        return messages.GetRequiredPackagesResponse(packages=[plugin_pb2.PackageDependency(**p) for p in plugins])

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        """Name them for an engine that knows no packages."""
        plugins = _environment(request).plugins()
        return messages.GetRequiredPluginsResponse(plugins=[plugin_pb2.PluginDependency(**p) for p in plugins])

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """List what is installed beside the program."""
        listed = [messages.DependencyInfo(name=n, version=v) for n, v in _environment(request).installed().items()]
        return messages.GetProgramDependenciesResponse(dependencies=listed)

    def About(self, request: Any, context: Any) -> Any:
        """Say which interpreter runs programs."""
        environment = _environment(request)
        return messages.AboutResponse(executable=str(environment.python), version=environment.python_version())

    def InstallDependencies(self, request: Any, context: Any) -> Any:
        """Install nothing and say so: the project makes its own virtual environment."""
        yield messages.InstallDependenciesResponse(stdout=b"This language host installs nothing: run `make`.\n")


def _environment(request: Any) -> Virtualenv:
    return Virtualenv.of(request.info.root_directory, dict(request.info.options))


def main() -> None:
    """Serve until interrupted, or until the engine is gone; then end the programs that still run."""
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # a question left unanswered is no news to the user
    stopped, received = threading.Event(), list[int]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: (received.append(number), stopped.set()))
    limits = [(f"grpc.max_{way}_message_length", 400 * 1024 * 1024) for way in ("send", "receive")]
    server, programs = grpc.server(ThreadPoolExecutor(), options=limits), Programs(sys.argv[-1])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(programs), server)
    port, engine = server.add_insecure_port("127.0.0.1:0"), os.getppid()
    server.start()
    print(port, flush=True)
    while not stopped.wait(1) and os.getppid() == engine:
        pass
    programs.end(interrupted=received == [signal.SIGINT])  # by the engine, which interrupts the whole process group
    server.stop(None)


if __name__ == "__main__":
    main()
