"""`labform fetch`: get the commits that a lab's environments are at, so that a preview finds them."""

from contextlib import nullcontext, suppress

from labform.cli import LockOption, StackFileArgument, typer_app
from labform.draft import Draft
from labform.loading import read
from labform.problems import LabformError
from labform.sources import commit_of, fetch, in_repositories


@typer_app.command("fetch")
def fetch_command(stack_file: StackFileArgument, lock: LockOption = None) -> None:
    """Fetch the commits that a stack file and its lock name, so that a preview finds them. Changes no file of yours.

    Example: labform fetch stacks/dev.yaml
    """
    count = fetch_all(read(stack_file, lock=lock))
    print(f"{stack_file}: {count} commits there")


def fetch_all(draft: Draft, *, gone_ok: bool = False) -> int:
    """Fetch what the environments in repositories need, each commit once; how many there are.

    With `gone_ok`, one that cannot be had is left out.
    """
    needed = {commit_of(one, draft.lock): one for one in in_repositories(draft.lab)}
    for commit, one in needed.items():
        with suppress(LabformError) if gone_ok else nullcontext():
            if commit:
                fetch(one, commit)
    return len(needed)
