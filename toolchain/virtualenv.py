"""What the language host must know of a program's virtual environment; nothing is imported from it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path


@dataclass(frozen=True)
class Virtualenv:
    """A virtual environment: the `virtualenv` option of a Pulumi.yaml, or, without one, the language host's own."""

    folder: Path

    @classmethod
    def of(cls, root: str, options: Mapping[str, object]) -> "Virtualenv":
        """Find the environment of the program in a folder; the option is relative to that of Pulumi.yaml."""
        option = options.get("virtualenv")
        return cls(Path(root, str(option)) if option else Path(sys.prefix))

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python3"

    def python_version(self) -> str:
        """Ask the interpreter, since the environment may be of another Python than this one."""
        answer = subprocess.run([self.python, "--version"], capture_output=True, text=True, check=False)
        return answer.stdout.removeprefix("Python ").strip()

    def activated(self) -> dict[str, str]:
        """Return this process's variables as its `activate` script would leave them."""
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return variables | {"VIRTUAL_ENV": str(self.folder), "PATH": path}

    def installed(self) -> dict[str, str]:
        """Return every installed distribution with its version, by name."""
        found = distributions(path=[str(site) for site in self._sites()])
        return dict(sorted((distribution.name, distribution.version) for distribution in found))

    def plugins(self) -> list[dict[str, str]]:
        """Return the provider plugins that the installed SDKs ask for, as fields of a dependency message."""
        return [
            {"kind": "resource", "name": asked["name"], "version": asked["version"], "server": asked.get("server", "")}
            for site in self._sites()
            for file in sorted(site.glob("*/pulumi-plugin.json"))
            if (asked := json.loads(file.read_text(encoding="utf-8"))).get("resource") and asked.get("name")
        ]

    def _sites(self) -> Iterator[Path]:
        return self.folder.glob("lib/python*/site-packages")
