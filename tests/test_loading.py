"""From a file on disk to a lab that may be deployed, or to one readable error."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from labform.addresses import Addresses
from labform.ledger import plan
from labform.loading import load, read, read_lock
from labform.lockfile import Lock, write_lock
from labform.problems import LabformError, ProblemsError
from labform.recipes import cuda_needs, recipes_of, warnings_of
from labform.yaml_tree import MAX_BYTES

from tests.labs import stack_file

ROOT = Path(__file__).parents[1]
TEXT = """\
format: 1
lab: test
runs_on: {kind: docker, hosts: {local: {}}}
bases: {python: {image: "python:3.12-slim"}}
defaults: {base: python}
people: {anna: {uid: 10042}}
volumes: {home: {owner: anna}}
projects:
  thesis:
    owner: anna
    environment: {kind: pip, directory: thesis}
    mounts: {home: /home/lab}
    run: {command: [python, train.py]}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A lab on disk that is valid but for its lock, which is missing."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "requirements.txt").write_text("numpy\n")
    return stack_file(tmp_path, TEXT)


def lock(path: Path, **options: object) -> None:
    """Write the lock that a lab should have."""
    draft = read(path, **options)
    images = {
        tag: f"{tag.rpartition(':')[0]}@sha256:{hashlib.sha256(tag.encode()).hexdigest()}"
        for tag in recipes_of(draft).images
    }
    write_lock(draft.lock_path, plan(draft.lab, draft.lock, images).lock)


def refused(path: Path, **options: object) -> str:
    """What loading says."""
    with pytest.raises(LabformError) as error:
        load(path, **options)
    return str(error.value)


def test_a_locked_lab_is_loaded(lab: Path) -> None:
    """The lab, its lock and a recipe for each running project, built on the lock's digest."""
    lock(lab)
    stack = load(lab)
    assert (stack.path, stack.lab.lab, stack.lock_path) == (lab, "test", lab.with_suffix(".lock"))
    assert stack.lock.placements()["thesis"].host == "local"
    assert stack.recipes["thesis"].dockerfile.startswith("FROM python@sha256:")


def test_loading_twice_is_loading_the_same(lab: Path) -> None:
    """Nothing but the files decides."""
    lock(lab)
    first, second = load(lab), load(lab)
    assert (first.lab, first.lock, first.recipes) == (second.lab, second.lock, second.recipes)


def test_a_missing_lock_says_the_command(lab: Path) -> None:
    """The command to run is there to be copied, with the lock's place where it is another one."""
    assert (
        refused(lab)
        == f"{lab}: error[no-lock] there is no {lab.with_suffix('.lock')}; run `labform lock {lab}` and commit it"
    )
    other = lab.with_name("other.lock")
    assert f"run `labform lock {lab} --lock {other}`" in refused(lab, lock=other)


def test_a_stale_lock_says_the_command(lab: Path) -> None:
    """An edit that changes what is placed needs a new lock, and only the entries that are stale are named."""
    lock(lab)
    lab.write_text(TEXT.replace("  thesis:", "  paper:"))
    assert refused(lab) == (
        f"{lab}:8:1: error[stale-lock] projects.thesis: the lock has it still; run `labform lock {lab}`\n"
        f"{lab}:9:3: error[stale-lock] projects.paper: is not in the lock; run `labform lock {lab}`"
    )


def test_an_edit_that_moves_nothing_needs_no_new_lock(lab: Path) -> None:
    """Staleness is judged by entry: a comment, a limit or another command is no reason."""
    lock(lab)
    lab.write_text(TEXT.replace("train.py", "other.py") + "# a comment\n")
    assert load(lab).lab.projects["thesis"].run is not None


def test_a_retired_project_is_neither_placed_nor_built(lab: Path) -> None:
    """Its folder may be gone."""
    lab.write_text(TEXT.replace("    mounts", "    state: retired\n    mounts"))
    shutil.rmtree(lab.parent / "thesis")
    lock(lab)
    stack = load(lab)
    assert (dict(stack.recipes), stack.lock.projects) == ({}, {})


def test_a_retired_project_keeps_its_locked_base(lab: Path) -> None:
    """Who comes back gets the environment that he left; a lab that never locked it asks for none."""
    retired = TEXT.replace("    mounts", "    state: retired\n    mounts")
    lab.write_text(retired)
    assert recipes_of(read(lab)).images == ()
    lab.write_text(TEXT)
    lock(lab)
    lab.write_text(retired)
    lock(lab)
    assert set(load(lab).lock.images) == {"python:3.12-slim"}


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("folder", Path.mkdir, "is not a regular file"),
        ("pipe", os.mkfifo, "is not a regular file"),
        ("dangling", lambda path: path.symlink_to("nowhere"), "there is no such file; none is declared"),
        ("absent", lambda _: None, "there is no such file; none is declared"),
        ("file/below", lambda path: path.parent.write_text(""), "not a directory"),
        ("n" * 300, lambda _: None, "file name too long"),
    ],
)
@pytest.mark.timeout(10)
def test_what_is_no_file_is_said_and_not_opened(name: str, make: object, message: str, tmp_path: Path) -> None:
    """Folders, pipes, dangling links and files that are not there; a pipe is not waited for."""
    path = tmp_path / name
    make(path)
    assert refused(path) == f"{path}: error[file] {message}"


