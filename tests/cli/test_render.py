"""`labform render`: the files of a cluster lab, the same bytes each time, and nothing but its own files touched."""

import json
from pathlib import Path

import pytest
import yaml
from labform.loading import read
from labform.lockfile import LockedBuild, write_lock
from labform.recipes import recipes_of

from tests.backends.kubernetes.cluster_lab import LAB
from tests.cli.conftest import Terminal

DIGEST = f"registry.invalid/unit/x@sha256:{'b' * 64}"
IMAGES = [word for name in LAB["projects"] for word in ("--image", f"{name}={DIGEST}")]


@pytest.fixture
def stack(tmp_path: Path, labform: Terminal) -> Path:
    """A stack file with its lock."""
    path = tmp_path / "unit.yaml"
    path.write_text(yaml.safe_dump(LAB))
    code, _, error = labform("lock", str(path), "--offline")
    assert code == 0, error
    return path


def test_the_same_bytes_twice(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """In two folders; every file says who wrote it and holds one object."""
    for name in ("one", "two"):
        assert labform("render", str(stack), "--to", str(tmp_path / name), *IMAGES)[0] == 0
    first, second = ({one.name: one.read_bytes() for one in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert first == second
    assert all(one.startswith(b"# Written by `labform render`") for one in first.values())
    kinds = {name: yaml.safe_load(text)["kind"] for name, text in first.items()}
    assert kinds["0-unit-anna-namespace.yaml"] == "Namespace"
    assert "Secret" not in kinds.values()


def test_the_secrets_that_must_exist_are_listed(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """By namespace, name and keys: no file has a value for them."""
    _, out, _ = labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES)
    assert "must exist: Secret unit-anna/unit-thesis with HF_TOKEN, KEY, jupyter-token" in out
    assert "must exist: Secret unit-ben/labform-registry with .dockerconfigjson" in out


def test_what_has_left_the_lab_leaves_the_folder(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """The files of a project that is retired go, those of others stay as they are."""
    folder = tmp_path / "out"
    labform("render", str(stack), "--to", str(folder), *IMAGES)
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    stack.write_text(stack.read_text().replace("  web:\n", "  web:\n    state: retired\n"))
    labform("lock", str(stack), "--offline")
    assert labform("render", str(stack), "--to", str(folder), *IMAGES)[0] == 0
    after = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert {name for name in before if "ben" in name and "namespace" not in name} == before.keys() - after.keys()
    assert after.items() <= before.items()


def test_values_are_what_every_reader_takes_them_for(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """Text stays text to kubectl, whose YAML has other numbers than Python's; the API server refuses those."""
    edited = yaml.safe_load(stack.read_text())
    edited["projects"]["web"]["env"] = {"LEARNING_RATE": "1e-4", "ANSWER": "y", "SEED": "089"}
    edited["projects"]["web"]["service"]["command"] = ["serve", "5e-5"]
    stack.write_text(json.dumps(edited))
    assert labform("lock", str(stack), "--offline")[0] == 0
    assert labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES)[0] == 0
    text = (tmp_path / "out" / "3-unit-ben-unit-web-deployment.yaml").read_text()
    for said in ("value: '1e-4'", "value: 'y'", "value: '089'", "- '5e-5'"):
        assert said in text


def test_data_stays_when_its_file_goes(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """A volume on its way out has a file still, and nobody who prunes deletes its claim or a person's namespace."""
    edited = yaml.safe_load(stack.read_text())
    edited["retired"] = {"home": edited["volumes"].pop("home")}
    del edited["projects"]["thesis"]["mounts"]["home"]
    stack.write_text(yaml.safe_dump(edited))
    assert labform("lock", str(stack), "--offline")[0] == 0
    assert labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES)[0] == 0
    for name in ("3-unit-anna-unit-home-persistentvolumeclaim.yaml", "0-unit-anna-namespace.yaml"):
        annotations = yaml.safe_load((tmp_path / "out" / name).read_text())["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false"
        assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_somebody_elses_files_are_left_alone(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """A folder with a file that was not written by this command is refused."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "own.yaml").write_text("kind: ConfigMap\n")
    code, _, error = labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES)
    assert code == 1
    assert "own.yaml was not written by `labform render`; give a folder of its own" in error
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["own.yaml"]


def test_an_image_is_named_by_digest(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """One that the lock does not know has to be given, and a tag is refused; nothing is written."""
    code, _, error = labform("render", str(stack), "--to", str(tmp_path / "out"))
    assert (code, "no image is known of nightly, thesis, web; build them" in error) == (1, True)
    code, _, error = labform("render", str(stack), "--to", str(tmp_path / "out"), "--image", "web=x:latest")
    assert (code, "image of web: write NAME@sha256:…, a tag may be another image tomorrow" in error) == (1, True)
    assert not (tmp_path / "out").exists()


def test_what_was_built_for_another_recipe_does_not_count(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """The environment has changed since: the digest in the lock is of the old one."""
    draft, stale = read(stack), LockedBuild(recipe="a" * 16, image=DIGEST)
    write_lock(draft.lock_path, draft.lock.model_copy(update={"builds": {"web": stale}}))
    code, _, error = labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES[:-2])
    assert (code, "no image is known of web" in error) == (1, True)


def test_an_image_is_where_up_would_push_it(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """What was built is not in another registry; who is pinned keeps the image of the lock."""
    draft, out = read(stack), str(tmp_path / "out")
    recipes = recipes_of(draft).recipes
    builds = {
        name: LockedBuild(recipe=one.hash, image=f"registry.invalid/unit/{name}@sha256:{'c' * 64}")
        for name, one in recipes.items()
    }
    write_lock(draft.lock_path, draft.lock.model_copy(update={"builds": builds}))
    assert labform("render", str(stack), "--to", out)[0] == 0
    moved = yaml.safe_load(stack.read_text())
    moved["registry"]["address"] = "new.invalid/unit"
    moved["projects"]["web"]["pinned"] = True
    stack.write_text(yaml.safe_dump(moved))
    code, _, error = labform("render", str(stack), "--to", out)
    assert (code, "no image is known of nightly, thesis; build them" in error) == (1, True)


def test_an_image_of_nobody_is_refused(stack: Path, labform: Terminal, tmp_path: Path) -> None:
    """A misspelt name would leave the project with the image that the lock has."""
    code, _, error = labform("render", str(stack), "--to", str(tmp_path / "out"), *IMAGES, "--image", f"webb={DIGEST}")
    assert (code, '--image: no running project "webb"; did you mean "web"?' in error) == (1, True)
    assert not (tmp_path / "out").exists()


def test_a_docker_lab_has_no_manifests(labform: Terminal, tmp_path: Path) -> None:
    """It says where the lab runs."""
    path = tmp_path / "docker.yaml"
    path.write_text("format: 1\nlab: d\nruns_on: {kind: docker, hosts: {local: {}}}\npeople: {}\nprojects: {}\n")
    labform("lock", str(path), "--offline")
    code, _, error = labform("render", str(path), "--to", str(tmp_path / "out"))
    assert (code, "the lab runs on Docker; only a cluster lab has manifests" in error) == (1, True)
