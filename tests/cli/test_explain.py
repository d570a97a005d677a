"""`labform explain` in a terminal: one code, all codes, a near miss; and the line that leads there."""

import json
import pty
import subprocess
import sys
from contextlib import suppress
from os import close, read
from pathlib import Path
from typing import Any

import pytest
from labform.explain import explanations

from tests.cli.conftest import Terminal
from tests.examples import LAB
from tests.test_explain import COMMANDS


@pytest.mark.parametrize("word", ["no-gpu", "error[no-gpu]"])
def test_a_code_is_explained(labform: Terminal, word: str) -> None:
    """As it is shown in an error, too."""
    one = explanations()["no-gpu"]
    code, out, _ = labform("explain", word)
    assert code == 0
    assert all(text in out for text in (one.means, one.why, one.write, one.bad, one.good))
    assert json.loads(labform("explain", word, "--json")[1]) == {**vars(one)}


def test_all_codes_are_listed(labform: Terminal) -> None:
    """In the order of the alphabet, a line for each; as JSON in full."""
    lines = labform("explain")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["CODE", *sorted(explanations())]
    assert [one["code"] for one in json.loads(labform("explain", "--json")[1])] == sorted(explanations())


@pytest.mark.parametrize(
    ("given", "hint"), [("no-gpus", 'did you mean "no-gpu"?'), ("xyzzy", "`labform explain` lists them")]
)
def test_a_near_miss_is_named(labform: Terminal, given: str, hint: str) -> None:
    """And what is not near is no suggestion."""
    assert labform("explain", given) == (1, "", f'error[unknown-code] no code "{given}"; {hint}\n')


def test_an_error_in_a_terminal_says_where_it_is_explained(tmp_path: Path) -> None:
    """Once, after all errors, and never into a pipe."""
    path = tmp_path / "lab.yaml"
    path.write_text("format: 1\nlab: [Bad]\nfoo: 1\n")
    command = [Path(sys.executable).with_name("labform"), "check", path]
    piped = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "labform explain" not in piped
    ours, theirs = pty.openpty()
    subprocess.run(command, stderr=theirs, check=False)
    close(theirs)
    shown = _all(ours).decode().replace("\r\n", "\n")
    code = piped.partition("error[")[2].partition("]")[0]
    assert shown == f"{piped}What it means, and what to write: labform explain {code}\n"


def _all(terminal: int) -> bytes:
    """What a terminal was sent, to its end, which Linux tells as an error."""
    parts = []
    with suppress(OSError):
        while part := read(terminal, 65536):
            parts.append(part)
    close(terminal)
    return b"".join(parts)


@pytest.mark.enable_socket
@pytest.mark.parametrize("code", sorted(COMMANDS))
def test_an_example_of_a_command_is_so(code: str, labform: Terminal, tmp_path: Path, monkeypatch: Any) -> None:
    """The one is refused with its code, the other not: it works, or asks a host that there is none of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    Path("stacks").mkdir()
    Path("stacks/dev.yaml").write_text(LAB.replace("PORTS", "20000-20099"))
    Path("projects/notebook").mkdir(parents=True)
    Path("projects/notebook/requirements.txt").write_text("six==1.16.0\n")
    locked = labform("lock", "stacks/dev.yaml", "--offline", "--image", f"python:3.12-slim=python@sha256:{'0' * 64}")
    assert locked[0] == 0
    bad, good = (labform(*text.split()[1:])[2] for text in (explanations()[code].bad, explanations()[code].good))
    assert f"error[{code}]" in bad
    assert "error[" not in good
