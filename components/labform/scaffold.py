"""The files of a new lab, and what a new project says: text and values, nothing is written here."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labform.naming import HOME

TEMPLATES = Path(__file__).with_name("templates")
"""What a lab begins with; LAB stands for its name, also in the names of files."""
_NAMES = {"main.txt": "__main__.py", "gitignore.txt": ".gitignore"}
_LOCAL = "    local: {}   # the daemon of this machine\n"
_SERVERS = {"jupyter": re.compile(r"\bjupyter[-_]?lab\b", re.IGNORECASE), "code-server": re.compile(r"\bcode-server\b")}
"""What names a service's program among a project's packages or instructions."""
_TELLING = (
    *("uv.lock", "pyproject.toml", "requirements.txt", "pylock.toml", "environment.yml", "environment.yaml"),
    *("conda-lock.yml", "conda-linux-64.lock", "pixi.lock", "pixi.toml", "Dockerfile"),
)


def lab_files(lab: str, schema: str, hosts: str = "") -> dict[str, str]:
    """The files of a new lab by their paths; `hosts` are the lines below `runs_on.hosts`, by default this machine."""
    found = {"stacks/schema.json": schema}
    for path in sorted(TEMPLATES.rglob("*")):
        if path.is_file():
            name = path.relative_to(TEMPLATES).as_posix()
            text = path.read_text(encoding="utf-8").replace("LAB", lab).replace("HOSTS\n", f"{hosts or _LOCAL}\n")
            found[_NAMES.get(name, name.replace("LAB", lab))] = text
    return found


def service_of(folder: Path) -> str | None:
    """The service that a folder's files name the program of; None where they name neither, or both."""
    texts = [
        path.read_text(encoding="utf-8", errors="replace") for name in _TELLING if (path := folder / name).is_file()
    ]
    found = [kind for kind, word in _SERVERS.items() if any(map(word.search, texts))]
    return found[0] if len(found) == 1 else None


def project_entry(
    name: str, *, owner: str, environment: Mapping[str, str], gpus: int, todo: Mapping[str, Any]
) -> dict[str, Any]:
    """What a new project says; its home is a volume of its own."""
    asked = {"gpus": gpus} if gpus else {}
    mounts = {home_of(name): HOME}
    return {"owner": owner, "environment": dict(environment), **asked, "mounts": mounts, **todo}


def home_of(name: str) -> str:
    """The id of the volume that is a project's home."""
    return f"{name[:35].rstrip('-')}-home"
