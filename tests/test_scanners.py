"""What scanners say of a cluster lab as it is by default: nothing but what is waived, and no waiver is idle."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from labform.cli.render import rendered
from labform.loading import read

from toolchain import cache
from toolchain.once import made_once

REPOSITORY = Path(__file__).parents[1]
CONFIGURED = REPOSITORY / "docs" / "scanners"
CHECKOV = "3.3.30"
pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `labform render stacks/cluster.yaml` writes."""
    folder, lab = tmp_path_factory.mktemp("manifests"), read(REPOSITORY / "stacks" / "cluster.yaml").lab
    images = {name: f"registry.example.org/ds01/{name}@sha256:{'a' * 64}" for name in lab.projects}
    for name, text in rendered(lab, images, {}).items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The folder of checkov's modules, installed once for all runs, apart from this environment."""

    def install(folder: Path) -> None:
        uv = Path(sys.executable).with_name("uv")
        words = [
            "pip",
            "install",
            "--quiet",
            "--python",
            sys.executable,
            "--target",
            str(folder),
            f"checkov=={CHECKOV}",
        ]
        subprocess.run([uv, *words], check=True)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return made_once(cache.root() / "tools" / f"checkov-{CHECKOV}-{version}", install)


def failed(checkov: Path, manifests: Path, *options: str) -> set[str]:
    """The checks that fail."""
    command = [sys.executable, "-m", "checkov.main", "-d", str(manifests), "-o", "json", "--soft-fail", *options]
    env = {**os.environ, "PYTHONPATH": str(checkov), "LOG_LEVEL": "CRITICAL"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["summary"]["passed"] > 1000, "everything was looked at"
    return {one["check_id"] for one in found["results"]["failed_checks"]}


def test_checkov(checkov: Path, manifests: Path) -> None:
    """Without the file it finds exactly what the file waives, with it nothing."""
    file = CONFIGURED / "checkov.yaml"
    waived = set(yaml.safe_load(file.read_text())["skip-check"])
    assert failed(checkov, manifests, "--framework", "kubernetes", "--skip-download") == waived
    assert failed(checkov, manifests, "--config-file", str(file)) == set()


@pytest.mark.skipif(shutil.which("kube-linter") is None, reason="kube-linter 0.8 is not installed, nor on an index")
def test_kube_linter(manifests: Path) -> None:
    """Without the file it finds exactly what the file waives, with it nothing."""
    file = CONFIGURED / "kube-linter.yaml"
    command = ["kube-linter", "lint", "--format", "json", str(manifests)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    waived = set(yaml.safe_load(file.read_text())["checks"]["exclude"])
    assert {one["Check"] for one in found["Reports"]} == waived
    done = subprocess.run([*command, "--config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_waiver_is_explained() -> None:
    """Each stands in docs/backends.md, with a reason."""
    page = (REPOSITORY / "docs" / "backends.md").read_text()
    waived = yaml.safe_load((CONFIGURED / "checkov.yaml").read_text())["skip-check"]
    waived += yaml.safe_load((CONFIGURED / "kube-linter.yaml").read_text())["checks"]["exclude"]
    assert [one for one in (*waived, f"checkov {CHECKOV}") if one not in page] == []
