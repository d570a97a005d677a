"""`labform status`: what a lab declares, beside what runs."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from labform import naming
from labform.backends.docker.data import data_of, invitation, url_of
from labform.backends.docker.live import Containers, containers_on, unplanned
from labform.cli import (
    AddressesOption,
    LockOption,
    StackFileArgument,
    TokensOption,
    parsed,
    print_table,
    refuse_cluster,
    typer_app,
)
from labform.loading import StackFile, load
from labform.problems import LabformError

_FINE = frozenset({"healthy", "running", "done", "retired", "starting", "stopped"})


@typer_app.command()
def status(
    stack_file: StackFileArgument,
    lock: LockOption = None,
    addresses: AddressesOption = "{}",
    tokens: TokensOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each project: state, image, where to reach it, where its data lives. Exit 1 if one is not well.

    Example: labform status stacks/dev.yaml
    """
    stack = load(stack_file, lock=lock, addresses=parsed(addresses))
    refuse_cluster(stack.lab, "kubectl get deployments,jobs,pods --all-namespaces")
    known: dict[str, str] = json.load(tokens) if tokens else {}
    rows = lab_status(stack)
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _print([row | {"url": _invited(stack, row, known)} for row in rows] if sys.stdout.isatty() else rows)
    if bad := [row for row in rows if row["state"] not in _FINE]:
        raise LabformError("\n".join(f"{row['project']}: {row['state']}; {row['cause']}" for row in bad))


def lab_status(stack: StackFile) -> list[dict[str, Any]]:
    """A row for each project, in the order of names, with what its daemon says of its container.

    After them come containers of this lab that the lock gives no place: what a killed run left, or an `up` removes; and
    hosts without projects that do not answer.
    """
    seen = containers_on(stack.lab.hosts, lab=stack.lab.lab)
    rows = [_row(stack, name, seen) for name in sorted(stack.lab.projects)]
    return rows + [row for host, found in seen.items() for row in _unplanned(stack, host, found)]


def _row(stack: StackFile, name: str, seen: Mapping[str, Containers | LabformError]) -> dict[str, Any]:
    row = {"project": name, "state": "retired", "image": "", "url": "", "data": data_of(stack.lab, name)}
    place = stack.lock.placement(name)
    if place is None:
        return row
    project = stack.lab.projects[name]
    if url := url_of(project, place):
        row["url"] = invitation(project, url, None)
    found = seen[place.host]
    if isinstance(found, LabformError):
        return row | {"state": "unknown", "cause": str(found)}
    container = found.get(naming.container(stack.lab.lab, name))
    if container is None:
        return row | {"state": "missing", "cause": "it has no container; run `pulumi up`"}
    return row | {"image": container["Config"]["Image"], **_state(container, is_run=project.run is not None)}


def _unplanned(stack: StackFile, host: str, found: Containers | LabformError) -> Iterator[dict[str, Any]]:
    there = stack.lock.placements_at(stack.lab.hosts, host)
    if isinstance(found, LabformError):
        if not there:
            row = {"project": f"(host {host})", "image": "", "url": "", "data": []}
            yield {**row, "state": "unknown", "cause": str(found)}
        return
    here = {naming.container(stack.lab.lab, name) for name in there}
    for name in sorted({*found} - here):
        row = {"project": name, "image": found[name]["Config"]["Image"], "url": "", "data": []}
        yield {**row, "state": "unplanned", "cause": f"on {host}, and {unplanned(name)}"}


def _state(seen: Mapping[str, Any], *, is_run: bool) -> dict[str, str]:
    state = seen["State"]
    name = seen["Name"].lstrip("/")
    if state["Status"] == "exited" and is_run:
        code = state["ExitCode"]
        return (
            {"state": "done"}
            if code == 0
            else {"state": "failed", "cause": f"exit code {code}; see `docker logs {name}`"}
        )
    if state["Status"] == "running":
        health = state.get("Health", {})
        if health.get("Status") == "unhealthy":
            said = health["Log"][-1]["Output"].strip().splitlines()[-1:] if health.get("Log") else []
            return {"state": "unhealthy", "cause": "; ".join([*said, f"see `docker logs {name}`"])}
        return {"state": health.get("Status", "running")}
    if state["Status"] == "exited":
        return {"state": "stopped", "cause": f"exit code {state['ExitCode']}; see `docker logs {name}`"}
    return {"state": state["Status"], "cause": state.get("Error") or f"see `docker logs {name}`"}


def _invited(stack: StackFile, row: Mapping[str, Any], tokens: Mapping[str, str]) -> str:
    """Where a project is reached, with the token that lets one in."""
    name = row["project"]
    if not row["url"] or name not in tokens:
        return str(row["url"])
    project = stack.lab.projects[name]
    return invitation(project, url_of(project, stack.lock.placements()[name]), tokens[name])


def _print(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("project", "state", "image", "reach it at", "data"),
        [
            (
                row["project"],
                row["state"],
                row["image"].split("@")[-1][:19],
                row["url"],
                "\n".join(row["data"]),
            )
            for row in rows
        ],
    )
