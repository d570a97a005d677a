"""Where the files of an environment are: a folder beside the stack file, or one of a Git repository at one commit."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from labform.declaration import Declaration, refusal

GitUrl = Annotated[
    str,
    Field(
        pattern=r"^(https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[A-Za-z0-9._~/-]+"
        r"|ssh://([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[A-Za-z0-9._~/-]+"
        r"|[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~][A-Za-z0-9._~/-]*)$",
        examples=["https://git.example.org/anna/thesis.git"],
    ),
]
"""A repository by https or ssh. A password has no place in it: git's own credential store holds that."""
GitCommit = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._+-]|/[A-Za-z0-9_+])*$", examples=["main"])]
"""A commit's full hash, or a branch or tag that `labform lock` turns into one."""


class Folder(Declaration):
    """A folder of files that describe an environment."""

    git: GitUrl | None = None
    """The repository that the folder is in. Default: the folder is beside the stack file."""
    commit: Annotated[GitCommit | None, Field(validate_default=True)] = None
    """The repository's commit, branch or tag; the lock holds the commit. It goes with `git`."""
    directory: Annotated[str, Field(validate_default=True)] = ""
    """The project's folder, relative to the stack file; with `git`, to the repository's root, which is its default."""

    @field_validator("commit")
    @classmethod
    def _with_git(cls, commit: str | None, info: ValidationInfo) -> str | None:
        if commit is None and info.data.get("git"):
            raise PydanticKnownError("missing")
        if commit is not None and "git" in info.data and info.data["git"] is None:
            raise refusal("no-git", "commit goes with git; write git: and the repository's address")
        return commit

    @field_validator("directory")
    @classmethod
    def _somewhere(cls, directory: str, info: ValidationInfo) -> str:
        if not directory and info.data.get("git") is None and "git" in info.data:
            raise PydanticKnownError("missing")
        return directory or "."
