"""Which tools a run gets: for each, what is installed, then the official download, then the fallback.

`LABFORM_PLUGINS` may name a folder with official plugins: they are taken before anything else, in the version that
`LABFORM_PLUGINS_VERSION` says or, without it, the one that the installed SDK asks for.
"""

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from toolchain import docker_build_plugin, engine_build, installed
from toolchain.error import ToolchainError
from toolchain.installed import Plugin
from toolchain.progress import say
from toolchain.toolbox import PACKAGE, Tool, Toolbox, launcher
from toolchain.virtualenv import Virtualenv

LANGUAGE_HOST = "pulumi-language-python"
BUILT: Mapping[str, Callable[[], Path]] = {"docker-build": docker_build_plugin.plugin}
"""Plugins that are built where no download is to be had, in minutes: for who asks for them alone."""
QUIET_WHEN_INTERRUPTED = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
"""For the seconds of imports before the language host has its own handler."""


@dataclass(frozen=True)
class Toolchain:
    """Tools that are there: `pulumi`, the variables to run it with, and a line per part which says where it is from."""

    pulumi: Path
    env: Mapping[str, str]
    report: tuple[str, ...]


def prepare(wanted: Collection[str] = ()) -> Toolchain:
    """Find, fetch or build all that `pulumi up` needs; raises ToolchainError where that can't be done.

    `wanted` are plugins beside those of every lab: `docker-build` for one with `engine: buildkit`.
    """
    engine, report = _engine()
    beside, line = _language_host(engine)
    report.append(line)
    plugins: dict[Plugin, Tool] = {}
    for asked in Virtualenv(Path(sys.prefix)).plugins():
        if asked["name"] in BUILT and asked["name"] not in wanted:
            continue
        plugin, tool, line = _plugin(Plugin(asked["name"], asked["version"]), engine)
        report.append(line)
        if tool is not None:
            plugins[plugin] = tool
    return _assembled(Toolbox(engine, beside, plugins), tuple(report))


def _engine() -> tuple[Path, list[str]]:
    found = installed.executable("pulumi")
    if found:
        return found, [f"engine: installed, {found}"]
    return engine_build.engine(), [f"engine: built from its Go modules, {engine_build.version()}"]


def _language_host(engine: Path) -> tuple[dict[str, Tool], str]:
    """Return what must lie beside the engine, which is nothing where a language host is installed."""
    given = _given(LANGUAGE_HOST)
    if given:
        script = _given(f"{LANGUAGE_HOST}-exec")
        if not script:
            raise ToolchainError(f"{given} needs `{given.name}-exec` beside it: copy it there from the same release")
        return {given.name: given, script.name: script}, f"language host: official, {given}"
    found = engine.resolve().with_name(LANGUAGE_HOST)
    path = found if found.exists() else installed.executable(LANGUAGE_HOST)
    if path:
        return {}, f"language host: installed, {path}"
    script_text = launcher("toolchain.language_host", setup=QUIET_WHEN_INTERRUPTED)
    return {LANGUAGE_HOST: script_text}, "language host: labform's own"


def _plugin(plugin: Plugin, engine: Path) -> tuple[Plugin, Tool | None, str]:
    """Return the plugin, the tool to install for it if any, and the line to report."""
    given = _given(plugin.file)
    if given:
        plugin = replace(plugin, version=os.environ.get("LABFORM_PLUGINS_VERSION", plugin.version).removeprefix("v"))
        return plugin, given, f"{plugin}: official, {given}"
    if installed.is_installed(plugin):
        return plugin, None, f"{plugin}: installed"
    if installed.is_downloaded(plugin, engine):
        return plugin, None, f"{plugin}: downloaded to {installed.pulumi_home()}"
    if plugin.name in BUILT:
        return plugin, BUILT[plugin.name](), f"{plugin}: built from its Go modules"
    stand_in = f"{plugin.name.replace('-', '_')}_plugin"
    if (PACKAGE / stand_in / "__main__.py").is_file():
        return plugin, launcher(f"toolchain.{stand_in}"), f"{plugin}: labform's stand-in"
    return plugin, None, f"{plugin}: none; a stack that uses it fails"


def _given(name: str) -> Path | None:
    """Find an official plugin in the folder that the user names."""
    folder = os.environ.get("LABFORM_PLUGINS")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise ToolchainError(f"LABFORM_PLUGINS names {folder}, which is not a folder: unset it or make it")
    path = Path(folder).absolute() / name
    return path if os.access(path, os.X_OK) else None


def _assembled(tools: Toolbox, report: tuple[str, ...]) -> Toolchain:
    """Put the tools where `pulumi` finds them, leaving alone what is installed."""
    env = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if not tools.beside_engine and not tools.plugins:
        return Toolchain(tools.engine, env, report)
    if not tools.is_there():
        say("preparing the tools of `pulumi`: " + "; ".join(report))
    folder = tools.folder()
    pulumi = tools.engine
    if tools.plugins:
        env |= {"PULUMI_HOME": str(folder / "home"), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    if tools.beside_engine:
        pulumi = folder / "bin" / "pulumi"
        env["PATH"] = f"{pulumi.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Toolchain(pulumi, env, report)
