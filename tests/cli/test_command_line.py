"""The command line: every command is found, and asking for one loads no other."""

import subprocess
import sys

from labform.cli import COMMANDS, TOPICS, command_line


def test_every_command_is_in_its_module() -> None:
    """The table names all commands that the modules register, each with the module that has it."""
    commands = command_line().commands
    assert set(commands) == set(COMMANDS)
    for name, one in commands.items():
        functions = [part.callback for part in getattr(one, "commands", {}).values()] or [one.callback]
        assert {function.__module__ for function in functions if function} == {f"labform.cli.{COMMANDS[name]}"}


def test_every_command_is_listed_whole() -> None:
    """Under one topic, with a sentence that is not cut short."""
    assert sorted(name for names in TOPICS.values() for name in names) == sorted(COMMANDS)
    command = [sys.executable, "-c", "from labform.cli import app; app()", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(f"\n{title}:\n" in said for title in TOPICS)
    assert "..." not in said.split("Edit a lab:")[1]


def test_one_command_loads_no_other() -> None:
    """Whoever asks for the status does not wait for what compares plans."""
    code = "import sys, labform.cli; labform.cli.command_line('status'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("labform.cli.") for name in done.stdout.split() if name.startswith("labform.cli.")}
    assert loaded == {"status"}


def test_a_word_that_is_no_command_is_told_what_there_is() -> None:
    """And the exit code is 2, as for other words that are off."""
    command = [sys.executable, "-c", "from labform.cli import app; app()", "stauts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "status" in done.stderr
