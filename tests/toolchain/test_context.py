"""Digests of build contexts equal those of the official plugin's own code.

The digests come from a Go program with the plugin's `hashContext` and the versions of
`fsutil` and `patternmatcher` that 5.1.0 pins, run on the same files.
"""

from pathlib import Path

import pytest

from toolchain.docker_plugin.context import context_digest

APP = ("print(1)", 0o644)

CASES: dict[str, tuple[dict[str, tuple[str, int] | str], str]] = {
    "a file": (
        {"app.py": APP},
        "3dcfdbef8c656235bc43ea0baa0c061ed582bb1496c85013ec685a7f28586af1",
    ),
    "another mode": (
        {"app.py": ("print(1)", 0o600)},
        "308ecb85eb11fa40ff73404f992b7601db2af6b108bf9906ee78e7a2cef9e425",
    ),
    "an executable": (
        {"app.py": ("print(1)", 0o755)},
        "3f8498f1b03fe8bf9ddf7495fbe0d1c0205192db994497845ea4864f6442fb13",
    ),
    "a folder": (
        {
            "app.py": APP,
            "src/b.py": ("b", 0o644),
            "src/a.py": ("a", 0o644),
            "src.txt": ("t", 0o644),
        },
        "16a0a2bf6a14767dc75dd05594024b6ea99dd63f91b8b6e814124ab368aab9c0",
    ),
    "an ignored file": (
        {
            "app.py": APP,
            ".dockerignore": ("*.log\n**/cache\n", 0o644),
            "x.log": ("x", 0o644),
            "src/cache/y": ("y", 0o644),
            "src/x.log": ("kept", 0o644),
        },
        "b22a502d50949d99e84655621eca276d18abf3196c4f6963051a86feab275d9d",
    ),
    "a file taken back in": (
        {
            ".dockerignore": ("# all but one\n*\n!src/a.py\n", 0o644),
            "src/a.py": ("a", 0o644),
            "src/b.py": ("b", 0o644),
        },
        "42a77873f56eceb21d8e977ad46768ad999a0ffae5fdd9eb557ce05f96dcdd84",
    ),
    "its own ignore file": (
        {
            "app.py": APP,
            "../project/Dockerfile.dockerignore": ("app.py\n", 0o644),
            ".dockerignore": ("other\n", 0o644),
        },
        "23a9a1e8d885797955f34700c4529211bc8b2e763f4b2d496e3d2832908eec1f",
    ),
    "a link": (
        {"app.py": APP, "link": "app.py"},
        "08ec454e9b5533619ba03e6ad707895ad64a847c6003d5980ce0fe322f6af8b1",
    ),
    "a dangling link hides what follows": (
        {"app.py": APP, "link": "missing", "zzz": ("never seen", 0o644)},
        "3dcfdbef8c656235bc43ea0baa0c061ed582bb1496c85013ec685a7f28586af1",
    ),
}
"""Files with content and mode, or where a link leads, and the digest."""


@pytest.mark.parametrize("name", CASES)
def test_digest(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest counts names, modes, contents, links and what is ignored."""
    files, digest = CASES[name]
    for folder in ("project", "context"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("Dockerfile").write_text("FROM base\n")
    for file, content in files.items():
        path = Path("../context", file)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_text(content[0])
            path.chmod(content[1])
    assert context_digest("../context", "Dockerfile") == digest
