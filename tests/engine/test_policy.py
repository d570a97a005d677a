"""The policy pack on the real engine: it stops what its rules forbid, and lets the rest pass."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.bench import REPOSITORY, Bench


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack as a lab's repository has it, with an environment of its own: it wants another protobuf than labform."""
    folder = tmp_path_factory.mktemp("pack") / "policy"
    shutil.copytree(REPOSITORY / "policy", folder, ignore=shutil.ignore_patterns(".venv"))
    uv = str(Path(sys.executable).with_name("uv"))
    environment = folder / ".venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    python = ["--python", str(environment / "bin" / "python")]
    subprocess.run([uv, "pip", "install", "--quiet", *python, "pulumi-policy>=1.21,<2", "pulumi==3.272.0"], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "labform.pth").write_text(f"{REPOSITORY / 'components'}\n")
    return folder


def test_a_lab_passes_and_what_it_loosens_does_not(bench: Bench, lab: dict[str, Any], pack: Path) -> None:
    """What labform registers breaks no rule; a public port stops the preview unless the project is an exception."""
    bench.write(lab)
    bench.deployment.prepare()
    assert "labform@v0.0.1" in bench.preview("--policy-pack", str(pack)).text
    public = copy.deepcopy(lab)
    public["projects"]["web"]["service"]["listen"] = "0.0.0.0"
    bench.write(public)
    refused = bench.preview("--policy-pack", str(pack), ok=False)
    assert refused.code != 0
    assert refused.text.count("[mandatory]") == 1
    assert "public-port" in refused.text
    assert "on 0.0.0.0; a port on every address of the host is open to the whole network. Leave listen" in refused.text
    exceptions = pack / "exceptions.json"
    exceptions.write_text(json.dumps({"public-port": {"exceptions": ["web"]}}))
    bench.preview("--policy-pack", str(pack), "--policy-pack-config", str(exceptions))
