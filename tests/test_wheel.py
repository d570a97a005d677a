"""The wheel: what users install holds the whole toolkit and nothing else, and works with the source out of reach."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
UNIT_TESTS = (
    "test_declaration.py",
    "test_yaml_tree.py",
    "test_placement.py",
    "test_lockfile.py",
    "test_public_names.py",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a release would build it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_is_the_toolkit_and_nothing_else(wheel: Path) -> None:
    """Every module, pipeline, explanation and template is in the wheel; sandbox, toolchain and tests are not."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = REPOSITORY / "components"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")} | {"labform/py.typed"}
    pipelines = {str(path.relative_to(source)) for path in source.glob("labform/ci/*/*.yml")}
    explanations = {str(path.relative_to(source)) for path in source.glob("labform/explanations/*.yaml")}
    templates = {str(one.relative_to(source)) for one in source.glob("labform/templates/**/*") if one.is_file()}
    assert names == modules | pipelines | explanations | templates


def test_unit_tests_pass_on_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The unit tests run against the installed wheel, away from the source."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    shutil.copytree(REPOSITORY / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("engine", "__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import labform; print(labform.__file__)"],
        env=env,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=True,
    )
    assert where.stdout.startswith(str(tmp_path / "site"))
    tests = [f"tests/{name}" for name in UNIT_TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests],
        env=env,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
