"""Pages as comments: whatever a file says stays text, and a page of any size fits."""

import io
import re

import pytest
from labform.plan.markdown import LIMIT, block, code, markdown
from labform.plan.page import GpuMove, Page, ProjectChange, Quota, Risk
from labform.plan.terminal import show
from rich.console import Console

HOSTILE = [
    "@everyone",
    "<script>alert(1)</script>",
    "`code` **bold**",
    "a | b | c",
    "![x](https://evil.invalid/x.png)",
    "line\nline",
    "\u202egnp.exe",
    "\x1b[31mred",
    "```\n# heading\n```",
    "<!-- labform: plan -->",
    "#1 and GH-1",
]


def outside_of_code(text: str) -> str:
    """What a reader of Markdown would read as Markdown."""
    text = re.sub(r"^(`{3,})text\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_code(text: str) -> None:
    """No mention, no markup, no table cell and no second mark comes from a file."""
    page = Page(
        text,
        risks=(Risk(text, text),),
        projects=(ProjectChange(text, text, "replaced", True, (text,)),),
        gpus=(GpuMove(text, text, text, text, text),),
        quotas=(Quota(text, "gpus", "1", "2", "3"),),
        lab=(text,),
        notes=(text,),
        head_error=text or "x",
        base_error=text or "x",
    )
    ours = Page("x", risks=(Risk("x", "x"),), projects=(ProjectChange("x", "x", "replaced", True, ("x",)),),
                gpus=(GpuMove("x", "x", "x", "x", "x"),), quotas=page.quotas, lab=("x",), notes=("x",),
                head_error="x", base_error="x")  # fmt: skip
    made, expected = markdown([page], about=[text]), markdown([ours], about=["x"])
    assert outside_of_code(made) == outside_of_code(expected)
    assert outside_of_code(made).count("<!--") == 1
    rows = [line for line in made.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} <= {4, 5, 6}


def test_code_and_block_show_what_they_are_given() -> None:
    """Nothing is lost but what cannot be shown."""
    assert code("a|b") == "`a\\|b`"
    assert code("x" * 200) == f"`{'x' * 160}…`"
    assert block("```") == "````text\n```\n````"
    assert block("a\x07b") == "```text\na\\x07b\n```"


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_a_page_of_any_size_fits(count: int) -> None:
    """What interrupts people is said first; what is left out is counted."""
    actions = ["removed", "replaced", "created", "no effect"]
    projects = [ProjectChange(f"p{n:05}", "anna", actions[n % 4], why=("é€𝄞" * 40,) * 5) for n in range(count)]
    risks = tuple(Risk(f"volume {n}", "€" * 500) for n in range(count))
    text = markdown([Page("stacks/a.yaml", projects=tuple(projects), risks=risks)])
    assert len(text.encode("utf-16-le")) // 2 <= LIMIT < 65_536
    shown = text.count("- **`volume ")
    assert f"… and {count - shown} more that do not fit here." in text
    assert f"{count // 4} removed" in text


def test_risks_do_not_push_everything_else_out() -> None:
    """With many of everything, the first projects still stand on the page."""
    projects = tuple(ProjectChange(f"p{n}", "anna", "replaced") for n in range(1000))
    text = markdown([Page("a", projects=projects, risks=tuple(Risk(f"v{n}", "x" * 300) for n in range(1000)))])
    assert "| `p0` |" in text


def test_many_stack_files() -> None:
    """The refused one comes first; those that do not fit are counted."""
    pages = [Page(f"stacks/{n}.yaml", projects=(ProjectChange("p" * 100, "a", "created"),) * 50) for n in range(100)]
    text = markdown([*pages, Page("stacks/bad.yaml", head_error="error[x] no")])
    assert len(text) <= LIMIT
    assert text.index("stacks/bad.yaml") < text.index("stacks/0.yaml")
    assert re.search(r"… and \d+ more", text)
    assert text.splitlines()[0] == "<!-- labform: plan -->"
    assert "refused (1 of 101)" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_at_a_terminal(text: str) -> None:
    """No escape sequence, and nothing is read as rich's own markup."""
    page = Page(text, projects=(ProjectChange(f"{text}[bold]x[/]", "a", "replaced", why=(text,)),), notes=(text,))
    out = io.StringIO()
    show(Console(file=out, width=200, force_terminal=False), [page], [text])
    assert "[bold]x[/]" in out.getvalue()
    assert all(one.isprintable() or one == "\n" for one in out.getvalue())
