"""`labform lock` and `check` at a terminal: what is written, what is refused, exit codes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from labform.cli.locking import _given
from labform.loading import read
from labform.lockfile import LockedBuild, write_lock
from labform.recipes import recipes_of

from tests.cli.conftest import Terminal
from tests.labs import GPUS, hosts, project

TAG = "python:3.12-slim"
DIGEST = f"mirror/python@sha256:{'b' * 64}"


@pytest.fixture
def stack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab with a tag to lock, a volume and a GPU project, in the working directory."""
    lab: dict[str, Any] = {
        "format": 1,
        "lab": "unit",
        "runs_on": hosts(gpu1={"address": "ssh://lab@gpu1.invalid", "gpus": GPUS}),
        "registry": {"address": "registry.invalid/unit"},
        "people": {"anna": {"uid": 10042}},
        "volumes": {"home": {"owner": "anna"}},
        "projects": {
            "thesis": project(gpus=2, mounts={"home": "/home/lab"}, environment={"kind": "prebuilt", "image": TAG})
        },
    }
    monkeypatch.chdir(tmp_path)
    path = Path("lab.yaml")
    path.write_text(yaml.safe_dump(lab))
    return path


def test_the_lock_is_written_once(stack_file: Path, labform: Terminal) -> None:
    """The first run writes, the second finds it up to date, and `--check` agrees without writing."""
    words = ("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    assert labform(*words) == (0, "lab.lock: written\n", "")
    assert labform(*words) == (0, "lab.lock: up to date\n", "")
    assert labform("lock", str(stack_file), "--check") == (0, "lab.lock: up to date\n", "")
    lock = yaml.safe_load(Path("lab.lock").read_text())
    assert lock["images"] == {TAG: DIGEST}
    assert lock["projects"] == {"thesis": {"host": "gpu1", "gpus": ["GPU-a", "GPU-b"]}}


def test_a_stale_lock_fails_the_check(stack_file: Path, labform: Terminal) -> None:
    """`--check` says which command to run, and writes nothing."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    stack_file.write_text(stack_file.read_text().replace("gpus: 2", "gpus: 1"))
    before = Path("lab.lock").read_bytes()
    code, out, err = labform("lock", str(stack_file), "--check")
    assert (code, out) == (1, "")
    assert err.endswith(
        "error[stale-lock] projects.thesis: the lock has gpus [GPU-a, GPU-b], now [GPU-a]: asks for 1 GPU, "
        "the lock gives 2; run `labform lock lab.yaml`\n"
    )
    assert Path("lab.lock").read_bytes() == before


@pytest.mark.parametrize("words", [("--upgrade",), ("thesis",), ("--move", "thesis"), ("--image", f"{TAG}={DIGEST}")])
def test_a_check_ignores_nothing(stack_file: Path, labform: Terminal, words: tuple[str, ...]) -> None:
    """What would change the lock is refused beside it."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    code, out, err = labform("lock", str(stack_file), "--check", *words)
    assert (code, out) == (1, "")
    assert err == "--check looks at the lock as it is; leave out PROJECT, --upgrade, --image and --move\n"


def test_offline_asks_no_registry(stack_file: Path, labform: Terminal) -> None:
    """A tag that the lock lacks is refused with the command that asks."""
    code, _, err = labform("lock", str(stack_file), "--offline")
    assert (code, Path("lab.lock").exists()) == (1, False)
    assert err == f"{TAG} is not in the lock, and no registry is asked; run `labform lock lab.yaml`\n"


@pytest.mark.parametrize(
    ("option", "value"), [("--image", "python:3.12"), ("--addresses", "[1]"), ("--addresses", "{")]
)
def test_a_bad_option_is_one_line(stack_file: Path, labform: Terminal, option: str, value: str) -> None:
    """No traceback for what a person mistypes."""
    code, _, err = labform("lock", str(stack_file), "--offline", option, value)
    assert (code, err.count("\n")) == (1, 1)
    assert option in err


def test_pairs_are_split_at_the_first_sign() -> None:
    """A digest has an equals sign nowhere, a tag neither."""
    assert list(_given([f"{TAG}={DIGEST}"])) == [(TAG, DIGEST)]


def test_check_says_what_is_sent(stack_file: Path, labform: Terminal) -> None:
    """A lab that is well is one line for each image, with its context's size, and one for the lab."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    code, out, _ = labform("check", str(stack_file))
    assert code == 0
    assert re.match(r"thesis: image [0-9a-f]{16}\n", out)
    assert out.endswith("lab.yaml: lab unit, 1 project, 1 volume: ok\n")


@pytest.mark.parametrize("lock", [(), ("--without-lock",)])
def test_check_on_a_day_asks_whose_access_has_ended(stack_file: Path, labform: Terminal, lock: tuple[str, ...]) -> None:
    """Only a day that somebody typed is looked at; `today` is one."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    stack_file.write_text(stack_file.read_text().replace("uid: 10042", "uid: 10042\n    until: 2020-03-31"))
    words = ("check", str(stack_file), *lock)
    assert labform(*words)[0] == labform(*words, "--on", "2020-03-31")[0] == 0
    for day in ("2020-04-01", "today"):
        code, _, err = labform(*words, "--on", day)
        assert (code, err.count("error[access-ended]"), err.count("\n")) == (1, 1, 1)
    assert labform(*words, "--on", "1.4.2020") == (
        1,
        "",
        '--on "1.4.2020": write a date such as 2027-03-31, or today\n',
    )


def test_a_file_judged_alone_is_placed_as_well(stack_file: Path, labform: Terminal) -> None:
    """Without a lock, too, more GPUs than there are is a fault."""
    stack_file.write_text(stack_file.read_text().replace("gpus: 2", "gpus: 5"))
    code, _, err = labform("check", str(stack_file), "--without-lock")
    assert (code, err.count("error[no-gpu]"), err.count("\n")) == (1, 1, 1)


def test_a_lock_is_not_written_for_a_driver_that_is_too_old(stack_file: Path, labform: Terminal) -> None:
    """What would not start is refused before anything is written."""
    stack_file.write_text(stack_file.read_text().replace("gpus:\n      -", "driver: '470.82'\n      gpus:\n      -", 1))
    stack_file.write_text(stack_file.read_text().replace(TAG, "nvidia/cuda:12.4.1-base"))
    code, _, err = labform("lock", str(stack_file), "--offline", "--image", f"nvidia/cuda:12.4.1-base={DIGEST}")
    assert (code, err.count("error[driver-too-old]"), Path("lab.lock").exists()) == (1, 1, False)


def test_check_refuses_with_exit_code_1(stack_file: Path, labform: Terminal) -> None:
    """What is wrong goes to the errors, and nothing to the output."""
    stack_file.write_text(stack_file.read_text().replace("owner: anna", "owner: ana"))
    code, out, err = labform("check", str(stack_file))
    assert (code, out) == (1, "")
    assert 'no person "ana"; did you mean "anna"?' in err


def test_only_who_is_named_moves(stack_file: Path, labform: Terminal) -> None:
    """The refusal's own words make it fit; who moved, from where and to where, is printed and nobody else is."""
    lab = yaml.safe_load(stack_file.read_text())
    gpus = [{"uuid": "GPU-h", "model": "H100-80GB"}]
    lab["runs_on"]["hosts"]["gpu2"] = {"address": "ssh://lab@gpu2.invalid", "gpus": gpus}
    lab["runs_on"]["hosts"]["gpu1"]["gpus"] = GPUS[:1]
    lab["volumes"] = {}
    lab["projects"] = {"old": project(gpus=1)}
    stack_file.write_text(yaml.safe_dump(lab))
    assert labform("lock", str(stack_file), "--offline")[0] == 0
    lab["projects"]["new"] = project(gpus={"model": "A100-40GB"})
    stack_file.write_text(yaml.safe_dump(lab))
    code, _, err = labform("lock", str(stack_file), "--offline")
    assert (code, err.endswith("run `labform lock` with --move old\n")) == (1, True)
    code, out, _ = labform("lock", str(stack_file), "--offline", "--move", "old")
    moved = "old: gpu1 (GPU-a) -> gpu2 (GPU-h): others fit in no other way"
    assert (code, out) == (0, f"lab.lock: written\n  {moved}\n")
    assert labform("lock", str(stack_file), "--check")[0] == 0


def test_nobody_unknown_is_moved(stack_file: Path, labform: Terminal) -> None:
    """A name that is mistyped moves nobody, and says so."""
    code, _, err = labform("lock", str(stack_file), "--offline", "--move", "thesiss")
    assert (code, err) == (1, '--move: no running project "thesiss"; did you mean "thesis"?\n')


def test_a_lock_that_was_edited_by_hand_is_not_up_to_date(stack_file: Path, labform: Terminal) -> None:
    """The same in another order is the same lab, and another diff than `labform lock` would make."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    Path("lab.lock").write_text(Path("lab.lock").read_text() + "# mine\n")
    code, _, err = labform("lock", str(stack_file), "--check")
    assert code == 1
    assert err == "lab.lock: error[stale-lock] is not as `labform lock lab.yaml` writes it; run it\n"


def test_an_upgrade_asks(stack_file: Path, labform: Terminal) -> None:
    """Without a network it is refused, and so are projects without it and projects that do not run; nothing moves."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    before = Path("lab.lock").read_bytes()
    for words, said in (
        (("--upgrade", "--offline"), "--upgrade asks registries, and --offline asks none; leave one of them out\n"),
        (
            ("thesis", "--offline"),
            "lab.yaml: projects are named for --upgrade alone; write `labform lock lab.yaml --upgrade thesis`\n",
        ),
        (("--upgrade", "thesiss"), '--upgrade: no running project "thesiss"; did you mean "thesis"?\n'),
    ):
        assert labform("lock", str(stack_file), *words) == (1, "", said)
    assert Path("lab.lock").read_bytes() == before


def test_what_a_pinned_project_needs_is_kept(stack_file: Path, labform: Terminal) -> None:
    """A tag that it starts from is not asked again, and the line says for whom: pinned is exact reproduction."""
    labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    draft = read(stack_file)
    recipe = recipes_of(draft).recipes["thesis"].hash
    built = LockedBuild(recipe=recipe, image=f"registry.invalid/unit/thesis@sha256:{'c' * 64}")
    write_lock(draft.lock_path, draft.lock.model_copy(update={"builds": {"thesis": built}}))
    stack_file.write_text(stack_file.read_text().replace("    run:", "    pinned: true\n    run:"))
    addresses = '{"hosts": {"gpu1": "unix:///nowhere"}, "builder": "unix:///nowhere"}'
    code, out, _ = labform("lock", str(stack_file), "--upgrade", "--addresses", addresses)
    assert (code, out) == (0, f"lab.lock: up to date\n  {TAG}: kept, thesis is pinned\n")
    assert labform("check", str(stack_file))[0] == 0


def test_versions_of_packages_need_a_builder(stack_file: Path, labform: Terminal) -> None:
    """Offline, a package that the lock has no version of is refused, with the command that asks."""
    stack_file.write_text(
        stack_file.read_text().replace("      kind: prebuilt", "      apt: [git]\n      kind: prebuilt")
    )
    code, _, err = labform("lock", str(stack_file), "--offline", "--image", f"{TAG}={DIGEST}")
    said = f"no version of git in {TAG} is in the lock, and no builder is asked; run `labform lock lab.yaml`\n"
    assert (code, err, Path("lab.lock").exists()) == (1, said, False)
