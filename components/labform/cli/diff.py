"""`labform diff`: what is declared against what runs, fact by fact, also what the provider never reads back."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from labform.backends import Kubernetes
from labform.backends.docker.drift import container_drift, network_drift, others, volume_drift
from labform.backends.docker.facts import labels_of
from labform.backends.docker.live import ask_all
from labform.backends.docker.observed import Observed, name_of, observe
from labform.backends.drift import Drift, Facts
from labform.backends.live import check_running
from labform.cli import AddressesOption, LockOption, StackFileArgument, parsed, typer_app
from labform.environments.recipe import RECIPE_LABEL
from labform.loading import StackFile, load
from labform.naming import VOLUME_LABEL
from labform.plan.effects import Registered
from labform.plan.registrations import recorded
from labform.plan.terminal import clean
from labform.problems import LabformError

if TYPE_CHECKING:
    from docker import DockerClient

_CONTAINER, _NETWORK, _VOLUME = (
    f"docker:index/{one}" for one in ("container:Container", "network:Network", "volume:Volume")
)

_NAMED = 12
"""How many things the command that makes them anew is written out for."""


@typer_app.command()
def diff(
    stack_file: StackFileArgument,
    projects: Annotated[
        list[str] | None, typer.Argument(metavar="PROJECT", help="Projects of the lab. Default: all, and the rest.")
    ] = None,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if something differs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what is declared with what runs: all of the lab on its hosts or cluster, changed by hand or not yet.

    What `up` would register is held against what each host's daemon or the API server says, also what `pulumi refresh`
    never reads back. Values of secrets are neither asked for nor shown. Exit 1 if a host or the cluster is silent.

    Example: labform diff stacks/dev.yaml notebook --check
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    chosen = _chosen(stack, projects or [])
    found, silent, compared = lab_drift(stack, chosen, alone=bool(projects))
    if as_json:
        print(json.dumps({"drift": [asdict(one) for one in found], "unreachable": silent}, indent=1))
    else:
        in_cluster = isinstance(stack.lab.runs_on, Kubernetes)
        _print(found, compared, "in" if in_cluster else "on")
    if silent:
        raise LabformError("\n".join(silent))
    if found and check:
        raise typer.Exit(1)


def lab_drift(stack: StackFile, projects: Sequence[str], *, alone: bool = False) -> tuple[list[Drift], list[str], int]:
    """What of these projects is not as declared, why who is silent could not be asked, and how many were compared.

    Unless they are meant `alone`: also networks, volumes, and containers that no project is, in a cluster all objects.
    """
    if isinstance(stack.lab.runs_on, Kubernetes):
        # A Docker lab loads no module of the other backend.
        from labform.backends.kubernetes.running import InCluster

        images = {name: _image(stack, name) for name in stack.lab.running()}
        drift, refusals = InCluster(stack.lab, stack.lock).drift(images, projects, alone=alone)
        return drift, refusals, 0 if refusals else len(projects)
    made = recorded(stack, projects, stack.lock.builds.values())
    containers = {str(one.project): one.inputs for one in made.values() if one.type == _CONTAINER}
    places = {name: stack.lock.placements()[name].host for name in containers}
    hosts = {name: host for name, host in stack.lab.hosts.items() if not alone or name in places.values()}

    def ask(host: str, client: "DockerClient") -> Observed:
        """One host, and the files of the containers that it should have."""
        return observe(client, [one for name, one in containers.items() if places[name] == host])

    found: list[Drift | None] = []
    silent = {}
    for host, seen in ask_all(hosts, ask).items():
        if isinstance(seen, LabformError):
            silent[host] = str(seen)
            continue
        for name in (name for name in sorted(containers) if places[name] == host):
            inputs = containers[name]
            found.append(container_drift(host, hosts[host], inputs, _built(stack, name, inputs), seen))
        if not alone:
            found += _beside(stack, host, made.values(), seen)
    compared = [name for name in containers if places[name] not in silent]
    return [one for one in found if one], [*silent.values()], len(compared)


def _chosen(stack: StackFile, names: Sequence[str]) -> list[str]:
    """The running projects that are meant; LabformError for one that is unknown or retired."""
    for name in names:
        check_running(stack.lab, name)
    return sorted(set(names) or stack.lab.running())


def _built(stack: StackFile, name: str, inputs: Mapping[str, Any]) -> Facts:
    """What is known of a project's image: what it was built from, and, once the lock knows that, its digest."""
    facts = {("label", RECIPE_LABEL): stack.recipes[name].hash}
    if (image := stack.built(name)) is None:
        return facts
    # Projects of one recipe may have been built one by one: each has a digest of its own.
    name, at, _ = inputs["image"].partition("@")
    return facts | {("image", ""): f"{name}@{image.partition('@')[2]}" if at else image}


