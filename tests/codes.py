"""Every error code that the sources can print, read from them: none is written down here."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "components" / "labform"
_SHOWN = re.compile(r"error\[([a-z0-9-]+)\]")
_FIRST = {"Problem": 1}
"""Which argument is the code, of what is not a function with a parameter of that name."""


@dataclass(frozen=True)
class Module:
    """A source file: its tree, its constants, and its functions that take a code, by the place of that argument."""

    path: Path
    tree: ast.Module
    constants: Mapping[str, str]
    takes: Mapping[str, int]


def used() -> dict[str, list[str]]:
    """Each code, with where it is used as `file:line`; AssertionError where a code is made in a way nobody can read."""
    modules = {_name(path): _module(path) for path in sorted(SOURCES.rglob("*.py"))}
    found: dict[str, list[str]] = defaultdict(list)
    for one in modules.values():
        imported = {name: place for source, name in _imports(one.tree)
                    if source in modules and (place := modules[source].takes.get(name)) is not None}  # fmt: skip
        for code, line in _codes(one, {**_FIRST, **imported, **one.takes}):
            found[code].append(f"{one.path.relative_to(SOURCES)}:{line}")
    return found


def _name(path: Path) -> str:
    return ".".join(("labform", *path.relative_to(SOURCES).with_suffix("").parts)).removesuffix(".__init__")


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def _module(path: Path) -> Module:
    tree = ast.parse(path.read_text())
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    takes = {one.name: _place(one) for one in functions if any(arg.arg == "code" for arg in one.args.args)}
    return Module(path, tree, constants, takes)


def _place(function: ast.FunctionDef) -> int:
    names = [arg.arg for arg in function.args.args if arg.arg != "self"]
    return names.index("code")


def _codes(module: Module, takes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((code, node.lineno) for code in _SHOWN.findall(node.value))
        if isinstance(node, ast.Call) and (given := _argument(node, takes)) is not None:
            yield from ((code, node.lineno) for code in _read(given, module))


def _argument(call: ast.Call, takes: Mapping[str, int]) -> ast.expr | None:
    """What a call gives as its code; nothing for a call of something else."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    named = [one.value for one in call.keywords if one.arg == "code"]
    place = takes.get(name)
    return named[0] if named else call.args[place] if place is not None and len(call.args) > place else None


def _read(given: ast.expr, module: Module) -> Iterator[str]:
    match given:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp(body=one, orelse=other):
            yield from _read(one, module)
            yield from _read(other, module)
        case ast.Name(id=name) if name in module.constants:
            yield module.constants[name]
        case ast.Name(id="code"):
            yield from _assigned(module)
        case ast.Attribute(attr="code" | "id") | ast.Subscript(slice=ast.Constant(value="code")):
            pass  # somebody else's code, handed on
        case _:
            raise AssertionError(f"{module.path}:{given.lineno}: a code that nobody can search for")


def _assigned(module: Module) -> Iterator[str]:
    """What `code` is given in a module; a parameter is nothing by itself."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant() | ast.IfExp() as value):
                yield from _read(value, module)
