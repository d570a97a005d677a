"""Every field that can be declared: it deploys, changes nothing a second time, and an edit of it is applied."""

import io
import json
import sys
import tarfile
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.lockfile import Lock
from labform.project import CodeServer, Jupyter, ProjectArgs
from labform.stack_file import LabArgs

from tests.engine import edits, environment_edits, every_field
from tests.engine.bench import Bench, Outcome, sh
from tests.engine.declarable import declarable, used
from tests.engine.declared import declared, files, inspected
from tests.engine.dotted import DROP, edited, filled
from tests.engine.drift import drift
from tests.engine.edits import Edit
from tests.engine.environment_files import lay_out
from tests.engine.every_field import EDITS, SECRETS

_CLUSTER = "a lab has one backend: tests/backends/kubernetes/test_fields edits each field of a cluster"
_CONDA = "test_kinds: each field makes another recipe, which is another image; test_built builds cases of the kind"
_GIT = "test_sources locks and fetches a repository, whose folder is then read as one beside the stack file"
_BUILDKIT = "the Docker daemon's builder refuses it; test_buildkit deploys labs with it"
NOT_HERE = {
    **dict.fromkeys(("Kubernetes", "NodePool", "StorageClasses", "Ingress", "Network"), _CLUSTER),
    "ClaimVolume": "a claim is Kubernetes' own; test_parity edits its fields",
    **dict.fromkeys(("Conda", "Pixi"), _CONDA),
    **{f"{kind}.{key}": _GIT for kind in environment_edits.IN_FOLDERS for key in ("git", "commit")},
    "ProjectArgs.pinned": "a new lab has no image to run again; test_pinned pins one",
    **{f"Builder.{key}": _BUILDKIT for key in ("platforms", "cache", "secrets")},
    "LabArgs.retired": "a new lab has nothing to retire; test_lifecycle retires a volume",
}
"""What the lab of this file does not use, by model or field, and why."""


@dataclass
class World:
    """The lab of this module, and what was seen of it before and after its edits."""

    bench: Bench
    names: Mapping[str, str]
    """What the stand-ins of `every_field` stand for."""

    def write(self, lab: dict[str, Any]) -> None:
        """Write a lab of `every_field`."""
        self.bench.write(filled(lab, self.names))

    @property
    def lab(self) -> LabArgs:
        """The declaration as it is on disk now."""
        return LabArgs.model_validate_json(json.dumps(self.bench.lab))


@dataclass
class Seen:
    """A lab after an `up`: what the engine did, each project's container, what was declared, and where it is."""

    outcome: Outcome
    lab: LabArgs
    lock: Lock
    containers: dict[str, dict[str, Any]]

    def declared(self, name: str) -> dict[str, Any]:
        """What a container should be."""
        return declared(self.lab, name, self.lock.placements()[name], SECRETS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, box: Any, tools: Any) -> Iterator[World]:
    """A project with all that environments read, two directories of the host, and a second image in the registry."""
    folder = tmp_path_factory.mktemp("fields")
    bench = Bench(folder, box, tools, f"f{uuid.uuid4().hex[:6]}")
    lay_out(bench.project)
    for name in ("uv", "uv2"):
        sh(str(Path(sys.executable).with_name("uv")), "lock", "--quiet", "--directory", str(bench.project / name))
    for name in ("one", "two"):
        (folder / "paths" / name).mkdir(parents=True)
        (folder / "paths" / name / "name").write_text(f"{name}\n")
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    python = bench.docker.containers.run(box.base_reference, ["python3", "-c", code], remove=True).decode().strip()
    names = {edits.OTHER: bench.other_image(), edits.PATHS: str(folder / "paths")}
    yield World(bench, {**names, edits.PYTHON: python})
    bench.close()


@pytest.fixture(scope="module")
def before(world: World) -> Seen:
    """The lab as it is first deployed, with a file on a volume."""
    world.write(every_field.lab(world.bench.name))
    world.bench.deployment.prepare()
    for key, value in SECRETS.items():
        world.bench.deployment.pulumi("config", "set", "--secret", key, capture=True, input=value)
    seen = _seen(world, world.bench.up())
    for project, path in {"keeper": "/workspace", "old-name": "/data"}.items():
        world.bench.run(project, "sh", "-c", f"echo kept > {path}/canary")
    return seen


