"""What strangers commit, for either forge, and a `pulumi` that says what it was given."""

import os
from pathlib import Path

from tests.plan.repository import FILE, SLEEP, Repository, small

SECRET = "hunter2-of-the-team"


class Hostile:
    """A change with all that a stranger might try, committed to the branch that is checked out."""

    def __init__(self, repository: Repository, outside: Path, count: int) -> None:
        """`outside` holds a secret that links point to; `count` projects are added."""
        self.outside, self.count = outside, count
        outside.mkdir()
        (outside / "secret.yaml").write_text(f"password: {SECRET}\n")
        _traps(repository.folder, outside)
        lab = small()
        lab["people"] = {**lab["people"], "mallory": {"uid": 10666}}
        lab["projects"] |= {f"p{n:05}": {**SLEEP, "owner": "mallory", "host": "one"} for n in range(count)}
        del lab["projects"]["paper"]
        repository.write(lab)
        repository.commit()

    def check(self, text: str, seen: str) -> None:
        """Nothing of it ran, no secret is told, and the comment says what the lab would become."""
        assert not (self.outside / "ran").exists()
        assert SECRET not in text + seen
        assert "root:" not in text
        assert len(text) < 65_536
        assert "| `paper` | `anna` | **removed** |" in text
        assert f"{self.count} created" in text
        for link in ("stacks/leak.yaml", "stacks/linked.lock", "projects/evil", "projects/requirements.txt"):
            assert f"{link}: a link out of the repository" in text
        assert "stacks/huge.yaml" in text
        assert "`stacks/mention.yaml`" in text
        assert str(FILE) in text


def stand_in_pulumi(folder: Path) -> tuple[str, Path]:
    """A PATH with a `pulumi` that finds no changes, and the file where it writes the program and data that it saw."""
    tools, seen = folder / "tools", folder / "seen"
    tools.mkdir()
    script = f'#!/bin/sh\ncat __main__.py > {seen}\ngrep -c "gpus: 2" stacks/lab.yaml >> {seen}\n'
    script += 'echo \'{"steps": [], "changeSummary": {"same": 3}}\'\n'
    (tools / "pulumi").write_text(script)
    (tools / "pulumi").chmod(0o755)
    return f"{tools}:{os.environ['PATH']}", seen


def _traps(folder: Path, outside: Path) -> None:
    mark = outside / "ran"
    (folder / "__main__.py").write_text(f"import os; open({str(mark)!r}, 'w').write(str(os.environ))\n")
    (folder / "conftest.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (folder / "labform.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (folder / "sitecustomize.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (folder / "requirements.lock").write_text("evil==1.0\n")
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "labform-plan.yml").write_text(f"on: pull_request_target\njobs: {{}}\n# touch {mark}\n")
    (folder / ".gitattributes").write_text("* filter=evil export-ignore\n")
    (folder / "stacks" / "leak.yaml").symlink_to(outside / "secret.yaml")
    (folder / "stacks" / "environ.yaml").symlink_to("/proc/self/environ")
    (folder / "stacks" / "up.yaml").symlink_to("../../../../../../etc/passwd")
    (folder / "stacks" / "linked.yaml").write_text("format: 1\nlab: linked\nruns_on: {kind: docker, hosts: {a: {}}}\n")
    (folder / "stacks" / "linked.lock").symlink_to(outside / "secret.yaml")
    (folder / "projects").mkdir()
    (folder / "projects" / "evil").symlink_to(outside)
    (folder / "projects" / "requirements.txt").symlink_to(outside / "secret.yaml")
    (folder / "huge.bin").write_bytes(b"\0" * (65 * 1024**2))
    (folder / "stacks" / "huge.yaml").write_bytes(b"a: 1\n" * (2 * 1024**2))
    (folder / "stacks" / "mention.yaml").write_text("@everyone: <img src=x onerror=alert(1)>\n")