def _image(stack: StackFile, name: str) -> str:
    """The image that a project's pod should run, as far as the lock knows it."""
    from labform.backends.kubernetes.drift import UNKNOWN

    known = stack.lock.builds.get(name)
    if known and stack.lab.projects[name].pinned:
        return known.image
    image = stack.built(name)
    return f"{stack.lab.repository(name)}@{image.rpartition('@')[2] if image else UNKNOWN}"


def _beside(stack: StackFile, host: str, made: Iterable[Registered], seen: Observed) -> Iterator[Drift | None]:
    """What of a lab is on a host beside its projects' containers."""
    lab, there = stack.lab, stack.lock.placements_at(stack.lab.hosts, host)
    containers = [one.inputs for one in made if one.type == _CONTAINER and one.project in there]
    for one in made:
        if one.type == _NETWORK and one.name == f"{lab.lab}-{host}":
            yield network_drift(host, one.inputs, seen)
        if one.type == _VOLUME and _host_of(stack, one) == host:
            yield volume_drift(host, one.inputs, seen)
    # Hosts may share a daemon: its containers are looked at once.
    if host == min(name for name, one in lab.hosts.items() if one.address == lab.hosts[host].address):
        yield from others(host, lab.lab, {name_of(one, seen.containers) or "" for one in containers}, seen)


def _host_of(stack: StackFile, volume: Registered) -> str | None:
    """Where a volume is registered: a managed one at its host, the handle on an export at the host of its name."""
    key = labels_of(volume.inputs).get(VOLUME_LABEL)
    if key is None:
        return volume.name.removeprefix(f"{volume.inputs['name']}-")
    return stack.lock.host_of(stack.lab, key)


def _print(found: Sequence[Drift], count: int, preposition: str) -> None:
    """A block for each thing: its name, and a line for each fact with both sides."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for one in found:
        words = (f"{one.subject}: {one.name}", f"{preposition} {one.host}" if one.host else "", one.said)
        console.print(clean(" ".join(filter(None, words))), style="bold", soft_wrap=True)
        if one.differences:
            console.print(_table(one))
    if not found and count:
        compared = "1 project is" if count == 1 else f"{count} projects are"
        console.print(f"{compared} as declared, also where `pulumi refresh` does not look")
    if edited := [one.anew for one in found if one.anew]:
        what = "a container" if all(one.startswith("**Container::") for one in edited) else "an object"
        names = edited if len(edited) <= _NAMED else sorted({f"{one.partition('::')[0]}::NAME" for one in edited})
        options = " ".join(f"--replace '{name}'" for name in names)
        console.print(clean(f"\nto make {what} anew, as it is declared: pulumi up {options}"), soft_wrap=True)


def _table(one: Drift) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, style in (("  ", ""), ("DECLARED", "green"), ("RUNNING", "red")):
        table.add_column(title, style=style, overflow="fold")
    for fact in one.differences:
        table.add_row(clean(f"  {fact.what}"), clean(fact.declared or "-"), clean(fact.running or "-"))
    return table