@pytest.fixture(scope="module")
def unchanged(world: World, before: Seen) -> list[Outcome]:
    """`up`, `refresh` and `up` of the same lab; a service that need not run has been stopped meanwhile."""
    bench = world.bench
    idle = bench.docker.containers.get(f"{bench.name}-projectargs-must-runagain")
    idle.stop(timeout=1)
    outcomes = [bench.up(), bench.refresh(), bench.up()]
    idle.reload()
    assert idle.status == "exited"
    return outcomes


@pytest.fixture(scope="module")
def after(world: World, unchanged: list[Outcome]) -> Seen:
    """The lab after one `up` with every edit."""
    world.write(every_field.edited_lab(world.bench.lab))
    return _seen(world, world.bench.up())


@pytest.fixture(scope="module")
def again(world: World, after: Seen) -> Outcome:
    """A second `up` after the edits."""
    return world.bench.up()


def test_no_field_is_forgotten() -> None:
    """The lab of this module uses every field there is, but for those listed with a reason."""
    names = {edits.OTHER: f"a@sha256:{'0' * 64}", edits.PATHS: "/srv", edits.PYTHON: "3.12"}
    declarations = [every_field.lab("all"), every_field.edited_lab(every_field.lab("all"))]
    said = set[str]()
    for lab in declarations:
        said |= set(used(LabArgs.model_validate_json(json.dumps(filled(lab, names)))))
    assert declarable(LabArgs) - said == left_out(declarable(LabArgs))


def test_no_edit_is_forgotten() -> None:
    """The table edits every field of a project."""
    every = declarable(ProjectArgs) - left_out(declarable(ProjectArgs))
    edited_alone = {field for field in every if field.split(".")[0] not in environment_edits.TOGETHER}
    discriminators = {"Prebuilt.kind", "Dockerfile.kind"}
    assert edited_alone - {edit.field for edit in EDITS} == discriminators, "ProjectArgs.environment edits the kind"
    for model in environment_edits.TOGETHER:
        given = {key.split(".")[-1] for edit in EDITS if edit.field == model for key in edit.after} | {"kind"}
        assert {f"{model}.{key}" for key in given} == {one for one in every if one.startswith(f"{model}.")}


def left_out(fields: set[str]) -> set[str]:
    """Those of the fields that are not used here."""
    return {field for field in fields if field in NOT_HERE or field.split(".")[0] in NOT_HERE}


def test_first_up_is_as_declared(before: Seen) -> None:
    """Every container is what the stack file says, and only running projects have one."""
    assert set(before.containers) == set(before.lab.running())
    for name, container in before.containers.items():
        assert container["facts"] == before.declared(name), name


def test_first_up_leaves_no_drift(world: World, before: Seen) -> None:
    """`labform diff` finds nothing, whatever is declared; a run may be on its way to its end."""
    assert drift(world.bench) == {}


def test_second_up_changes_nothing(unchanged: list[Outcome]) -> None:
    """`up`, `refresh` and `up` change nothing, whatever is declared; what an idle rule stopped stays stopped."""
    assert [outcome.changed for outcome in unchanged] == [{}, {}, {}]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.of)
def test_edit_is_applied(world: World, before: Seen, after: Seen, edit: Edit) -> None:
    """`docker inspect`, files and image are what the edited stack file says."""
    if edit.project not in after.lab.running():
        assert edit.project not in after.containers
        return
    container = after.containers[edit.project]
    assert container["facts"] == after.declared(edit.project)
    if edit.project in before.containers:
        assert (container["Id"] == before.containers[edit.project]["Id"]) == edit.kept
    for path, line in files(after.lab, edit.project, SECRETS).items():
        assert _content(world.bench, edit.project, path).endswith(line)
    for command, printed in edit.shows:
        assert world.bench.run(edit.project, "sh", "-c", command) == printed


def test_up_after_the_edits_changes_nothing(again: Outcome) -> None:
    """What was edited is settled."""
    assert again.changed == {}


def test_edits_leave_other_projects_alone(before: Seen, after: Seen) -> None:
    """A project that was not edited is neither replaced nor restarted."""
    then, now = before.containers["keeper"], after.containers["keeper"]
    assert (then["Id"], then["State"]["StartedAt"]) == (now["Id"], now["State"]["StartedAt"])
    assert not [key for key in after.outcome.changed if "keeper" in key]


