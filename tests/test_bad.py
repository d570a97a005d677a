"""Bad input gets its message: `bad/NAME.yaml`, with `NAME.lock` if it has one, gives exactly `NAME.expected`.

A case whose first line has `--on DATE` is checked on that day. A new case needs no Python.
`LABFORM_WRITE_EXPECTED=1 pytest tests/test_bad.py` writes what is said now, for review.
"""

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from labform.loading import load
from labform.problems import LabformError

BAD = Path(__file__).parent / "bad"
OF_ENVIRONMENTS = (
    *("base", "conda", "detect", "devcontainer", "dockerfile", "env", "files", "git", "image", "lock", "path", "pip"),
    *("pixi", "prebuilt", "uv"),
)
"""How the names of cases begin that are about environments and locks."""
CASES = sorted(path.stem for path in BAD.glob("*.yaml"))


def said(name: str) -> str:
    """What loading a case says, in full."""
    day = re.match(rb"#.*--on (\d{4}-\d\d-\d\d)", Path(f"{name}.yaml").read_bytes())
    with pytest.raises(LabformError) as refused:
        load(Path(f"{name}.yaml"), on=dt.date.fromisoformat(day[1].decode()) if day else None)
    return f"{refused.value}\n"


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_its_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault is said in one run: position, code, path, what was given and what to write; never a secret."""
    monkeypatch.chdir(BAD)
    expected = BAD / f"{name}.expected"
    message = said(name)
    if os.environ.get("LABFORM_WRITE_EXPECTED"):
        expected.write_text(message, encoding="utf-8")
    assert message == expected.read_text(encoding="utf-8")
    assert "CANARY" not in message
    assert "4242424242" not in message


def test_every_message_has_its_case() -> None:
    """No expectation or lock is left behind by a case that is gone, and there are enough cases to matter."""
    beside = {path.stem for pattern in ("*.expected", "*.lock") for path in BAD.glob(pattern)}
    assert beside <= set(CASES)
    assert len(CASES) >= 60
    assert len([name for name in CASES if name.startswith(OF_ENVIRONMENTS)]) >= 100


def test_every_line_is_a_position_a_code_and_a_sentence() -> None:
    """A message has one line per fault, and none shows what only a programmer would understand."""
    for path in BAD.glob("*.expected"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.startswith(path.stem), line
            assert " error[" in line, line
            assert not any(
                word in line for word in ("pattern '^", "validation", "pydantic", "Traceback", "input should")
            )
