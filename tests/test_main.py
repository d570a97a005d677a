"""The program of a stack: reads one file, makes one Lab, exports. Whoever looks for logic finds none."""

import ast
from pathlib import Path

MAIN = Path(__file__).parents[1] / "__main__.py"
TREE = ast.parse(MAIN.read_text(encoding="utf-8"))


def test_it_is_short() -> None:
    """At most 20 lines, without blank ones, comments and the docstring."""
    docstring = TREE.body[0]
    lines = [line.strip() for line in MAIN.read_text(encoding="utf-8").splitlines()[docstring.end_lineno or 0 :]]
    assert ast.get_docstring(TREE)
    assert len([line for line in lines if line and not line.startswith("#")]) <= 20


def test_it_decides_nothing() -> None:
    """No loop, no condition, no try, no function of its own."""
    logic = (
        *(ast.For, ast.While, ast.If, ast.Match, ast.Try, ast.With, ast.IfExp, ast.AsyncFor),
        *(ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp),
    )
    assert [node for node in ast.walk(TREE) if isinstance(node, logic)] == []


def test_an_interrupt_ends_it_at_once() -> None:
    """Before anything that takes time is imported: a failing `up` ends with its cause, not with a traceback."""
    statements = [ast.unparse(node) for node in TREE.body]
    interrupt = statements.index("signal.signal(signal.SIGINT, signal.SIG_DFL)")
    assert interrupt < statements.index("import pulumi")
    assert statements[1:interrupt] == ["import gc", "import signal"]


def test_it_makes_one_lab_and_exports() -> None:
    """The object that was validated is the object that is handed on."""
    calls = [ast.unparse(node.func) for node in ast.walk(TREE) if isinstance(node, ast.Call)]
    assert (calls.count("load"), calls.count("Lab")) == (1, 1)
    assert calls.count("pulumi.export") >= 1
