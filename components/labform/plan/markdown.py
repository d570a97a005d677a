"""A page as Markdown for a comment on a pull request.

Whatever comes from a stack file stands in code, where neither Markdown nor HTML, mentions or links are read. What
does not fit is counted: the most important is said first.
"""

from collections.abc import Iterator, Sequence

from labform.plan.page import GpuMove, Page, ProjectChange, Quota

LIMIT = 60_000
"""What a comment holds, in characters of UTF-8 at their longest: GitHub takes 65,536, GitLab a million."""
MARKER = "<!-- labform: {kind} -->"
"""The first line, by which a comment is found again."""
_SHOWN = 160
_NOTE = 120
_WHY = 8
_QUOTA = {"gpus": "GPUs", "cpus": "CPUs", "shared_memory": "shared memory"}


def code(text: str, longest: int = _SHOWN) -> str:
    """Text that is shown as it is, whatever it says: inline code, in a table too."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)
    return f"`{shown.replace('`', 'ˋ').replace('|', chr(92) + '|') or ' '}`"


def block(text: str) -> str:
    """Lines that are shown as they are: a fence that is longer than any in the text."""
    lines = ["".join(one if one.isprintable() else repr(one)[1:-1] for one in line) for line in text.splitlines()]
    shown = "\n".join(lines)
    fence = "```"
    while fence in shown:
        fence += "`"
    return f"{fence}text\n{shown}\n{fence}"


def markdown(pages: Sequence[Page], *, kind: str = "plan", about: Sequence[str] = (), limit: int = LIMIT) -> str:
    """The comment: every page, cut where it does not fit; `about` are notes on the whole."""
    head = f"{MARKER.format(kind=kind)}\n## labform {kind}: {code(headline(pages), 400)}\n"
    notes = "".join(f"\n> {code(one)}" for one in about[:20])
    notes += f"\n> and {len(about) - 20} more notes" if len(about) > 20 else ""
    room = limit - _length(head) - _length(notes) - 400
    parts: list[str] = []
    ordered = sorted(pages, key=lambda one: (not one.head_error, not one.risks, not one.changes))
    for place, page in enumerate(ordered):
        text = _page(page, room // max(1, len(pages) - place))
        if _length(text) > room:
            parts.append(f"\n… and {len(pages) - place} more stack files that do not fit here.\n")
            break
        parts.append(text)
        room -= _length(text)
    return head + "".join(parts) + notes + f"\n\n<sub>{_FOOT[kind]}</sub>\n"


_FOOT = {
    "plan": "From the files and locks of the two commits alone: what `pulumi up` does where the base is deployed.",
    "preview": "From `pulumi preview`: what `pulumi up` would do now.",
    "drift": "From `pulumi preview --refresh`: what differs between the lab and what is declared.",
}


def headline(pages: Sequence[Page]) -> str:
    """One line on everything."""
    if refused := sum(bool(one.head_error) for one in pages):
        return f"refused ({refused} of {len(pages)})" if len(pages) > 1 else "refused"
    if not any(one.changes or one.risks for one in pages):
        return "no changes"
    every = tuple(one for page in pages for one in page.projects)
    lab = tuple(line for page in pages for line in page.lab)
    said = Page("", projects=every, lab=lab, unchanged=sum(one.unchanged for one in pages)).counted
    risks = sum(len(one.risks) for one in pages)
    return f"{said}{f'; DATA AT RISK: {risks}' if risks else ''}"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _page(page: Page, room: int) -> str:
    """One page within its room; sections by importance, each cut to what is left."""
    text = f"\n### {code(page.stack_file)}: {'refused' if page.head_error else page.counted}\n"
    sections = list(_sections(page))
    fair = room // (2 * max(1, len(sections)))
    sizes = [min(fair, sum(map(_length, lines)) + _length(title) + _NOTE) for title, lines in sections]
    for place, (title, lines) in enumerate(sections):
        # Each section after this one keeps its fair share, so that many risks do not hide every project.
        left = room - _length(text) - _length(title) - _NOTE - sum(sizes[place + 1 :])
        kept, dropped = _fitting(lines, left)
        text += f"\n{title}{''.join(kept)}"
        text += f"\n… and {dropped} more that do not fit here.\n" if dropped else ""
    return text


def _fitting(lines: Sequence[str], room: int) -> tuple[list[str], int]:
    kept: list[str] = []
    for line in lines:
        room -= _length(line)
        if room < 0:
            break
        kept.append(line)
    return kept, len(lines) - len(kept)


def _sections(page: Page) -> Iterator[tuple[str, list[str]]]:
    if page.head_error:
        yield "**`pulumi up` would refuse this, and change nothing:**\n\n", [_error(page.head_error)]
    if page.base_error:
        yield "The base cannot be compared with; everything counts as new:\n\n", [_error(page.base_error)]
    if page.risks:
        yield "**Data at risk**\n\n", [f"- **{code(one.subject)}: {code(one.message, 400)}**\n" for one in page.risks]
    if page.projects:
        head = "| project | owner | what happens | why |\n| --- | --- | --- | --- |\n"
        yield head, [_row(one) for one in page.ordered]
    if page.lab:
        yield "For the whole lab:\n\n", [f"- {code(one)}\n" for one in page.lab]
    if page.gpus:
        head = "| GPU | host | from | to |\n| --- | --- | --- | --- |\n"
        yield head, [_gpu(one) for one in page.gpus]
    if page.quotas:
        head = "| person | asks for | before | after | limit |\n| --- | --- | --- | --- | --- |\n"
        yield head, [_quota(one) for one in page.quotas]
    if page.notes:
        yield "", [f"- {code(one, 400)}\n" for one in page.notes]


def _quota(one: Quota) -> str:
    kind = _QUOTA.get(one.kind, one.kind)
    return f"| {code(one.person)} | {kind} | {one.before} | {one.after} | {one.limit or '-'} |\n"


def _gpu(one: GpuMove) -> str:
    return f"| {code(one.gpu)} {code(one.model)} | {code(one.host)} | {_holder(one.before)} | {_holder(one.after)} |\n"


def _error(text: str) -> str:
    return f"{block(text[:20_000])}\n"


def _holder(name: str | None) -> str:
    return code(name) if name else "free"


def _row(change: ProjectChange) -> str:
    action = f"**{change.action}**" if change.action not in ("created", "updated", "no effect") else change.action
    built = f"{action}, image built" if change.builds else action
    why = "<br>".join(code(one) for one in change.why[:_WHY])
    why += f"<br>and {len(change.why) - _WHY} more" if len(change.why) > _WHY else ""
    return f"| {code(change.name)} | {code(change.owner)} | {built} | {why or '-'} |\n"
