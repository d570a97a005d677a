"""A terminal for tests: what a command prints, and its exit code."""

import sys

import pytest
from labform.cli import app


class Terminal:
    """Runs `labform` as a terminal would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Remember what replaces arguments and catches output."""
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        self.monkeypatch.setattr(sys, "argv", ["labform", *words])
        with pytest.raises(SystemExit) as end:
            app()
        return (int(end.value.code or 0), *self.capsys.readouterr())


@pytest.fixture
def labform(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """The command."""
    return Terminal(monkeypatch, capsys)
