"""The two sides of a change: a commit, and another commit or the working tree, with the stack files that each has."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from labform.loading import load
from labform.plan.comparison import Side, compare
from labform.plan.page import Page
from labform.plan.trees import Tree, repository_of, tree_of
from labform.problems import LabformError, brief

MAX_STACK_FILES = 200
"""How many stack files one plan reads."""
_LONGEST_ERROR = 20_000


def pages(folder: Path, base: str, head: str | None, stack_files: Iterable[Path]) -> tuple[list[Page], list[str]]:
    """A page for each stack file, and notes on the whole: which commits, and what was not read.

    `folder` is in the repository, `base` and `head` name commits; without `head` the working tree is compared. Without
    `stack_files`, all of `stacks/` are. Raises LabformError where there is nothing to compare.
    """
    top = repository_of(folder)
    with ExitStack() as stack:
        new = stack.enter_context(tree_of(top, head)) if head else Tree(top)
        old = stack.enter_context(tree_of(top, base, bounded=head is not None))
        names = [_inside(top, folder, one) for one in stack_files] or _found(old, new)
        made = [compare(str(name), _side(old, name), _side(new, name)) for name in names[:MAX_STACK_FILES]]
        sides = f"{old.commit[:12]} → {new.commit[:12] or 'the files here'}"
    more = len(names) - MAX_STACK_FILES
    left_out = [*new.left_out, *([f"{more} more stack files"] if more > 0 else [])]
    return made, [sides, *(f"not read: {one}" for one in left_out)]


def _inside(top: Path, folder: Path, stack_file: Path) -> Path:
    full = (folder / stack_file).absolute()
    if not full.is_relative_to(top):
        raise LabformError(f"error[file] {stack_file} is not in the repository at {top}")
    return full.relative_to(top)


def _found(*trees: Tree) -> list[Path]:
    names = {one.relative_to(tree.folder) for tree in trees for one in (tree.folder / "stacks").glob("*.yaml")}
    if not names:
        raise LabformError("error[file] neither side has a stack file in stacks/; name one")
    return sorted(names)


def _side(tree: Tree, name: Path) -> Side:
    """A stack file of one side; its faults in words that name no folder of this machine."""
    place = tree.folder / name
    if not place.exists() and not place.is_symlink():
        left_out = next((one for one in tree.left_out if one.startswith(f"{brief(str(name))}:")), "")
        return Side(error=left_out)
    if not place.resolve().is_relative_to(tree.folder):
        return Side(error=f"{name}: a link out of the repository")
    try:
        return Side(load(place))
    except (LabformError, OSError, RecursionError) as error:
        return Side(error=_said(str(error), tree))


def _said(text: str, tree: Tree) -> str:
    short = text.replace(f"{tree.folder}/", "")
    lines = list(_kept(short.splitlines()))
    return "\n".join(lines) or "cannot be read"


def _kept(lines: list[str]) -> Iterator[str]:
    """The first lines of an error that has many, each cut."""
    room = _LONGEST_ERROR
    for count, line in enumerate(lines):
        room -= min(len(line), 500)
        if room < 0:
            yield f"… and {len(lines) - count} more"
            return
        yield line if len(line) <= 500 else f"{line[:500]}…"
