"""The examples of commands that ask a lab that runs, each as its `--help` has it."""

from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from tests.engine.bench import PORTS
from tests.engine.reader import reader_at, removed
from tests.examples import LAB, REQUIREMENTS, RUNNING, examples
from tests.pages import Reader
from toolchain import Toolchain

EXAMPLES = sorted((name, one) for name, found in examples().items() if name in RUNNING for one in found)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, box: Sandbox, tools: Toolchain) -> Iterator[Reader]:
    """The lab of the examples, up, with a browser that only says that it was called."""
    made = reader_at(tmp_path_factory.mktemp("examples"), box, tools, "dev", "local")
    browser = made.tools / "browser"
    browser.write_text("#!/bin/sh\necho opened\n")
    browser.chmod(0o755)
    made.environment["BROWSER"] = f"{browser} %s"
    files = {"stacks/dev.yaml": LAB.replace("PORTS", PORTS), "projects/notebook/requirements.txt": REQUIREMENTS}
    for name, text in files.items():
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made.folder / name).write_text(text)
    for command in ("labform lock stacks/dev.yaml", "pulumi up --yes", "labform lock stacks/dev.yaml"):
        done = made.run(command)
        assert done.returncode == 0, done.stdout
    yield made
    removed(box, "dev")


@pytest.mark.parametrize(("name", "command"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_works_on_a_lab_that_runs(name: str, command: str, lab: Reader) -> None:
    """With exit code 0, and something to read."""
    done = lab.run(command)
    assert done.returncode == 0, f"labform {name}: {done.stdout}"
    assert done.stdout.strip(), name
