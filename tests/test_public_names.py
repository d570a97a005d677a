"""What programs may import: one sorted list, exact, and each name is where it is said to be."""

import ast
import subprocess
import sys
from pathlib import Path

import labform
import pytest

INIT = Path(labform.__file__)


def test_the_list_is_sorted_and_exact() -> None:
    """Every public name is in the list, in the table of homes and in what type checkers see, and no other is."""
    tree = ast.parse(INIT.read_text(encoding="utf-8"))
    checked = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("labform.")
        for alias in node.names
    }
    assert labform.__all__ == sorted(labform.__all__)
    assert set(labform.__all__) == checked == set(labform._HOMES)


@pytest.mark.parametrize("name", labform.__all__)
def test_a_name_can_be_imported(name: str) -> None:
    """It is the thing of that name, from the module that defines it or gathers its family."""
    thing = getattr(labform, name)
    assert thing.__name__ == name
    assert thing.__module__.startswith(f"labform.{labform._HOMES[name]}")
    assert thing.__doc__


def test_nothing_else_is_there() -> None:
    """A name that is not public is an error that says so."""
    with pytest.raises(AttributeError, match="module 'labform' has no attribute 'Labb'"):
        _ = labform.Labb


def test_a_star_import_gives_the_list() -> None:
    """In a fresh process, as a program would."""
    code = "from labform import *; print(*sorted(name for name in dir() if not name.startswith('_')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == labform.__all__
