"""An edit of each field of an environment; `environment_files` has what they read."""

from tests.engine.edits import OTHER, PYTHON, SERVE, Edit

IN_FOLDERS = ("Uv", "Pip", "Dockerfile", "Devcontainer", "Detected")
"""The kinds here whose folder may be in a Git repository."""
TOGETHER = {"Pip", "Uv", "Devcontainer", "Detected"}
"""Edits that are of all fields of a model, which become one image."""


def environments() -> list[Edit]:
    """The edits, each of a project of its own."""
    return [*_several_fields(), *_single_fields()]


def _several_fields() -> list[Edit]:
    """Edits of all fields of a kind together."""
    pip = {**SERVE, "environment": {"kind": "pip", "directory": "../pip", "base": "python", "apt": ["tree"]}}
    uv = {**SERVE, "environment": {"kind": "uv", "directory": "../uv", "base": "python", "apt": ["tree"]}}
    return [
        # What an environment says becomes one image: its fields are edited together, and each shows by itself.
        Edit(
            "Pip",
            {"environment.requirements": "more.txt", "environment.files": ["a.txt", "b"], "environment.base": "other",
             "environment.apt": ["tree", "bc"], "environment.directory": "../pip2", "environment.python": PYTHON,
             "environment.env": {"A": "new"}},
            pip,
            {"environment.requirements": "less.txt", "environment.files": ["a.txt"], "environment.env": {"A": "old"}},
            shows=(("python -c 'import six; print(six.__name__)'", "six\n"), ("cat b/c.txt", "c\n"),
                   ("cat /other", "other\n"), ("echo 1+1 | bc", "2\n"), ("cat a.txt", "a2\n"), ("echo $A", "new\n")),
        ),
        Edit(
            "Uv",
            {"environment.groups": ["more"], "environment.extras": ["most"], "environment.files": ["a.txt", "b"],
             "environment.base": "other", "environment.apt": ["tree", "bc"], "environment.directory": "../uv2",
             "environment.python": PYTHON, "environment.package": "thesis", "environment.env": {"A": "new"}},
            uv,
            {"environment.groups": [], "environment.extras": [], "environment.files": ["a.txt"],
             "environment.env": {"A": "old"}},
            shows=(("python -c 'import six, iniconfig; print(six.__name__)'", "six\n"), ("cat b/c.txt", "c\n"),
                   ("cat /other", "other\n"), ("echo 1+1 | bc", "2\n"), ("cat a.txt", "a2\n"), ("echo $A", "new\n")),
        ),
        Edit(
            "Devcontainer",
            {"environment.directory": "../dev2", "environment.config": "other.json", "environment.skip": ["runArgs"],
             "environment.context_limit": "2Mi", "environment.apt": ["tree", "bc"], "environment.env": {"A": "new"},
             "environment.python": PYTHON},
            {**SERVE, "environment": {"kind": "devcontainer", "directory": "../dev"}},
            shows=(("cat /stage", "developed\n"), ("echo $A $B", "new said\n"), ("echo 1+1 | bc", "2\n")),
        ),
        # The kind may be left out, and what else can be said is that of the kind which the files tell.
        Edit(
            "Detected",
            {"environment.kind": "detect", "environment.directory": "../on2", "environment.base": "other",
             "environment.apt": ["tree", "bc"], "environment.env": {"A": "new"}, "environment.python": PYTHON},
            {**SERVE, "environment": {"directory": "../on", "base": "python"}},
            {"environment.env": {"A": "old"}},
            shows=(("cat /on", "on2\n"), ("cat /other", "other\n"), ("echo $A", "new\n"), ("echo 1+1 | bc", "2\n")),
        ),
        Edit("Detected (files)", {"environment.files": ["a.txt", "b"]},
             {**SERVE, "environment": {"directory": "../found"}}, {"environment.files": ["a.txt"]},
             shows=(("cat a.txt b/c.txt", "a\nc\n"),)),
    ]  # fmt: skip


def _single_fields() -> list[Edit]:
    own = {**SERVE, "environment": {"kind": "dockerfile", "directory": "../own"}}
    return [
        Edit("ProjectArgs.environment", {"environment": own["environment"]}, shows=(("cat /stage", "first\n"),)),
        Edit("Prebuilt.image", {"environment.image": OTHER}, shows=(("cat /other", "other\n"),)),
        Edit("Prebuilt.apt", {"environment.apt": ["tree"]}, shows=(("tree --version | cut -c1-4", "tree\n"),)),
        Edit("Prebuilt.env", {"environment.env": {"A": "new"}}, before={"environment.env": {"A": "old"}},
             shows=(("echo $A", "new\n"),)),
        Edit("Prebuilt.python", {"environment.python": PYTHON}),
        Edit("Dockerfile.apt", {"environment.apt": ["tree"]}, own, shows=(("tree --version | cut -c1-4", "tree\n"),)),
        Edit("Dockerfile.env", {"environment.env": {"A": "new"}}, own, {"environment.env": {"A": "old"}},
             shows=(("echo $A", "new\n"),)),
        Edit("Dockerfile.python", {"environment.python": PYTHON}, own),
        Edit("Dockerfile.base", {"environment.base": "made"}, own,
             {"environment.directory": "../on", "environment.base": "python"}, shows=(("cat /stage", "moved\n"),)),
        Edit("Dockerfile.directory", {"environment.directory": "../own2"}, own, shows=(("cat /stage", "moved\n"),)),
        Edit("Dockerfile.dockerfile", {"environment.dockerfile": "sub/Other"}, own,
             {"environment.dockerfile": "Dockerfile"}, shows=(("cat /stage", "another\n"),)),
        Edit("Dockerfile.target", {"environment.target": "first"}, own, {"environment.target": "second"},
             shows=(("cat /stage", "first\n"),)),
        Edit("Dockerfile.args", {"environment.args": {"WORD": "new"}}, own, {"environment.args": {"WORD": "old"}},
             shows=(("cat /word", "new\n"),)),
        Edit("Dockerfile.context_limit", {"environment.context_limit": "2Mi"}, own,
             {"environment.context_limit": "1Mi"}, kept=True),
    ]  # fmt: skip
