"""Tiny wheels for the cases: `python -m tests.environments.wheels` writes those that the cases hold, to the byte."""

import base64
import hashlib
import zipfile
from pathlib import Path

CASES = Path(__file__).parent / "cases"
WHEELS = {
    "uv-plain": ("alpha 1.0",),
    "uv-groups-and-extras": ("alpha 1.0", "beta 2.0", "gamma 3.0", "delta 4.0 alpha"),
    "uv-workspace": ("alpha 1.0",),
    "pip-local": ("alpha 1.0", "delta 4.0 alpha"),
    "pip-pylock": ("alpha 1.0", "beta 2.0"),
}
"""The wheels of each case: name, version, and what it needs."""


def write_wheel(folder: Path, text: str) -> Path:
    """A wheel of one module that knows its version, and one command; the same bytes every time."""
    name, version, *needs = text.split()
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": f'VERSION = "{version}"\n\n\ndef main():\n    print("{name}", VERSION)\n',
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: labform\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{key},{_hash(value)},{len(value)}\n" for key, value in files.items()) + (
        f"{info}/RECORD,,\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for key, value in files.items():
            wheel.writestr(zipfile.ZipInfo(key, (1980, 1, 1, 0, 0, 0)), value)
    return path


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


if __name__ == "__main__":
    for case, wheels in WHEELS.items():
        for one in wheels:
            write_wheel(CASES / case / "project" / "wheels", one)