def test_a_file_beside_the_missing_one_is_suggested(lab: Path) -> None:
    """A name with a typing error gets the nearest one."""
    assert refused(lab.with_name("lba.yaml")).endswith('there is no such file; did you mean "lab.yaml"?')


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """The limit is judged by size alone."""
    path = stack_file(tmp_path, "")
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert refused(path) == f"{path}: error[file] is larger than 8 MiB"


def test_a_file_without_permission_is_said(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own word for it, in one line."""

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refused(lab) == f"{lab}: error[file] permission denied"


def test_a_byte_order_mark_is_no_fault(lab: Path) -> None:
    """Editors of another system write one."""
    lab.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    lock(lab)
    assert load(lab).lab.lab == "test"


def test_other_line_ends_are_no_fault(lab: Path) -> None:
    """A file of another system has the same positions."""
    lab.write_bytes(TEXT.replace("anna}", "ana}").replace("\n", "\r\n").encode())
    assert f"{lab}:7:25: error[unknown-person]" in refused(lab)


@pytest.mark.parametrize(
    "environment",
    [
        '{kind: pip, directory: "a\\0b"}',
        f"{{kind: pip, directory: {'d' * 300}}}",
        f"{{kind: pip, directory: thesis, files: [{'f' * 300}]}}",
        f"{{kind: pip, directory: thesis, requirements: {'r' * 300}}}",
        f"{{kind: dockerfile, directory: thesis, dockerfile: {'r' * 300}}}",
    ],
)
def test_a_path_that_no_file_system_has_is_a_fault_of_its_project(environment: str, lab: Path) -> None:
    """A name that is too long or holds a NUL is located and said, not raised."""
    lab.write_text(TEXT.replace("{kind: pip, directory: thesis}", environment))
    assert f"{lab}:11:" in refused(lab)
    assert "projects.thesis.environment" in refused(lab)


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_project_file_that_is_not_utf_8_is_a_fault_of_its_project(name: str, lab: Path) -> None:
    """The file is not the stack file, so its bytes have no position there."""
    (lab.parent / "thesis" / "Dockerfile").write_text("FROM a:1\n")
    (lab.parent / "thesis" / name).write_bytes(b"# caf\xe9\nFROM a:1\n")
    lab.write_text(TEXT.replace("kind: pip", "kind: dockerfile"))
    assert refused(lab) == f"{lab}:11:5: error[unreadable] projects.thesis.environment: reads a file that is not UTF-8"


def test_a_project_file_without_permission_is_a_fault_of_its_project(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is built."""
    read = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name == "requirements.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    message = "projects.thesis.environment: cannot read requirements.txt: permission denied"
    assert refused(lab) == f"{lab}:11:5: error[unreadable] {message}"


def test_all_faults_come_in_one_run_in_the_order_of_the_file(lab: Path) -> None:
    """Faults of the lab and of its environments stand together, with their data for programs."""
    text = TEXT.replace("home: {owner: anna}", "home: {owner: ana}").replace("directory: thesis", "directory: theses")
    lab.write_text(text.replace("{home: /home/lab}", "{home: /usr}"))
    with pytest.raises(ProblemsError) as error:
        load(lab)
    assert [one.code for one in error.value.problems] == ["unknown-person", "no-directory", "mount-path"]
    lines = str(error.value).splitlines()
    assert lines == sorted(lines, key=lambda line: [int(part) for part in line.split(": ")[0].split(":")[1:]])


def test_a_lock_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """A lab's first lock begins with nothing."""
    assert read_lock(tmp_path / "lab.lock", "test").projects == {}


def test_addresses_of_one_deployment_replace_those_of_the_file(lab: Path) -> None:
    """Everything else stays the stack file's, and the lock is none the wiser."""
    lab.write_text(TEXT + "registry: {address: registry.example.org/lab}\n")
    lock(lab)
    given = Addresses(registry="127.0.0.1:5000", builder="unix:///run/a.sock", hosts={"local": "unix:///run/b.sock"})
    loaded, plain = load(lab, addresses=given), load(lab)
    assert loaded.lab.registry is not None
    assert loaded.lab.registry.address == "127.0.0.1:5000"
    assert (loaded.lab.builder.daemon, loaded.lab.hosts["local"].address) == (
        "unix:///run/a.sock",
        "unix:///run/b.sock",
    )
    assert (loaded.lock, loaded.recipes) == (plain.lock, plain.recipes)
    assert loaded.lab.model_dump(exclude={"registry", "builder", "runs_on"}) == plain.lab.model_dump(
        exclude={"registry", "builder", "runs_on"}
    )


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        (Addresses(hosts={"lokal": "unix:///x"}), 'error[addresses] no host "lokal" in the lab; did you mean "local"?'),
        (Addresses(hosts={"local": "CANARY"}), "error[addresses] not an address: runs_on.docker.hosts.local.address"),
        (Addresses(builder="CANARY"), "error[addresses] not an address: builder.address"),
    ],
)
def test_a_wrong_address_is_refused(addresses: Addresses, message: str, lab: Path) -> None:
    """An override is held to the same rules as the file; what was given may hold a password and is not shown."""
    assert refused(lab, addresses=addresses) == message


