"""`labform plan`: what a change would do, from the files of two commits alone."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labform.cli import typer_app
from labform.plan.page import Page
from labform.problems import LabformError

MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print a comment for a pull request.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExpectOption = Annotated[bool, typer.Option("--expect-no-changes", help="Exit 7 if something would change.")]
CHANGED = 7
"""Pulumi's own exit code for changes that were not expected."""


@typer_app.command()
def plan(
    stack_files: Annotated[
        list[Path] | None, typer.Argument(metavar="STACK_FILE", help="Stack files. Default: all of stacks/.")
    ] = None,
    base: Annotated[str, typer.Option("--base", help="The commit that is deployed.")] = "origin/main",
    head: Annotated[
        str | None, typer.Option("--head", help="The commit to plan. Default: the files as they are.")
    ] = None,
    markdown: MarkdownOption = False,
    as_json: JsonOption = False,
    expect_no_changes: ExpectOption = False,
) -> None:
    """Say what `pulumi up` would do after a change: no state, no secret, no host; nothing of either commit is run.

    Exit 1 if the new side is refused.

    Example: labform plan --base origin/main stacks/dev.yaml
    """
    from labform.plan.sides import pages

    try:
        made, about = pages(Path.cwd(), base, head, stack_files or [])
    except LabformError as error:
        made, about = refused(error, "the repository", markdown=markdown), []
    emit(made, about, kind="plan", markdown=markdown, as_json=as_json)
    finish(made, expect_no_changes=expect_no_changes)


def refused(error: LabformError, name: str, *, markdown: bool) -> list[Page]:
    """An error as the page of a comment, so that no older page stays; anywhere else it is raised."""
    if not markdown:
        raise error
    return [Page(name, head_error=str(error))]


def emit(made: list[Page], about: list[str], *, kind: str, markdown: bool, as_json: bool) -> None:
    """Print pages as it was asked for."""
    if as_json:
        print(json.dumps({"pages": [asdict(one) for one in made], "notes": about}, indent=1))
    elif markdown:
        from labform.plan.markdown import markdown as comment

        print(comment(made, kind=kind, about=about), end="")
    else:
        from labform.plan.terminal import show

        show(Console(highlight=False, width=None if sys.stdout.isatty() else 160), made, about)


def finish(made: list[Page], *, expect_no_changes: bool) -> None:
    """Exit 1 for a side that is refused, 7 for changes that were not expected."""
    if any(one.head_error for one in made):
        raise typer.Exit(1)
    if expect_no_changes and any(one.changes for one in made):
        raise typer.Exit(CHANGED)
