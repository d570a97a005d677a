"""`labform plan`, `summary`, `comment` and `ci` at a terminal: what is printed, and exit codes."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.plan.repository import Repository, small

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A lab, committed; the working directory."""
    made = Repository(tmp_path / "clone")
    made.write(small())
    made.commit()
    monkeypatch.chdir(made.folder)
    return made


def test_exit_codes(repository: Repository, labform: Terminal) -> None:
    """0, 7 for changes that were not expected, 1 for a lab that is refused, with the page all the same."""
    assert labform("plan", "--base", "HEAD", "--expect-no-changes")[0] == 0
    lab = small()
    lab["projects"].pop("paper")
    repository.write(lab)
    assert labform("plan", "--base", "HEAD")[0] == 0
    code, out, _ = labform("plan", "--base", "HEAD", "--expect-no-changes")
    assert code == 7
    assert "removed" in out
    repository.write({**lab, "prjects": {}}, lock=False)
    code, out, _ = labform("plan", "--base", "HEAD", "--json")
    assert code == 1
    assert "prjects" in json.loads(out)["pages"][0]["head_error"]


def test_a_plan_without_a_base(repository: Repository, labform: Terminal) -> None:
    """One line on a terminal; for a comment a page, so that no older one stays."""
    code, out, error = labform("plan", "--base", "nope")
    assert (code, out) == (1, "")
    assert error == 'error[git] no commit "nope"; fetch it, or name another with --base\n'
    code, out, _ = labform("plan", "--base", "nope", "--markdown")
    assert code == 1
    assert out.startswith("<!-- labform: plan -->\n## labform plan: `refused`")


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labform: Terminal) -> None:
    """There is nothing to compare."""
    monkeypatch.chdir(tmp_path)
    assert "in no git repository" in labform("plan")[2]


def test_summary(repository: Repository, labform: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file or standard input; what is no preview is an error, or a page."""
    Path("p.json").write_text('{"steps": [], "changeSummary": {"same": 1}}')
    assert labform("summary", "p.json", "--expect-no-changes")[:2] == (0, "preview: nothing changes\nno changes\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    assert "is not JSON" in labform("summary", "-")[2]
    Path("p.json").write_text("")
    code, out, _ = labform("summary", "p.json", "--markdown", "--kind", "drift")
    assert code == 1
    assert out.startswith("<!-- labform: drift -->")


def test_comment_without_a_token(repository: Repository, labform: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what is missing."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    Path("p.md").write_text("<!-- labform: plan -->\n")
    code, _, error = labform("comment", "p.md", "--repository", "a/b", "--number", "1")
    assert (code, error) == (1, "error[comment] there is no GITHUB_TOKEN in the environment\n")


def test_ci_writes_pipelines_and_leaves_what_is_there(repository: Repository, labform: Terminal) -> None:
    """A second time changes nothing."""
    code, _, _ = labform("ci", "github")
    assert code == 0
    written = sorted(Path(".github/workflows").iterdir())
    assert [one.name for one in written] == [
        f"labform-{name}.yml" for name in ("check", "deploy", "drift", "plan", "preview")
    ]
    written[0].write_text("mine")
    assert labform("ci", "github")[1].count("left alone") == 5
    assert written[0].read_text() == "mine"
    assert labform("ci", "gitlab")[1] == ".gitlab-ci.yml: written\n"
