"""A folder that holds one set of tools: `bin` with the engine and its language host, `home` with provider plugins.

Its key is all that went into it, so another clone, virtual environment or edit of a stand-in gets a folder of its own.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import cache
from toolchain.error import ToolchainError
from toolchain.installed import Plugin
from toolchain.once import made_once

PACKAGE = Path(__file__).parent
LAUNCHER = """#!/bin/sh
# Written by labform's toolchain, which writes another folder when anything in it changes.
exec {python} -P -c {code} "$@"
"""
Tool = Path | str
"""A file to copy, or the text of a script."""


@dataclass(frozen=True)
class Toolbox:
    """What goes into the folder."""

    engine: Path
    beside_engine: Mapping[str, Tool] = field(default_factory=dict)
    plugins: Mapping[Plugin, Tool] = field(default_factory=dict)

    def is_there(self) -> bool:
        """Tell whether an earlier run has filled the folder."""
        return self._path().is_dir()

    def folder(self) -> Path:
        """Return the folder, filled."""
        return made_once(self._path(), self._fill)

    def _path(self) -> Path:
        parts = [str(self.engine), *(f"{name}={_identity(tool)}" for name, tool in self.beside_engine.items())]
        parts += [f"{plugin}={_identity(tool)}" for plugin, tool in self.plugins.items()]
        return cache.root() / "tools" / cache.key(parts)

    def _fill(self, folder: Path) -> None:
        if self.beside_engine:
            (folder / "bin").mkdir()
            _place(self.engine, folder / "bin" / "pulumi")
            for name, tool in self.beside_engine.items():
                _place(tool, folder / "bin" / name)
        for plugin, tool in self.plugins.items():
            _place(tool, folder / plugin.file)
            self._install(plugin, folder)
            (folder / plugin.file).unlink()
        workspaces = cache.root() / "workspaces"
        workspaces.mkdir(exist_ok=True)
        (folder / "home").mkdir(exist_ok=True)
        (folder / "home" / "workspaces").symlink_to(workspaces)  # the selected stack outlives an edit of a stand-in

    def _install(self, plugin: Plugin, folder: Path) -> None:
        """Let the engine put a plugin where it looks for it."""
        command = [
            str(self.engine),
            "plugin",
            "install",
            "resource",
            plugin.name,
            plugin.version,
            "--file",
            plugin.file,
        ]
        environment = os.environ | {"PULUMI_HOME": str(folder / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise ToolchainError(f"`pulumi plugin install` refuses the {plugin}: {' '.join(answer.stderr.split())}")


def launcher(module: str, *, setup: str = "") -> str:
    """Return a script that runs a module of this package, from a copy that no edit of the clone can change."""
    code = f"import sys; sys.path.insert(0, {str(_copy())!r}); {setup}"
    code += f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return LAUNCHER.format(python=shlex.quote(sys.executable), code=shlex.quote(code))


def _copy() -> Path:
    """Return the folder that holds a copy of this package as it is now."""
    files = [path for path in sorted(PACKAGE.rglob("*")) if path.is_file() and not _left_out(path)]
    contents = {str(path.relative_to(PACKAGE.parent)): path.read_bytes() for path in files}

    def fill(folder: Path) -> None:
        for name, content in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    key = cache.key(part for item in contents.items() for part in item)
    return made_once(cache.root() / "source" / key, fill)


def _left_out(path: Path) -> bool:
    folders = path.relative_to(PACKAGE).parts
    return path.suffix not in {".py", ".json"} or not {"engine", "docker_build", "__pycache__"}.isdisjoint(folders)


def _identity(tool: Tool) -> str:
    """Tell one tool from another without reading a hundred megabytes."""
    if isinstance(tool, str):
        return tool
    status = tool.stat()
    return f"{tool} {status.st_size} {status.st_mtime_ns}"


def _place(tool: Tool, path: Path) -> None:
    """Put an executable somewhere, as another name of the same file where the file system can."""
    if isinstance(tool, str):
        path.write_text(tool, encoding="utf-8")
        path.chmod(0o755)
        return
    try:
        path.hardlink_to(tool.resolve())
    except OSError:
        shutil.copy2(tool, path)
