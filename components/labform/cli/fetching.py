"""`labform fetch`: get the commits that a lab's environments are at, so that a preview finds them."""

from labform.cli import LockOption, StackFileArgument, typer_app
from labform.draft import Draft
from labform.loading import read
from labform.sources import commit_of, fetch, in_repositories


@typer_app.command("fetch")
def fetch_command(stack_file: StackFileArgument, lock: LockOption = None) -> None:
    """Fetch the commits that a stack file and its lock name, so that a preview finds them. Changes no file of yours.

    Example: labform fetch stacks/dev.yaml
    """
    count = fetch_all(read(stack_file, lock=lock))
    print(f"{stack_file}: {count} commits there")


def fetch_all(draft: Draft) -> int:
    """Fetch what the environments in repositories need, each commit once; how many there are."""
    needed = {commit_of(one, draft.lock): one for one in in_repositories(draft.lab)}
    for commit, one in needed.items():
        if commit:
            fetch(one, commit)
    return len(needed)