def test_an_override_is_checked_with_the_lab(lab: Path) -> None:
    """A tunnel to another daemon needs a registry, as it would in the file."""
    message = refused(lab, addresses=Addresses(hosts={"local": "ssh://lab@gpu1"}))
    assert "error[no-registry] builder: images cannot reach local" in message


@pytest.mark.parametrize("marker", ["Pulumi.yaml", ".git"])
def test_the_lab_reaches_as_far_as_its_repository(marker: str, tmp_path: Path) -> None:
    """Folders of the repository, or of the Pulumi project, may be named; what is outside may not."""
    for folder in ("outside", "repository/projects/thesis", "repository/labs/stacks"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "requirements.txt").write_text("")
    (tmp_path / "repository" / marker).touch()
    path = stack_file(
        tmp_path / "repository" / "labs" / "stacks",
        TEXT.replace("directory: thesis", "directory: ../../projects/thesis"),
    )
    lock(path)
    assert load(path).recipes["thesis"]
    path.write_text(TEXT.replace("directory: thesis", "directory: ../../../outside"))
    assert "error[path-escapes]" in refused(path)


def test_open_versions_are_a_warning_or_in_a_strict_lab_a_fault(lab: Path) -> None:
    """One line, with the place of each."""
    lock(lab)
    said = "projects.thesis.environment.requirements: another day gives another image: requirements.txt:1 numpy"
    (line,) = warnings_of(load(lab).recipes)
    assert line.startswith(f"warning[unpinned] {said}; write name==version")
    lab.write_text(TEXT.replace("lab: test\n", "lab: test\nstrict: true\n"))
    assert refused(lab).startswith(f"{lab}:12:5: error[unpinned] {said}")
    (lab.parent / "thesis" / "requirements.txt").write_text("numpy==2.4.6\n")
    assert warnings_of(load(lab).recipes) == []


NOTEBOOK_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "notebook"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "jupyterlab", specifier = ">=4.4" },
    { name = "matplotlib", specifier = ">=3.10" },
    { name = "scikit-learn", specifier = ">=1.7" },
]
"""
"""What uv writes for projects/notebook, without the packages."""


def test_the_example_lab_is_valid(tmp_path: Path) -> None:
    """stacks/dev.yaml loads, with a lock of its own and the uv lock that `make` writes."""
    copy = tmp_path / "repository"
    shutil.copytree(ROOT / "projects", copy / "projects")
    (copy / "projects" / "notebook" / "uv.lock").write_text(NOTEBOOK_LOCK)
    (copy / ".git").mkdir()
    path = stack_file(copy / "stacks", (ROOT / "stacks" / "dev.yaml").read_text(), "dev.yaml")
    lock(path)
    stack = load(path)
    assert sorted(stack.recipes) == ["course", "course-data", "notebook", "paper"]
    assert stack.lock.projects["notebook"].port == 20001


def test_a_pinned_project_needs_what_was_built(lab: Path) -> None:
    """Without it, or with another recipe, it is refused; with it, nothing is stale."""
    lab.write_text(TEXT.replace("    mounts", "    pinned: true\n    mounts"))
    lock(lab)
    assert "error[not-built] projects.thesis.pinned: the lock knows no image of it" in refused(lab)
    draft = read(lab)
    recipe = recipes_of(draft).recipes["thesis"].hash
    built = {"thesis": {"recipe": recipe, "image": f"r/thesis@sha256:{'0' * 64}"}}
    write_lock(draft.lock_path, Lock.model_validate(draft.lock.model_dump() | {"builds": built}))
    assert load(lab).lock.builds["thesis"].recipe == recipe
    (lab.parent / "thesis" / "requirements.txt").write_text("pandas\n")
    assert "error[pinned-changed] projects.thesis.pinned: its environment is not what was built: recipe" in refused(lab)


def test_an_image_that_was_built_says_its_cuda(lab: Path) -> None:
    """By what the lock has of it, as long as the recipe is the same."""
    gpu = "{local: {gpus: [{uuid: GPU-1, model: A100-40GB}]}}"
    lab.write_text(TEXT.replace("    mounts", "    gpus: 1\n    mounts").replace("{local: {}}", gpu))
    draft = read(lab)
    made = recipes_of(draft)
    for recipe, needs in ((made.recipes["thesis"].hash, {"thesis": (12, 4)}), ("0" * 16, {})):
        built = {"recipe": recipe, "image": f"r/thesis@sha256:{'0' * 64}", "cuda": "12.4.1"}
        seen = replace(draft, lock=Lock.model_validate({"lab": "test", "builds": {"thesis": built}}))
        assert {name: one.version for name, one in cuda_needs(seen, made).items()} == needs
