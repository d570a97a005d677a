"""`labform lock`: bring a lab's ledger up to date with its stack file and with what exists."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from labform.addresses import Addresses
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, typer_app
from labform.cli.looking import looked, with_builds
from labform.cli.resolving import apt_versions, check_names, digests, upgraded, with_sources
from labform.draft import Draft
from labform.ledger import Ledger, plan
from labform.loading import load, read
from labform.lock_changes import moves
from labform.lockfile import Lock, lock_text, write_lock
from labform.problems import LabformError
from labform.recipes import Recipes, cuda_needs, recipes_of


@typer_app.command("lock")
def lock_command(
    stack_file: StackFileArgument,
    projects: Annotated[
        list[str] | None, typer.Argument(metavar="PROJECT", help="With --upgrade: only what these need.")
    ] = None,
    lock: LockOption = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="TAG=NAME@SHA256:…", help="What a tag stands for here.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither registry nor hosts.")] = False,
    addresses: AddressesOption = "{}",
    upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="Ask again: digests of tags and builds, commits, versions of Debian packages."),
    ] = False,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if the lock is stale.")] = False,
    move: Annotated[
        list[str] | None,
        typer.Option("--move", metavar="PROJECT", help="Who may be moved, if others fit no other way."),
    ] = None,
) -> None:
    """Write the lock: digests of tags, Debian packages, hosts, GPUs, ports, and which volumes exist.

    What the lock says and is still valid stays as it is. Run it before a change and again after `pulumi up`.

    Example: labform lock stacks/dev.yaml --upgrade notebook
    """
    if only_check:
        if projects or upgrade or image or move:
            raise LabformError("--check looks at the lock as it is; leave out PROJECT, --upgrade, --image and --move")
        _check(stack_file, lock, parsed(addresses))
        return
    if offline and upgrade:
        raise LabformError("--upgrade asks registries, and --offline asks none; leave one of them out")
    old = read(stack_file, lock=lock, addresses=parsed(addresses))
    check_names("--move", move or [], old.lab.running())
    anew, kept = upgraded(old, projects or [], upgrade=upgrade)
    draft = with_sources(old, anew, ask=not offline)
    if draft.lock.sources != old.lock.sources:
        # Another commit may stand on other tags than the one before it.
        anew, kept = upgraded(draft, projects or [], upgrade=upgrade)
    made = recipes_of(draft)
    draft.refuse(made.problems)
    images = digests(draft, made, dict(_given(image or [])), anew, ask=not offline)
    seen, busy = (draft.lock, {}) if offline else looked(draft)
    ledger = plan(draft.lab, seen, images, busy, cuda_needs(draft, made), move or ())
    draft.refuse(ledger.problems)
    apt = apt_versions(draft, made, images, anew, ask=not offline)
    wanted = ledger.lock.model_copy(update={"sources": draft.lock.sources, "apt": apt})
    if not offline:
        wanted = with_builds(replace(draft, lock=wanted), _as_locked(draft, wanted, made), anew.apt)
    changed = write_lock(draft.lock_path, wanted)
    print(f"{draft.lock_path}: {'written' if changed else 'up to date'}")
    for line in [*kept, *_moved(old.lock, ledger), *_other_inputs(old, replace(draft, lock=wanted))]:
        print(f"  {line}")


def _as_locked(draft: Draft, lock: Lock, made: Recipes) -> Recipes:
    """The recipes as a lock has them, which are those that were made unless it has other digests or versions."""
    same = (lock.images, lock.apt) == (draft.lock.images, draft.lock.apt)
    return made if same else recipes_of(replace(draft, lock=lock))


def _other_inputs(old: Draft, new: Draft) -> Iterator[str]:
    """What other digests, commits and versions there are, and whose images the next `up` builds for them."""
    if lines := [*moves(old.lock, new.lock)]:
        yield from lines
        before, after = recipes_of(old).recipes, recipes_of(new).recipes
        names = [name for name in sorted({*before} & {*after}) if before[name].hash != after[name].hash]
        yield f"the next `pulumi up` builds: {', '.join(names) or 'nothing'}"


def _check(stack_file: Path, lock: Path | None, addresses: Addresses) -> None:
    stack = load(stack_file, lock=lock, addresses=addresses)
    if stack.lock_path.read_text() != lock_text(stack.lock):
        raise LabformError(
            f"{stack.lock_path}: error[stale-lock] is not as `labform lock {stack_file}` writes it; run it"
        )
    print(f"{stack.lock_path}: up to date")


def _moved(before: Lock, ledger: Ledger) -> Iterator[str]:
    """Whose container the next `up` replaces, and why."""
    old, new = before.placements(), ledger.lock.placements()
    for name in sorted({*old} & {*new}):
        if old[name] != new[name]:
            yield f"{name}: {old[name]} -> {new[name]}: {ledger.ended.get(name, 'as its project asks')}"


def _given(pairs: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        tag, _, reference = pair.partition("=")
        if "@sha256:" not in reference:
            raise LabformError(f'--image "{pair}": write TAG=NAME@sha256:…')
        yield tag, reference
