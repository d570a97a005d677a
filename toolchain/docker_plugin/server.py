"""The plugin's server, with the details that the official plugin sends."""

from typing import Any

from pulumi.runtime import proto

from toolchain import provider_server
from toolchain.docker_plugin import VERSION
from toolchain.docker_plugin.provider import DockerProvider


class Servicer(provider_server.Servicer):
    """Differs from the SDK's in comparisons."""

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """Leave the comparison of configurations to the engine."""
        return proto.DiffResponse()

    async def Diff(self, request: Any, context: Any) -> Any:
        """Call only those diffs detailed that the official plugin calls so."""
        response = await super().Diff(request, context)
        response.hasDetailedDiff = bool(response.stables or response.detailedDiff)
        return response


def main(arguments: list[str]) -> None:
    """Serve until the engine ends the plugin."""
    provider_server.main(arguments, lambda engine, log: Servicer(arguments, VERSION, DockerProvider(log), engine))
