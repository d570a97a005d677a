"""`labform lock`: bring a lab's ledger up to date with its stack file and with what exists."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from labform.addresses import Addresses
from labform.backends import Kubernetes
from labform.backends.docker.daemon import built, busy_ports, connected, cuda_version, registry_digest, volumes_of
from labform.backends.kubernetes import api
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, typer_app
from labform.cli.fetching import fetch_all
from labform.environments import Recipe
from labform.ledger import Ledger, plan
from labform.loading import Draft, cuda_needs, load, read, recipes_of
from labform.lockfile import Lock, LockedBuild, lock_text, write_lock
from labform.naming import repository
from labform.problems import LabformError, suggestion
from labform.sources import named_refs, resolve


@typer_app.command("lock")
def lock_command(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="TAG=NAME@SHA256:…", help="What a tag stands for here.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither registry nor hosts.")] = False,
    addresses: AddressesOption = "{}",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Ask again what every tag stands for.")] = False,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if the lock is stale.")] = False,
    move: Annotated[
        list[str] | None,
        typer.Option("--move", metavar="PROJECT", help="Who may be moved, if others fit no other way."),
    ] = None,
) -> None:
    """Write the lock: digests of tags, hosts, GPUs, ports, and which volumes exist.

    What the lock says and is still valid stays as it is. Run it before a change and again after `pulumi up`.

    Example: labform lock stacks/dev.yaml
    """
    if only_check:
        _check(stack_file, lock, parsed(addresses))
        return
    draft = read(stack_file, lock=lock, addresses=parsed(addresses))
    _known(move or [], draft)
    draft = _with_sources(draft, upgrade=upgrade, ask=not offline)
    recipes, tags, problems = recipes_of(draft)
    draft.refuse(problems)
    known = {} if upgrade else dict(draft.lock.images)
    known |= dict(_given(image or []))
    images = {tag: known.get(tag) or _digest(draft, tag, offline) for tag in tags}
    seen, busy = (draft.lock, {}) if offline else _looked(draft)
    ledger = plan(draft.lab, seen, images, busy, cuda_needs(draft, recipes), move or ())
    draft.refuse(ledger.problems)
    builds = {} if offline else _builds(draft, recipes)
    wanted = ledger.lock.model_copy(update={"sources": draft.lock.sources, "builds": {**ledger.lock.builds, **builds}})
    changed = write_lock(draft.lock_path, wanted)
    print(f"{draft.lock_path}: {'written' if changed else 'up to date'}")
    for line in _moved(draft.lock, ledger):
        print(line)


def _with_sources(draft: Draft, *, upgrade: bool, ask: bool) -> Draft:
    """The draft with the commits of its repositories locked, and fetched."""
    wanted = named_refs(draft.lab)
    known = {} if upgrade and ask else {name: draft.lock.sources[name] for name in wanted if name in draft.lock.sources}
    if ask:
        known |= {name: resolve(one) for name, one in wanted.items() if name not in known}
    draft = replace(draft, lock=draft.lock.model_copy(update={"sources": dict(sorted(known.items()))}))
    if ask:
        fetch_all(draft)
    return draft


def _check(stack_file: Path, lock: Path | None, addresses: Addresses) -> None:
    stack = load(stack_file, lock=lock, addresses=addresses)
    if stack.lock_path.read_text() != lock_text(stack.lock):
        raise LabformError(
            f"{stack.lock_path}: error[stale-lock] is not as `labform lock {stack_file}` writes it; run it"
        )
    print(f"{stack.lock_path}: up to date")


def _known(names: Iterable[str], draft: Draft) -> None:
    running = draft.lab.running()
    if unknown := sorted(set(names) - set(running)):
        raise LabformError(f'--move: no running project "{unknown[0]}"; {suggestion(unknown[0], running)}')


def _moved(before: Lock, ledger: Ledger) -> Iterator[str]:
    """Whose container the next `up` replaces, and why."""
    old, new = before.placements(), ledger.lock.placements()
    for name in sorted({*old} & {*new}):
        if old[name] != new[name]:
            yield f"  {name}: {old[name]} -> {new[name]}: {ledger.ended.get(name, 'as its project asks')}"


def _given(pairs: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        tag, _, reference = pair.partition("=")
        if "@sha256:" not in reference:
            raise LabformError(f'--image "{pair}": write TAG=NAME@sha256:…')
        yield tag, reference


def _digest(draft: Draft, tag: str, offline: bool) -> str:
    if offline:
        raise LabformError(f"{tag} is not in the lock, and no registry is asked; run `labform lock {draft.path}`")
    with connected(*draft.lab.registry_daemon) as client:
        return registry_digest(client, tag)


def _builds(draft: Draft, recipes: Mapping[str, Recipe]) -> dict[str, LockedBuild]:
    """What was built since the lock was written, as far as a daemon and the registry can say."""
    known = {name: one.recipe for name, one in draft.lock.builds.items()}
    wanted = {name: one.hash for name, one in recipes.items() if known.get(name) != one.hash}
    registry = draft.lab.registry.address if draft.lab.registry else None
    found: dict[str, LockedBuild] = {}
    try:
        with connected(*draft.lab.registry_daemon, timeout=10) as client:
            for name, recipe in wanted.items():
                place = repository(draft.lab.lab, name, registry)
                if image := built(client, place, recipe, pushed=registry is not None):
                    cuda = cuda_version(client, f"{place}:{recipe}")
                    found[name] = LockedBuild(recipe=recipe, image=image, cuda=cuda)
    except LabformError as error:
        print(f"note: {error}; what it has built is kept as the lock says", file=sys.stderr)
    return found


def _looked_in_cluster(draft: Draft, cluster: Kubernetes) -> Lock:
    """The lock with the volumes whose claims exist marked as created; all as it says if the cluster cannot be asked."""
    try:
        with api.connected(cluster.context) as client:
            here = api.claims_of(client, draft.lab.lab)
    except LabformError as error:
        print(f"note: {error}; what exists there is kept as the lock says", file=sys.stderr)
        return draft.lock
    made = {key: one.model_copy(update={"state": "created"}) for key, one in draft.lock.volumes.items() if key in here}
    planned = {key: one for key, one in made.items() if draft.lock.volumes[key].state == "planned"}
    return draft.lock.model_copy(update={"volumes": {**draft.lock.volumes, **planned}})


def _looked(draft: Draft) -> tuple[Lock, dict[str, set[int]]]:
    """The lock with the volumes that exist marked as created, and the ports of each host that others have.

    A host that cannot be asked keeps its entries.
    """
    if isinstance(draft.lab.runs_on, Kubernetes):
        return _looked_in_cluster(draft, draft.lab.runs_on), {}
    volumes = dict(draft.lock.volumes)
    busy: dict[str, set[int]] = {}
    for host, declared in sorted(draft.lab.hosts.items()):
        try:
            with connected(host, declared.address, timeout=10) as client:
                here = volumes_of(client, draft.lab.lab)
                busy[host] = busy_ports(client, declared, draft.lab.lab)
        except LabformError as error:
            print(f"note: {error}; what exists on {host} is kept as the lock says", file=sys.stderr)
            continue
        for key, one in volumes.items():
            if one.host == host and one.state == "planned" and key in here:
                volumes[key] = one.model_copy(update={"state": "created"})
    return draft.lock.model_copy(update={"volumes": volumes}), busy
