"""One line for each image in what `pulumi` prints into a log."""

import sys
from pathlib import Path

import pytest
from labform.engine_output import QUIET, filtered, run

PRINTED = """\
Updating (t):
 +  pulumi:pulumi:Stack labform-t creating (0s) 
 +  docker:index:Image ds-one creating (0s) 
 +  docker:index:Image ds-one creating (0s) Starting Docker build
 +  docker:index:Image ds-one creating (3s) digest: sha256:96eeceba6ce0
 +  docker:index:Image ds-one creating (16s) Mounted from t/one
 +  docker-build:index:Image ds-five creating (2s) [internal] load build definition
@ updating.... +  docker:index:Image ds-one creating (17s) Pushing [==>  ]  14.17MB
 +- docker:index:Image ds-two creating replacement (4s) #7 [3/9] RUN make
 ~  docker:index:Image ds-three updating (1s) warning: the base is old
 +  docker:index:Image ds-four creating (1s) error: exit code 1
 +  docker:index:Image ds-one created (18s) 
 +  docker:index:Container ds-one creating (0s) 
 +  docker:index:Image ds-four **creating failed** 1 error
Diagnostics:
  docker:index:Image (ds-four):
    error: exit code 1
"""  # noqa: W291  as the engine writes it
KEPT = """\
Updating (t):
 +  pulumi:pulumi:Stack labform-t creating (0s) 
 ~  docker:index:Image ds-three updating (1s) warning: the base is old
 +  docker:index:Image ds-four creating (1s) error: exit code 1
 +  docker:index:Image ds-one created (18s) 
 +  docker:index:Container ds-one creating (0s) 
 +  docker:index:Image ds-four **creating failed** 1 error
Diagnostics:
  docker:index:Image (ds-four):
    error: exit code 1
"""  # noqa: W291


def test_an_image_has_one_line() -> None:
    """When it is done; faults and everything else stay, word for word."""
    assert "".join(filtered(PRINTED.splitlines(keepends=True))) == KEPT


def test_signs_of_life_are_not_repeated() -> None:
    """Nor left out for long: what a slow image is at is said now and then."""
    beat, row = "@ updating....\n", " +  docker:index:Image ds-one creating (9s) Pushing\n"
    done = " +  docker:index:Container ds-one created (1s)\n"
    assert [*filtered([beat, row, beat, row, beat, done, beat, row])] == [beat, done, beat]
    clock = iter(range(0, 10 * QUIET, QUIET // 2))
    assert [*filtered([beat, row, beat, row, row, row], lambda: next(clock))] == [beat, row, row]


def test_the_engines_exit_code_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And what it prints is printed as it comes."""
    (tmp_path / "printed").write_text(PRINTED)
    code = f"import pathlib, sys; print(pathlib.Path({str(tmp_path / 'printed')!r}).read_text(), end=''); sys.exit(7)"
    assert run([sys.executable, "-c", code]) == 7
    assert capfd.readouterr().out == KEPT
