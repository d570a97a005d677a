"""Builds its package without a download: the least that PEP 517 and 660 ask for."""

import zipfile
from pathlib import Path

NAME = "model"
INFO = f"{NAME}-1.0.dist-info"
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: case\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _wheel(folder, files):
    name = f"{NAME}-1.0-py3-none-any.whl"
    files = {**files, f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}
    files[f"{INFO}/RECORD"] = "".join(f"{key},,\n" for key in [*files, f"{INFO}/RECORD"])
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for key, text in files.items():
            wheel.writestr(zipfile.ZipInfo(key, (1980, 1, 1, 0, 0, 0)), text)
    return name


def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {f"{NAME}.py": Path(f"{NAME}.py").read_text()})


def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {f"_{NAME}.pth": f"{Path.cwd()}\n"})
