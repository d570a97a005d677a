"""`labform summary`: what a change does to what is really deployed, from a preview."""

from typing import Annotated

import typer

from labform.cli import typer_app
from labform.cli.plan import ExpectOption, JsonOption, MarkdownOption, emit, finish, refused
from labform.problems import LabformError


@typer_app.command()
def summary(
    preview: Annotated[
        typer.FileBinaryRead, typer.Argument(metavar="PREVIEW", help="`pulumi preview --json`; - for standard input.")
    ],
    name: Annotated[str, typer.Option("--name", help="What to call it, for example the stack.")] = "preview",
    kind: Annotated[str, typer.Option("--kind", help="What is compared: preview, or drift.")] = "preview",
    markdown: MarkdownOption = False,
    as_json: JsonOption = False,
    expect_no_changes: ExpectOption = False,
) -> None:
    """Say what a preview found, project by project.

    Exit 1 if the preview holds an error.

    Example: pulumi preview --json | labform summary -
    """
    from labform.plan.preview import page_of

    if kind not in ("preview", "drift"):
        raise LabformError(f'--kind "{kind}": write preview or drift')
    try:
        made = [page_of(preview.read().decode("utf-8", "replace"), name)]
    except LabformError as error:
        made = refused(error, name, markdown=markdown)
    emit(made, [], kind=kind, markdown=markdown, as_json=as_json)
    finish(made, expect_no_changes=expect_no_changes)
