"""What a uv.lock installs, read without uv."""

import pytest
from labform.environments.locked import LockedPackage
from labform.environments.uv_lock import Selection, UvLock
from labform.problems import LabformError

HEAD = 'version = 1\nrequires-python = ">=3.11"\n'
FILE = 'hash = "sha256:aa", size = 7'


def index(name: str, version: str = "1", more: str = "") -> str:
    """A package of an index."""
    url = f"https://example.org/{name}-{version}-py3-none-any.whl"
    source = 'source = { registry = "https://index.example.org/simple" }'
    wheels = f'wheels = [{{ url = "{url}", {FILE} }}]'
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\n{source}\n{wheels}\n{more}\n'


def read(*packages: str, root: str = "") -> UvLock:
    """A lock whose project is `thesis`."""
    return UvLock.parse(
        f'{HEAD}[[package]]\nname = "thesis"\nsource = {{ virtual = "." }}\n{root}\n{"".join(packages)}'
    )


def found(lock: UvLock, **chosen: object) -> dict[str, LockedPackage]:
    """The packages of a choice, by name and version."""
    selection = Selection("thesis", **chosen)  # type: ignore[arg-type]
    return {f"{one.name} {one.table.get('version')}": one for one in lock.packages(selection)}


def test_dependencies_of_dependencies_come_once() -> None:
    """In a circle too."""
    root = 'dependencies = [{ name = "a" }]'
    lock = read(
        index("a", more='dependencies = [{ name = "b" }]'),
        index("b", more='dependencies = [{ name = "a" }]'),
        root=root,
    )
    assert set(found(lock)) == {"a 1", "b 1"}


def test_an_extra_of_a_dependency_brings_what_it_needs() -> None:
    """Beside what the package always needs."""
    more = '[package.optional-dependencies]\nfast = [{ name = "b" }]\nslow = [{ name = "c" }]\n'
    packages = index("a", more=more), index("b"), index("c")
    assert set(found(read(*packages, root='dependencies = [{ name = "a", extra = ["fast"] }]'))) == {"a 1", "b 1"}
    assert set(found(read(*packages, root='dependencies = [{ name = "a" }]'))) == {"a 1"}


def test_forks_of_a_resolution_keep_their_markers() -> None:
    """One version for one Python, another for others; both are in the lock of the layer."""
    source = 'source = { registry = "https://index.example.org/simple" }'
    edges = (
        f'{{ name = "a", version = "1", {source}, marker = "python_full_version < \'3.12\'" }}',
        f'{{ name = "a", version = "2", {source}, marker = "python_full_version >= \'3.12\'" }}',
    )
    lock = read(index("a", "1"), index("a", "2"), root=f"dependencies = [{', '.join(edges)}]")
    markers = {name: one.table.get("marker") for name, one in found(lock).items()}
    assert markers == {"a 1": "python_full_version < '3.12'", "a 2": "python_full_version >= '3.12'"}
    assert set(found(lock, python="3.11")) == {"a 1"}
    assert set(found(lock, python="3.13")) == {"a 2"}


def test_conflicting_extras_choose_in_uvs_own_words() -> None:
    """What one extra needs is left out where the other is chosen."""
    edges = (
        '{ name = "a", marker = "extra == \'extra-6-thesis-gpu\'" }',
        "{ name = \"b\", marker = \"extra == 'extra-6-thesis-cpu' or extra != 'extra-6-thesis-gpu'\" }",
    )
    lock = read(index("a"), index("b"), root=f"dependencies = [{', '.join(edges)}]")
    assert set(found(lock, extras=("gpu",))) == {"a 1"}
    assert set(found(lock)) == {"b 1"}


def test_another_systems_packages_are_left_out() -> None:
    """Images are Linux."""
    root = 'dependencies = [{ name = "a", marker = "sys_platform == \'win32\'" }, { name = "b" }]'
    assert set(found(read(index("a"), index("b"), root=root))) == {"b 1"}


@pytest.mark.parametrize(
    ("package", "kind", "table"),
    [
        (
            'source = { git = "https://example.org/a?rev=main&subdirectory=x#0123" }',
            "source",
            {
                "vcs": {
                    "type": "git",
                    "url": "https://example.org/a",
                    "commit-id": "0123",
                    "requested-revision": "main",
                    "subdirectory": "x",
                }
            },
        ),
        (
            f'source = {{ url = "https://example.org/a.zip" }}\nsdist = {{ {FILE} }}',
            "source",
            {"archive": {"size": 7, "hashes": {"sha256": "aa"}, "url": "https://example.org/a.zip"}},
        ),
        (
            f'source = {{ path = "w/a-1-py3-none-any.whl" }}\nwheels = [{{ filename = "a-1.whl", {FILE} }}]',
            "wheel",
            {"archive": {"size": 7, "hashes": {"sha256": "aa"}, "path": "w/a-1-py3-none-any.whl"}},
        ),
        ('source = { directory = "lib" }', "local", {"directory": {"path": "lib", "editable": False}}),
        ('source = { editable = "lib" }', "local", {"directory": {"path": "lib", "editable": True}}),
    ],
    ids=["git", "url", "path", "directory", "editable"],
)
def test_every_source_is_said_in_the_standards_words(package: str, kind: str, table: dict[str, object]) -> None:
    """A repository by its commit, an archive by its hash, a folder by its path."""
    lock = read(f'[[package]]\nname = "a"\nversion = "1"\n{package}\n', root='dependencies = [{ name = "a" }]')
    (one,) = found(lock).values()
    assert one.kind == kind
    assert one.table == {"name": "a", "version": "1", **table}


def test_a_python_that_the_lock_is_not_for_is_said() -> None:
    """With what it is for."""
    with pytest.raises(LabformError, match=r"is for Python >=3.11, and python: is 3.9"):
        found(read(), python="3.9")
