"""`labform mig`: an answer, a file for mig-parted, or one error that says what would fit."""

import subprocess
import sys

import pytest
import yaml
from labform.cli import app


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The command's exit code, output and errors."""
    monkeypatch.setattr(sys, "argv", ["labform", "mig", *words])
    with pytest.raises(SystemExit) as end:
        app()
    return (int(end.value.code or 0), *capsys.readouterr())


def test_a_possible_layout_is_a_mig_parted_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed says where the instances stand, and is the file to apply."""
    code, out, err = run(monkeypatch, capsys, "--model", "A100-40GB", "3g.20gb", "2g.10gb", "1g.5gb")
    assert (code, err) == (0, "")
    assert "# A100-40GB: 3g.20gb at 0-3, 2g.10gb at 4-5, 1g.5gb at 6\n" in out
    assert yaml.safe_load(out) == {
        "version": "v1",
        "mig-configs": {
            "labform": [
                {
                    "devices": "all",
                    "mig-enabled": True,
                    "mig-devices": {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1},
                }
            ]
        },
    }


def test_a_layout_has_a_name_and_devices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--name` and `--devices` go into the file; equal profiles are counted."""
    words = ("--model", "H200", "--name", "students", "--devices", "0,2", *["1g.18gb"] * 7)
    code, out, _ = run(monkeypatch, capsys, *words)
    assert code == 0
    entry = yaml.safe_load(out)["mig-configs"]["students"]
    assert entry == [{"devices": [0, 2], "mig-enabled": True, "mig-devices": {"1g.18gb": 7}}]


def test_an_impossible_layout_says_what_would_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line: the reason, the part that fits, and what the model offers."""
    code, out, err = run(monkeypatch, capsys, "--model", "A100-40GB", "3g.20gb", "3g.20gb", "1g.5gb")
    assert (code, out) == (1, "")
    assert err == (
        "error[mig-layout] 3g.20gb 3g.20gb 1g.5gb does not fit on one GPU: they need 9 memory slices and it has 8; "
        "this fits: 3g.20gb 3g.20gb; A100-40GB offers 1g.5gb (at most 7), 1g.5gb+me (at most 1), 1g.10gb (at most 4), "
        "2g.10gb (at most 3), 3g.20gb (at most 2), 4g.20gb (at most 1), 7g.40gb (at most 1)\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "A100-40GB", "3g.40gb"), 'error[mig-profile] no profile "3g.40gb"; A100-40GB offers 1g.5gb (at'),
        (("--model", "A100-40", "1g.5gb"), 'labform knows; did you mean "A100-40GB"?'),
        (("--model", "V100-32GB"), "allowed: A100-40GB, A100-80GB, A30-24GB,"),
        (("--model", "A30", "--devices", "x", "1g.6gb"), 'error[mig-devices] "x" names no GPUs'),
        (("--model", "A30", "--name", 'a"b', "1g.6gb"), "error[mig-name]"),
    ],
)
def test_a_bad_word_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """Unknown models and profiles, and options that no file could hold, are refused with what is allowed."""
    code, out, err = run(monkeypatch, capsys, *words)
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_without_profiles_a_model_is_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each profile with how many one GPU has, its share of the GPU and its memory."""
    code, out, _ = run(monkeypatch, capsys, "--model", "A30")
    assert code == 0
    assert out.splitlines()[3].split() == ["2g.12gb", "2", "1/2", "11970", "MiB"]


def test_the_installed_command_has_it() -> None:
    """`labform mig --help` shows its example; no traceback on a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from labform.cli import app; app()", "mig", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "Example: labform mig --model A100-40GB 3g.20gb 2g.10gb 1g.5gb" in " ".join(done.stdout.split())
