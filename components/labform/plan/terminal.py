"""A page for a person at a terminal: the same words as the comment, without its marks."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from labform.plan.markdown import headline
from labform.plan.page import Page


def show(console: Console, pages: Sequence[Page], about: Sequence[str] = ()) -> None:
    """Print pages; whatever comes from a file is printed as it is, without control characters."""
    for page in pages:
        console.print(clean(f"{page.stack_file}: {'refused' if page.head_error else page.counted}"), style="bold")
        _errors(console, page)
        for risk in page.risks:
            console.print(clean(f"  DATA AT RISK  {risk.subject}: {risk.message}"), style="bold red")
        _projects(console, page)
        for line in page.lab:
            console.print(clean(f"  lab: {line}"))
        _table(console, ("GPU", "HOST", "FROM", "TO"), [
            (f"{one.gpu} {one.model}", one.host, one.before or "free", one.after or "free") for one in page.gpus
        ])  # fmt: skip
        _table(console, ("PERSON", "ASKS FOR", "BEFORE", "AFTER", "LIMIT"), [
            (one.person, one.kind, one.before, one.after, one.limit) for one in page.quotas
        ])  # fmt: skip
        for note in page.notes:
            console.print(clean(f"  {note}"))
    for note in about:
        console.print(clean(f"note: {note}"))
    console.print(clean(headline(pages)))


def _errors(console: Console, page: Page) -> None:
    if page.head_error:
        console.print("  `pulumi up` would refuse this, and change nothing:")
    for line in page.head_error.splitlines():
        console.print(clean(f"  {line}"), style="red")
    for line in page.base_error.splitlines():
        console.print(clean(f"  base: {line}"))


def _projects(console: Console, page: Page) -> None:
    rows = [
        (one.name, one.owner, f"{one.action}{', image built' if one.builds else ''}", "\n".join(one.why) or "-")
        for one in page.ordered
    ]
    _table(console, ("PROJECT", "OWNER", "WHAT HAPPENS", "WHY"), rows)


def _table(console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(clean, row))
    console.print(table)


def clean(text: str) -> Text:
    """A text as it is, control characters in words: it may come from anywhere."""
    return Text("".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text))
