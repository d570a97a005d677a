"""The plugin's server, with the details that the official plugin sends."""

from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import proto

from toolchain import provider_server
from toolchain.kubernetes_plugin import VERSION
from toolchain.kubernetes_plugin.provider import KubernetesProvider
from toolchain.kubernetes_plugin.settings import diff_of_settings
from toolchain.properties import plain


class Servicer(provider_server.Servicer):
    """Compares configurations, which the SDK leaves out."""

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """Tell which edit of the provider leads to another cluster."""
        olds, news = (plain(PropertyValue.unmarshal_map(side)) for side in (request.olds, request.news))
        changed, replaces = diff_of_settings(olds, news)
        kind = proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(changes=kind, diffs=changed, replaces=replaces)


def main(arguments: list[str]) -> None:
    """Serve until the engine ends the plugin."""
    provider_server.main(arguments, lambda engine, log: Servicer(arguments, VERSION, KubernetesProvider(log), engine))
