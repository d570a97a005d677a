"""Imports point one way: read from the syntax trees, so that a module that is never imported counts too."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "components" / "labform"
MODULES = {
    ".".join(("labform", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
PURE = [
    *("problems", "declaration", "naming", "people", "gpus", "volumes", "hosts", "project", "placement", "lockfile"),
    *("units", "occupancy", "moves", "refusals", "capacity", "machines", "mig", "yaml_file"),
    *("ledger", "checks", "quotas", "access", "compatibility", "cuda", "stack_file", "yaml_tree", "schema_errors"),
    *("loading", "inheritance", "resources", "remainder"),
    *("backends", "backends.docker", "backends.kubernetes"),
]
SDKS = {"pulumi", "pulumi_docker", "pulumi_kubernetes", "pulumi_docker_build", "docker", "kubernetes"}


@cache
def imported(path: Path, *, deep: bool = False) -> frozenset[str]:
    """The modules that a file imports when it is loaded, or, `deep`, ever; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if deep else _at_load(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import says less"
            found.add(str(node.module))
            found.update(name for alias in node.names if (name := f"{node.module}.{alias.name}") in MODULES)
    return frozenset(found)


def _at_load(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _for_types(node):
            continue
        found += [node, *_at_load(node)]
    return found


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING"


def within(name: str, package: str) -> bool:
    """Whether a module is a package or stands in it."""
    return name == package or name.startswith(f"{package}.")


def reached(name: str) -> set[str]:
    """All modules of labform that loading one loads, packages above them included."""
    found: set[str] = set()
    todo = {name}
    while todo:
        one = todo.pop()
        found.add(one)
        parents = {one.rsplit(".", depth)[0] for depth in range(1, one.count(".") + 1)}
        todo |= ({other for other in imported(MODULES[one]) if other in MODULES} | parents) - found
    return found


def test_there_is_something_to_read() -> None:
    """The tree is found."""
    assert len(MODULES) > 20
    assert {f"labform.{name}" for name in PURE} <= {*MODULES}


@pytest.mark.parametrize(
    "name", [*PURE, *(name.removeprefix("labform.") for name in MODULES if ".environments" in name)]
)
def test_a_pure_module_loads_no_sdk(name: str) -> None:
    """Neither itself nor by any module that it loads: checking a file needs no Pulumi and no Docker."""
    for module in reached(f"labform.{name}"):
        assert {one.split(".")[0] for one in imported(MODULES[module])} & SDKS == set(), module


@pytest.mark.parametrize("name", MODULES)
def test_a_module_stays_in_its_layer(name: str) -> None:
    """Environments and backends never meet, backends never meet each other, and nobody needs the command line."""
    apart = {
        "labform.environments": [
            "labform.backends",
            "labform.lab",
            "labform.image",
            "labform.loading",
            "labform.stack_file",
        ],
        "labform.backends": ["labform.environments", "labform.lab", "labform.image", "labform.loading"],
        "labform.backends.docker": ["labform.backends.kubernetes"],
        "labform.backends.kubernetes": ["labform.backends.docker"],
    }
    forbidden = [other for package, others in apart.items() if within(name, package) for other in others]
    forbidden += [] if within(name, "labform.cli") else ["labform.cli"]
    for module in imported(MODULES[name], deep=True):
        assert not any(within(module, one) for one in forbidden), module


def test_only_a_backend_imports_its_providers_sdk() -> None:
    """`lab` and `image` know Pulumi and the builder's Docker; the Kubernetes provider has one importer."""
    users = {name for name, path in MODULES.items() if "pulumi_kubernetes" in imported(path, deep=True)}
    assert all(within(name, "labform.backends.kubernetes") for name in users)
    users = {name for name, path in MODULES.items() if "pulumi_docker" in imported(path, deep=True)}
    assert all(within(name, "labform.backends.docker") or name in {"labform.lab", "labform.image"} for name in users)


def test_imports_have_no_circle() -> None:
    """There is an order in which everything can be read."""
    graph = {name: {one for one in imported(path) if one in MODULES and one != name} for name, path in MODULES.items()}
    packages = {name for name in graph if MODULES[name].name == "__init__.py"}
    TopologicalSorter(
        {name: {one for one in others if one not in packages} for name, others in graph.items()}
    ).prepare()


@pytest.mark.parametrize("module", ["labform", "labform.loading", "labform.ledger", "labform.environments"])
def test_loading_a_pure_module_loads_no_sdk(module: str) -> None:
    """In a fresh process, seen from outside: whoever checks a file waits for no SDK."""
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert SDKS & set(done.stdout.split()) == set()


def test_the_command_line_loads_no_sdk() -> None:
    """Nor does a cluster's or a host's own part of it: who asks for help, or for a plan, waits for neither."""
    modules = ["labform.cli", "labform.backends.kubernetes.live", "labform.backends.docker.running"]
    loaded = "print(*{name.split('.')[0] for name in sys.modules})"
    code = f"import sys, {', '.join(modules)}; labform.cli.command_line(); {loaded}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert SDKS & set(done.stdout.split()) == set()


@pytest.mark.parametrize(
    ("runs_on", "absent"),
    [("labform.backends.docker.hosts", {"docker", "kubernetes", "pulumi_kubernetes"}),
     ("labform.backends.kubernetes.cluster", {"docker", "kubernetes", "labform.backends.docker.hosts"})],
)  # fmt: skip
def test_a_lab_loads_its_own_backend_alone(runs_on: str, absent: set[str]) -> None:
    """With the builder's provider, which every lab has; the clients of daemon and API server are for hooks."""
    code = f"import sys, labform.lab, {runs_on}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert absent & set(done.stdout.split()) == set()