def test_data_survives_every_edit(world: World, after: Seen) -> None:
    """Files stay, for the project that was renamed too, and no volume is touched."""
    assert world.bench.run("keeper", "cat", "/workspace/canary") == "kept\n"
    assert world.bench.run("new-name", "cat", "/data/canary") == "kept\n"
    assert not [key for key in after.outcome.changed if key.startswith("Volume ")]


def test_service_is_reached_and_knows_its_secrets(world: World, before: Seen) -> None:
    """A published port answers; a secret file is the owner's to read, and `whoami` knows them."""
    port = before.lock.projects["keeper"].port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/canary", timeout=10) as answer:
        assert answer.read() == b"kept\n"
    said = world.bench.run("keeper", "sh", "-c", "whoami; cat /run/secrets/AS_FILE; echo; echo $AS_ENV")
    assert said.split() == ["anna", SECRETS["first"], SECRETS["second"]]


def test_new_token(world: World, after: Seen) -> None:
    """A new generation makes a new token, and each service has the token that the stack exports."""
    exported = world.bench.deployment.pulumi("stack", "output", "tokens", "--show-secrets", "--json", capture=True)
    tokens = json.loads(exported.stdout)
    places = {
        Jupyter: ("/run/secrets/jupyter-token", "{}"),
        CodeServer: ("/run/secrets/code-server.yaml", 'password: "{}"\n'),
    }
    for name, token in tokens.items():
        place, text = places[type(after.lab.projects[name].service)]
        assert _content(world.bench, name, place) == text.format(token)
    assert len(set(tokens.values())) == len(tokens)


def test_secrets_are_not_in_the_state(world: World, after: Seen) -> None:
    """No secret value is in the state or in what the engine prints."""
    seen = world.bench.state() + after.outcome.text
    assert not [value for value in SECRETS.values() if value in seen]


def test_deadline_ends_a_run(world: World, after: Seen) -> None:
    """A run that passes its deadline is ended with `timeout`'s exit code."""
    assert world.bench.docker.containers.get(f"{world.bench.name}-run-deadline").wait(timeout=30)["StatusCode"] == 124


REFUSED = {
    "volume's owner": ({"volumes.work.owner": "ben"}, "volume-moved"),
    "volume's host": ({"volumes.work.host": "second"}, "volume-moved"),
    "owner's uid": ({"people.anna.uid": 10999}, "volume-moved"),
    "volume dropped": ({"volumes.work": DROP, "projects.keeper.mounts": {}}, "volume-dropped"),
    "volume made a directory": (
        {"volumes.work": {"path": f"{edits.PATHS}/one", "host": "local"}},
        "volume-dropped",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_edit_that_would_lose_data_is_refused(world: World, again: Outcome, what: str) -> None:
    """The reason and the way to migrate are said, and nothing has changed."""
    wrong, code = REFUSED[what]
    kept = world.bench.lab
    # A second host, of which nothing is said but where the volumes are: only the edit is wrong.
    more = {f"volumes.{key}.host": "local" for key, one in kept["volumes"].items() if "nfs" not in one}
    more |= {f"projects.keeper.{key}": DROP for key in ("host", "gpus", "requires", "mounts.shared")}
    world.write(edited(kept, {**more, "runs_on.hosts.second": {}, **wrong}))
    said = world.bench.refused()
    world.write(kept)
    assert f"error[{code}]" in said
    ways = ("declare a new volume, mount both, copy", "write retired: {work: {owner: anna", "give this one another id")
    assert [way for way in ways if way in said]
    assert "Traceback" not in said


def _seen(world: World, outcome: Outcome) -> Seen:
    bench = world.bench
    lock = Lock.model_validate_json(json.dumps(yaml.safe_load(bench.deployment.lock.read_text())))
    containers = {}
    for one in bench.docker.containers.list(
        all=True, ignore_removed=True, filters={"label": f"labform.lab={bench.name}"}
    ):
        name = one.labels["labform.project"]
        assert one.attrs["Config"]["Image"].startswith(f"{bench.deployment.box.registry_address}/t/{name}@sha256:")
        containers[name] = {**one.attrs, "facts": inspected(one.attrs, one.image.attrs)}
    return Seen(outcome, world.lab, lock, containers)


def _content(bench: Bench, project: str, path: str) -> str:
    """A file of a container that may have ended."""
    chunks, _ = bench.docker.containers.get(f"{bench.name}-{project}").get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return archive.extractfile(archive.getmembers()[0]).read().decode()
